//! What the contract keeps: the last 4,032 headers in a ring, and sparse older ones.
//!
//! The record of height h is at h modulo the ring's length, so old ones need no removal; two neighbours share a key, since a
//! write costs more than the bytes of a second header. Every 144th header is copied before it is overwritten.

use bitcoin::block::Header;
use bitcoin::{Work, consensus};
use cosmwasm_schema::cw_serde;
use cosmwasm_std::{Addr, QuerierWrapper, Storage};
use cw_storage_plus::{Item, Map};

use crate::ContractError;
use crate::msg::Network;

/// Length of the ring, in headers: four weeks, a multiple of [`SPACING`] and of a pair.
pub(crate) const RING: u32 = 4032;

/// Every so many headers one is kept for good.
pub(crate) const SPACING: u32 = 144;

const HEADER_LENGTH: usize = 80;
const RECORD_LENGTH: usize = 96;
const PAIR_LENGTH: usize = 2 * RECORD_LENGTH;

const CONFIG: Item<Config> = Item::new("config");
const EXTENT: Item<Extent> = Item::new("extent");
/// Raw bytes: header ‖ BE128(work of the chain up to it) of an even height, and of the odd one that follows. Key: half the
/// place in the ring.
const RECENT: Map<u32, Vec<u8>> = Map::new("h");
/// Raw bytes: header.
const OLD: Map<u32, Vec<u8>> = Map::new("o");

/// What was fixed at the beginning.
#[cw_serde]
pub(crate) struct Config {
    pub(crate) network: Network,
    pub(crate) test_only: bool,
    /// Height of the newest trusted header.
    pub(crate) base_height: u32,
    /// Time at which the difficulty period of the base began.
    pub(crate) epoch_start_time: u32,
    pub(crate) max_reorg: u32,
    pub(crate) submitters: Vec<Addr>,
}

/// Which heights the ring holds.
#[cw_serde]
#[derive(Copy)]
pub(crate) struct Extent {
    /// Lowest height whose record was not overwritten, even by a branch that was undone since.
    pub(crate) first: u32,
    /// Height of the best chain's newest header.
    pub(crate) tip: u32,
}

/// A header of the best chain, and the work up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) header: Header,
    pub(crate) work: u128,
}

impl Record {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = consensus::serialize(&self.header);
        bytes.extend(self.work.to_be_bytes());
        bytes
    }

    /// The record of a height, out of what is at its key.
    pub(crate) fn parse(pair: &[u8], height: u32) -> Option<Self> {
        let (even, odd) = pair.split_at_checked(RECORD_LENGTH)?;
        let record = if is_even(height) { even } else { odd };
        let (header, work) = record.split_at_checked(HEADER_LENGTH)?;
        Some(Self {
            header: consensus::deserialize(header).ok()?,
            work: u128::from_be_bytes(work.try_into().ok()?),
        })
    }
}

/// The work as a number; `None` from 2¹²⁸ on, about a billion times what Bitcoin has done.
pub(crate) fn work_to_u128(work: Work) -> Option<u128> {
    let bytes = work.to_be_bytes();
    let (high, low) = bytes.split_first_chunk::<16>()?;
    (*high == [0; 16]).then_some(u128::from_be_bytes(low.try_into().ok()?))
}

/// The number as a work.
pub(crate) fn work_from_u128(work: u128) -> Work {
    let mut bytes = [0; 32];
    for (target, source) in bytes.iter_mut().skip(16).zip(work.to_be_bytes()) {
        *target = source;
    }
    Work::from_be_bytes(bytes)
}

pub(crate) fn config(storage: &dyn Storage) -> Result<Config, ContractError> {
    Ok(CONFIG.load(storage)?)
}

pub(crate) fn set_config(storage: &mut dyn Storage, config: &Config) -> Result<(), ContractError> {
    Ok(CONFIG.save(storage, config)?)
}

/// The same of another contract of this kind.
pub(crate) fn query_config(
    querier: QuerierWrapper<'_>,
    contract: &Addr,
) -> Result<Config, ContractError> {
    Ok(CONFIG.query(&querier, contract.clone())?)
}

pub(crate) fn extent(storage: &dyn Storage) -> Result<Extent, ContractError> {
    Ok(EXTENT.load(storage)?)
}

pub(crate) fn set_extent(storage: &mut dyn Storage, extent: Extent) -> Result<(), ContractError> {
    Ok(EXTENT.save(storage, &extent)?)
}

/// The same of another contract of this kind.
pub(crate) fn query_extent(
    querier: QuerierWrapper<'_>,
    contract: &Addr,
) -> Result<Extent, ContractError> {
    Ok(EXTENT.query(&querier, contract.clone())?)
}

/// Where the record of a height is, if the ring holds it, and that of its neighbour.
pub(crate) fn recent_key(height: u32) -> Vec<u8> {
    RECENT.key(pair(height)).to_vec()
}

/// Where an old header is, if it is kept.
pub(crate) fn old_key(height: u32) -> Vec<u8> {
    OLD.key(height).to_vec()
}

/// The record at a height; `None` where the ring does not hold it.
pub(crate) fn recent(
    storage: &dyn Storage,
    extent: Extent,
    height: u32,
) -> Result<Option<Record>, ContractError> {
    if height < extent.first || height > extent.tip {
        return Ok(None);
    }
    storage
        .get(&recent_key(height))
        .and_then(|bytes| Record::parse(&bytes, height))
        .map(Some)
        .ok_or(ContractError::Corrupt(height))
}

/// The record at a height that the ring must hold.
pub(crate) fn expected(
    storage: &dyn Storage,
    extent: Extent,
    height: u32,
) -> Result<Record, ContractError> {
    recent(storage, extent, height)?.ok_or(ContractError::Corrupt(height))
}

/// The header at a height, where it is stored at all.
pub(crate) fn header(
    storage: &dyn Storage,
    extent: Extent,
    height: u32,
) -> Result<Option<Header>, ContractError> {
    if let Some(record) = recent(storage, extent, height)? {
        return Ok(Some(record.header));
    }
    if height > extent.tip {
        return Ok(None);
    }
    storage
        .get(&old_key(height))
        .map(|bytes| consensus::deserialize(&bytes).map_err(|_| ContractError::Corrupt(height)))
        .transpose()
}

/// Writes records of heights that follow each other, and keeps those whose places they take of every 144th height.
pub(crate) fn set_recent(
    storage: &mut dyn Storage,
    extent: Extent,
    branch: &[(u32, Record)],
) -> Result<(), ContractError> {
    for neighbours in branch.chunk_by(|(low, _), (high, _)| pair(*low) == pair(*high)) {
        let Some((height, _)) = neighbours.first() else {
            continue;
        };
        // Multiples of the spacing are even, so where one is replaced it is the first.
        if let Some(replaced) = height.checked_sub(RING).filter(|old| old % SPACING == 0) {
            if let Some(old) = recent(storage, extent, replaced)? {
                keep(storage, replaced, &old.header);
            }
        }
        let key = recent_key(*height);
        let bytes = if let [(_, even), (_, odd)] = neighbours {
            [even.to_bytes(), odd.to_bytes()].concat()
        } else {
            let known = storage.get(&key);
            let known = known.unwrap_or_else(|| vec![0; PAIR_LENGTH]);
            beside(&known, neighbours).ok_or(ContractError::Corrupt(*height))?
        };
        storage.set(&key, &bytes);
    }
    Ok(())
}

/// A pair in which one record takes its place beside the one that is there.
fn beside(known: &[u8], records: &[(u32, Record)]) -> Option<Vec<u8>> {
    let (even, odd) = known.split_at_checked(RECORD_LENGTH)?;
    let [(height, record)] = records else {
        return None;
    };
    let record = record.to_bytes();
    Some(if is_even(*height) {
        [&record, odd].concat()
    } else {
        [even, &record].concat()
    })
}

/// Keeps an old header for good.
pub(crate) fn keep(storage: &mut dyn Storage, height: u32, header: &Header) {
    storage.set(&old_key(height), &consensus::serialize(header));
}

const fn pair(height: u32) -> u32 {
    height % RING / 2
}

const fn is_even(height: u32) -> bool {
    height % 2 == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::constants::genesis_block;

    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_the_config_is_what_instances_have() {
        let config = Config {
            network: Network::Signet,
            test_only: true,
            base_height: 1,
            epoch_start_time: 2,
            max_reorg: 3,
            submitters: vec![Addr::unchecked("relayer")],
        };
        assert_stored(
            |storage| set_config(storage, &config).unwrap(),
            "config",
            r#"{"network":"signet","test_only":true,"base_height":1,"epoch_start_time":2,"max_reorg":3,"submitters":["relayer"]}"#,
        );
    }

    #[test]
    fn the_layout_of_the_extent_is_what_instances_have() {
        let extent = Extent { first: 1, tip: 2 };
        assert_stored(
            |storage| set_extent(storage, extent).unwrap(),
            "extent",
            r#"{"first":1,"tip":2}"#,
        );
    }

    #[test]
    fn the_layout_of_recent_headers_is_what_instances_have() {
        let header = genesis_block(bitcoin::Network::Regtest).header;
        let extent = Extent { first: 0, tip: 0 };
        let record = |work| Record { header, work };
        let pair = [(0x206, record(1)), (0x207, record(2))];
        assert_stored(
            |storage| set_recent(storage, extent, &pair).unwrap(),
            r"\x00\x01h\x00\x00\x01\x03",
            concat!(
                "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd",
                "7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000",
                "00000000000000000000000000000001010000000000000000000000000000000000000000000000",
                "0000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa",
                "4b1e5e4adae5494dffff7f200200000000000000000000000000000000000002"
            ),
        );
    }

    #[test]
    fn the_layout_of_an_old_header_is_what_instances_have() {
        let header = genesis_block(bitcoin::Network::Regtest).header;
        assert_stored(
            |storage| keep(storage, 0x1234, &header),
            r"\x00\x01o\x00\x00\x124",
            concat!(
                "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd",
                "7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000"
            ),
        );
    }
}
