//! Following the chain with most work.
//!
//! A message's headers are judged as one branch: from the stored header on which they build, each by Bitcoin's rules.
//! A branch that does not build on the tip must end with more work than the tip has; side branches are not stored.

use bitcoin::block::Header;
use bitcoin::consensus;
use cosmwasm_std::Storage;
use staking::header::{HeaderRules, MEDIAN_TIMES, PERIOD, Tip};
use staking::units::BitcoinHeight;

use crate::ContractError;
use crate::msg::Network;
use crate::reorgs::{self, Reorg};
use crate::store::{self, Config, Extent, RING, Record};

/// Most headers of one message: two weeks.
pub(crate) const MAX_HEADERS: usize = 2016;

/// Deepest reorganisation that can be allowed; its period's start and its median times are still in the ring.
pub(crate) const MAX_REORG: u32 = 1008;

const _: () = assert!((MAX_REORG + PERIOD) as usize + MEDIAN_TIMES <= RING as usize);

const HEADER_LENGTH: usize = 80;

/// How far a header may be ahead of the secured chain's clock, in seconds: what Bitcoin's nodes allow.
const FUTURE_LIMIT: u64 = 2 * 60 * 60;

/// What a branch did to the stored chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advance {
    /// Number of headers that were not known.
    pub(crate) added: usize,
    /// Height of the tip afterwards.
    pub(crate) tip: u32,
    /// What was undone.
    pub(crate) reorg: Option<Reorg>,
}

/// The rules of a network.
pub(crate) fn rules(network: Network) -> Result<HeaderRules, ContractError> {
    let network = match network {
        Network::Bitcoin => bitcoin::Network::Bitcoin,
        Network::Signet => bitcoin::Network::Signet,
        Network::Regtest => bitcoin::Network::Regtest,
    };
    Ok(HeaderRules::new(network)?)
}

/// Reads the headers of a message.
pub(crate) fn parse_headers(raw: &[u8]) -> Result<Vec<Header>, ContractError> {
    let wrong = || ContractError::HeaderBytes(raw.len());
    let count = raw.len() / HEADER_LENGTH;
    if count == 0 || count > MAX_HEADERS {
        return Err(wrong());
    }
    raw.chunks(HEADER_LENGTH)
        .map(|header| consensus::deserialize(header).map_err(|_| wrong()))
        .collect()
}

/// Refuses a header that is dated more than two hours after the secured chain's present block.
pub(crate) fn check_not_future(header: &Header, now: u64) -> Result<(), ContractError> {
    if u64::from(header.time) > now.saturating_add(FUTURE_LIMIT) {
        let (hash, time) = (header.block_hash(), header.time);
        Err(ContractError::Future { hash, time, now })
    } else {
        Ok(())
    }
}

/// Judges headers that follow the one at `parent_height`, and makes them the best chain if they are.
pub(crate) fn advance(
    storage: &mut dyn Storage,
    config: &Config,
    now: u64,
    parent_height: u32,
    headers: &[Header],
) -> Result<Advance, ContractError> {
    let extent = store::extent(storage)?;
    let tip = store::expected(storage, extent, extent.tip)?;
    let lowest = extent.first.max(config.base_height);
    if parent_height < lowest || parent_height > extent.tip {
        return Err(ContractError::UnknownParent {
            height: parent_height,
            base: lowest,
            tip: extent.tip,
        });
    }
    let (fork_height, headers) = skip_known(storage, extent, parent_height, headers)?;
    if headers.is_empty() {
        let tip = extent.tip;
        return Ok(Advance {
            added: 0,
            tip,
            reorg: None,
        });
    }
    let depth = extent.tip.saturating_sub(fork_height);
    if depth > config.max_reorg {
        return Err(ContractError::ReorgTooDeep {
            fork_height,
            depth,
            max: config.max_reorg,
        });
    }
    let branch = judge(storage, config, extent, now, fork_height, headers)?;
    let height = branch
        .last()
        .filter(|(_, end)| depth == 0 || end.work > tip.work)
        .map(|(height, _)| *height)
        .ok_or_else(|| ContractError::LessWork {
            fork_height,
            height: branch.last().map_or(fork_height, |(height, _)| *height),
        })?;
    store::set_recent(storage, extent, &branch)?;
    let first = extent
        .first
        .max(height.saturating_add(1).saturating_sub(RING));
    store::set_extent(storage, Extent { first, tip: height })?;
    let reorg = (depth > 0).then_some(Reorg { fork_height, depth });
    if let Some(reorg) = reorg {
        reorgs::record(storage, reorg)?;
    }
    Ok(Advance {
        added: branch.len(),
        tip: height,
        reorg,
    })
}

/// Passes over headers that are on the stored chain; answers with the height of the last common header.
fn skip_known<'a>(
    storage: &dyn Storage,
    extent: Extent,
    mut parent_height: u32,
    mut headers: &'a [Header],
) -> Result<(u32, &'a [Header]), ContractError> {
    while let Some((header, following)) = headers.split_first() {
        let height = parent_height.saturating_add(1);
        match store::recent(storage, extent, height)? {
            Some(known) if known.header == *header => {
                parent_height = height;
                headers = following;
            }
            _ => break,
        }
    }
    Ok((parent_height, headers))
}

/// The records that these headers make on top of the stored one at `parent_height`.
fn judge(
    storage: &dyn Storage,
    config: &Config,
    extent: Extent,
    now: u64,
    parent_height: u32,
    headers: &[Header],
) -> Result<Vec<(u32, Record)>, ContractError> {
    let rules = rules(config.network)?;
    let mut tip = restore(storage, config, extent, parent_height)?;
    let mut branch = Vec::with_capacity(headers.len());
    for header in headers {
        tip = tip.extend(&rules, *header)?;
        check_not_future(header, now)?;
        let work = store::work_to_u128(tip.work()).ok_or(ContractError::Chainwork)?;
        let header = *header;
        branch.push((tip.height().0, Record { header, work }));
    }
    Ok(branch)
}

/// The stored chain as it was when its tip was at `height`.
fn restore(
    storage: &dyn Storage,
    config: &Config,
    extent: Extent,
    height: u32,
) -> Result<Tip, ContractError> {
    let oldest = u32::try_from(MEDIAN_TIMES).map_or(height, |times| {
        height.saturating_add(1).saturating_sub(times)
    });
    let recent = (oldest..=height)
        .map(|height| store::expected(storage, extent, height).map(|record| record.header))
        .collect::<Result<Vec<Header>, ContractError>>()?;
    let work = store::expected(storage, extent, height)?.work;
    let period_start = height.saturating_sub(height % PERIOD);
    let period_start_time = if period_start <= config.base_height {
        config.epoch_start_time
    } else {
        store::expected(storage, extent, period_start)?.header.time
    };
    Ok(Tip::restore(
        BitcoinHeight(height),
        store::work_from_u128(work),
        period_start_time,
        &recent,
    )?)
}
