//! The trusted beginning.

use bitcoin::block::Header;
use bitcoin::consensus;
use cosmwasm_std::{Api, HexBinary, Storage};
use staking::header::{MEDIAN_TIMES, PERIOD};

use crate::ContractError;
use crate::chain::{self, MAX_REORG};
use crate::msg::{InstantiateMsg, Network};
use crate::store::{self, Config, Extent, Record};

/// Most addresses that may bring headers on signet.
const MAX_SUBMITTERS: usize = 32;

/// Checks the trusted beginning as far as it can be checked, and stores it.
pub(crate) fn begin(
    storage: &mut dyn Storage,
    api: &dyn Api,
    now: u64,
    msg: &InstantiateMsg,
) -> Result<(), ContractError> {
    check_network(msg)?;
    let headers = parse(msg)?;
    let first = first_height(msg)?;
    let rules = chain::rules(msg.network)?;
    for header in &headers {
        rules.check_proof_of_work(header)?;
        chain::check_not_future(header, now)?;
    }
    check_linked(&headers)?;
    check_epoch_start_time(msg, first, &headers)?;
    let extent = Extent {
        first,
        tip: msg.height,
    };
    let mut work = parse_work(&msg.chainwork)?;
    let mut records = Vec::new();
    for (header, height) in headers.iter().rev().zip((first..=msg.height).rev()) {
        let record = Record {
            header: *header,
            work,
        };
        records.push((height, record));
        work = store::work_to_u128(header.work())
            .and_then(|own| work.checked_sub(own))
            .ok_or(ContractError::Chainwork)?;
    }
    records.reverse();
    store::set_recent(storage, extent, &records)?;
    store::set_extent(storage, extent)?;
    let submitters = msg
        .submitters
        .iter()
        .map(|address| api.addr_validate(address))
        .collect::<Result<_, _>>()?;
    store::set_config(
        storage,
        &Config {
            network: msg.network,
            test_only: msg.test_only,
            base_height: msg.height,
            epoch_start_time: msg.epoch_start_time,
            max_reorg: msg.max_reorg,
            submitters,
        },
    )
}

fn check_network(msg: &InstantiateMsg) -> Result<(), ContractError> {
    let network = msg.network;
    if msg.test_only == (network == Network::Bitcoin) {
        let test_only = msg.test_only;
        return Err(ContractError::TestOnly { network, test_only });
    }
    let found = msg.submitters.len();
    if (network == Network::Signet) == (found == 0) || found > MAX_SUBMITTERS {
        return Err(ContractError::Submitters {
            network,
            found,
            max: MAX_SUBMITTERS,
        });
    }
    if msg.max_reorg == 0 || msg.max_reorg > MAX_REORG {
        return Err(ContractError::MaxReorg {
            found: msg.max_reorg,
            max: MAX_REORG,
        });
    }
    Ok(())
}

fn base_headers(msg: &InstantiateMsg) -> ContractError {
    ContractError::BaseHeaders {
        height: msg.height,
        found: msg.headers.len(),
    }
}

fn parse(msg: &InstantiateMsg) -> Result<Vec<Header>, ContractError> {
    if msg.headers.len() != MEDIAN_TIMES {
        return Err(base_headers(msg));
    }
    msg.headers
        .iter()
        .map(|raw| consensus::deserialize(raw).map_err(|_| base_headers(msg)))
        .collect()
}

/// Height of the oldest header given.
fn first_height(msg: &InstantiateMsg) -> Result<u32, ContractError> {
    let before_last = MEDIAN_TIMES.saturating_sub(1);
    u32::try_from(before_last)
        .ok()
        .and_then(|before_last| msg.height.checked_sub(before_last))
        .ok_or_else(|| base_headers(msg))
}

fn check_linked(headers: &[Header]) -> Result<(), ContractError> {
    let broken = headers
        .iter()
        .zip(headers.iter().skip(1))
        .find(|(parent, child)| child.prev_blockhash != parent.block_hash());
    match broken {
        Some((parent, child)) => Err(ContractError::BaseNotLinked {
            hash: child.block_hash(),
            parent: parent.block_hash(),
        }),
        None => Ok(()),
    }
}

/// The period may have begun before the headers given; then its time is trusted as they are.
fn check_epoch_start_time(
    msg: &InstantiateMsg,
    first: u32,
    headers: &[Header],
) -> Result<(), ContractError> {
    let height = msg.height.saturating_sub(msg.height % PERIOD);
    let given = (first..).zip(headers).find(|(at, _)| *at == height);
    match given {
        Some((_, header)) if header.time != msg.epoch_start_time => {
            Err(ContractError::EpochStartTime {
                found: msg.epoch_start_time,
                height,
                expected: header.time,
            })
        }
        _ => Ok(()),
    }
}

fn parse_work(chainwork: &HexBinary) -> Result<u128, ContractError> {
    chainwork
        .to_array::<32>()
        .ok()
        .and_then(|bytes| store::work_to_u128(bitcoin::Work::from_be_bytes(bytes)))
        .ok_or(ContractError::Chainwork)
}
