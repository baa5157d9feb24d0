//! Stakes by heights of Bitcoin: when they end, when they are forgotten, and in which blocks they were proven and spent.
//!
//! One key for each, so that however many fall on one height are looked at in pages.

use bitcoin::OutPoint;
use cosmwasm_std::{Order, Storage};
use cw_storage_plus::{Bound, Map};

use super::record;
use crate::ContractError;

/// Most stakes looked at in one message.
const MAX_PAGE: u32 = 100;

/// Stakes by a height: (height, outpoint). The value means nothing.
pub(super) struct Calendar(&'static str);

/// Heights from which stakes do not count any more.
pub(super) const EXPIRIES: Calendar = Calendar("expiry");

/// Heights at which the timelocks of stakes that ended are over.
pub(super) const ENDS: Calendar = Calendar("end");

/// Heights of the blocks in which stakes were proven, and spent.
pub(super) const BLOCKS: Calendar = Calendar("byheight");

/// A stake at a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) height: u32,
    pub(super) outpoint: OutPoint,
}

impl Calendar {
    const fn map<'k>(&self) -> Map<(u32, &'k [u8]), ()> {
        Map::new(self.0)
    }

    pub(super) fn insert(&self, storage: &mut dyn Storage, height: u32, outpoint: &OutPoint) {
        let key = record::key(outpoint);
        storage.set(&self.map().key((height, &key)), &[0]);
    }

    pub(super) fn remove(&self, storage: &mut dyn Storage, height: u32, outpoint: &OutPoint) {
        let key = record::key(outpoint);
        self.map().remove(storage, (height, &key));
    }

    /// Up to `limit` stakes at or below a height, the lowest first.
    pub(super) fn up_to(
        &self,
        storage: &dyn Storage,
        height: u32,
        limit: usize,
    ) -> Result<Vec<Entry>, ContractError> {
        let below = height
            .checked_add(1)
            .map(|next| Bound::exclusive((next, [].as_slice())));
        self.page(storage, None, below, limit)
    }

    /// Up to `limit` stakes above a height, the lowest first; after one of them, where it is given.
    pub(super) fn above(
        &self,
        storage: &dyn Storage,
        height: u32,
        after: Option<&Entry>,
        limit: usize,
    ) -> Result<Vec<Entry>, ContractError> {
        let key = after.map(|after| record::key(&after.outpoint));
        let after = after.zip(key.as_deref());
        let from = match after {
            Some((after, key)) => Bound::exclusive((after.height, key)),
            None => match height.checked_add(1) {
                Some(next) => Bound::inclusive((next, [].as_slice())),
                None => return Ok(Vec::new()),
            },
        };
        self.page(storage, Some(from), None, limit)
    }

    fn page<'k>(
        &self,
        storage: &dyn Storage,
        from: Option<Bound<'k, (u32, &'k [u8])>>,
        to: Option<Bound<'k, (u32, &'k [u8])>>,
        limit: usize,
    ) -> Result<Vec<Entry>, ContractError> {
        self.map()
            .keys(storage, from, to, Order::Ascending)
            .take(limit)
            .map(|key| {
                let (height, outpoint) = key?;
                let outpoint = record::parse_key(&outpoint)?;
                Ok(Entry { height, outpoint })
            })
            .collect()
    }
}

/// Refuses to look at no stakes, or at more than one message can pay for.
pub(super) fn check_limit(limit: u32) -> Result<usize, ContractError> {
    let found = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 || limit > MAX_PAGE {
        let what = "stakes to look at";
        let max = usize::try_from(MAX_PAGE).unwrap_or(usize::MAX);
        return Err(ContractError::Count { what, found, max });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use bitcoin::Txid;
    use bitcoin::hashes::Hash;

    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_an_entry_is_what_instances_have() {
        let outpoint = OutPoint {
            txid: Txid::from_byte_array([b't'; 32]),
            vout: 1,
        };
        for (calendar, key) in [
            (
                EXPIRIES,
                r"\x00\x06expiry\x00\x04\x00\x00\x124tttttttttttttttttttttttttttttttt\x00\x00\x00\x01",
            ),
            (
                ENDS,
                r"\x00\x03end\x00\x04\x00\x00\x124tttttttttttttttttttttttttttttttt\x00\x00\x00\x01",
            ),
            (
                BLOCKS,
                r"\x00\x08byheight\x00\x04\x00\x00\x124tttttttttttttttttttttttttttttttt\x00\x00\x00\x01",
            ),
        ] {
            assert_stored(
                |storage| calendar.insert(storage, 0x1234, &outpoint),
                key,
                "00",
            );
        }
    }
}
