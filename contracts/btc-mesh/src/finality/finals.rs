//! Final checkpoints as they are kept: the last 10,000 one by one, all before them as one hash.

use bitcoin::hashes::{Hash, sha256};
use cosmwasm_std::{Event, Order, Storage};
use cw_storage_plus::{Bound, Map};
use mesh_core::table::TableHead;

use super::tally;
use crate::ContractError;
use crate::msg::{Bytes32, FinalizedResponse};
use crate::store::Record;

/// How many final checkpoints are kept one by one.
const KEPT: u64 = 10_000;

/// Raw bytes, see [`Final::to_bytes`].
const FINALS: Map<u64, ()> = Map::new("f");
/// Hash over all final checkpoints that are not kept any more.
const FORGOTTEN: Record<Bytes32> = Record::new("forgotten");

/// A checkpoint that is final, with what a verifier asks about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Final {
    /// Height of the secured chain.
    pub height: u64,
    /// Hash of the header there.
    pub hash: [u8; 32],
    /// The era in which it became final.
    pub era: u32,
    /// The epoch whose table made it final.
    pub epoch: u64,
    /// Whether governance decreed it and no votes did.
    pub decreed: bool,
    /// Root of that table.
    pub table_root: [u8; 32],
    /// Bitcoin's height at which that table was cut.
    pub cut_height: u32,
    /// What the table's providers stood to lose together, sat.
    pub at_risk: u64,
    /// Weight that had voted for it, sat.
    pub voted: u64,
    /// Weight of the table, sat.
    pub total: u64,
}

const FINAL_LENGTH: usize = 113;

impl Final {
    /// What `voted` sat of a table made final.
    pub(super) fn new(
        head: &TableHead,
        k: u64,
        hash: [u8; 32],
        voted: u64,
    ) -> Result<Self, ContractError> {
        Ok(Self {
            height: head
                .term
                .height(k)
                .ok_or(ContractError::CorruptTable(head.term.epoch))?,
            hash,
            era: head.term.era,
            epoch: head.term.epoch,
            decreed: false,
            table_root: head.root,
            cut_height: head.term.cut_height,
            at_risk: head.at_risk,
            voted,
            total: head.total,
        })
    }

    fn to_bytes(self) -> Vec<u8> {
        [
            self.height.to_be_bytes().as_slice(),
            &self.hash,
            &self.era.to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &[self.decreed.into()],
            &self.table_root,
            &self.cut_height.to_be_bytes(),
            &self.at_risk.to_be_bytes(),
            &self.voted.to_be_bytes(),
            &self.total.to_be_bytes(),
        ]
        .concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != FINAL_LENGTH {
            return None;
        }
        let (height, rest) = bytes.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (era, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (&[decreed], rest) = rest.split_first_chunk()?;
        let (table_root, rest) = rest.split_first_chunk()?;
        let (cut_height, rest) = rest.split_first_chunk()?;
        let (at_risk, rest) = rest.split_first_chunk()?;
        let (voted, total) = rest.split_first_chunk()?;
        Some(Self {
            height: u64::from_be_bytes(*height),
            hash: *hash,
            era: u32::from_be_bytes(*era),
            epoch: u64::from_be_bytes(*epoch),
            decreed: decreed != 0,
            table_root: *table_root,
            cut_height: u32::from_be_bytes(*cut_height),
            at_risk: u64::from_be_bytes(*at_risk),
            voted: u64::from_be_bytes(*voted),
            total: u64::from_be_bytes(total.try_into().ok()?),
        })
    }

    fn answer(self, k: u64) -> FinalizedResponse {
        FinalizedResponse {
            k,
            height: self.height,
            hash: self.hash.into(),
            era: self.era,
            epoch: self.epoch,
            decreed: self.decreed,
            table_root: self.table_root.into(),
            btc_cut: self.cut_height,
            at_risk: self.at_risk,
            voted: self.voted,
            total: self.total,
        }
    }
}

/// Makes a checkpoint final by the weight that voted for its hash, forgets what was voted for it, and tells everybody.
pub fn conclude(
    storage: &mut dyn Storage,
    head: &TableHead,
    k: u64,
    hash: Bytes32,
    voted: u64,
) -> Result<Event, ContractError> {
    let record = Final::new(head, k, hash.0, voted)?;
    write(storage, k, &record)?;
    tally::forget(storage, k);
    Ok(Event::new("final")
        .add_attribute("k", k.to_string())
        .add_attribute("height", record.height.to_string())
        .add_attribute("hash", hash.to_string())
        .add_attribute("voted", voted.to_string()))
}

/// Writes a final checkpoint; the oldest one, where that is too old, is folded into one hash with all before it.
pub(super) fn write(
    storage: &mut dyn Storage,
    k: u64,
    record: &Final,
) -> Result<(), ContractError> {
    storage.set(&FINALS.key(k), &record.to_bytes());
    if let Some((oldest, record)) = from(storage, 0)? {
        if oldest.saturating_add(KEPT) <= k {
            let before = FORGOTTEN.may_load(storage)?.unwrap_or(Bytes32([0; 32]));
            let bytes = record.to_bytes();
            let folded = [&before.0, oldest.to_be_bytes().as_slice(), &bytes].concat();
            let root = sha256::Hash::hash(&folded).to_byte_array();
            FORGOTTEN.save(storage, &root.into())?;
            storage.remove(&FINALS.key(oldest));
        }
    }
    Ok(())
}

/// A final checkpoint by its number; `None` where it is not final or not kept any more.
pub fn final_at(storage: &dyn Storage, k: u64) -> Result<Option<Final>, ContractError> {
    storage
        .get(&FINALS.key(k))
        .map(|bytes| Final::parse(&bytes).ok_or(ContractError::CorruptFinal(k)))
        .transpose()
}

/// The first final checkpoint at or above a height of the secured chain; `None` where there is none or it is not kept.
pub fn at_height(
    storage: &dyn Storage,
    height: u64,
) -> Result<Option<(u64, Final)>, ContractError> {
    // Heights rise with checkpoints, so the kept ones can be halved; a mirror lacks those before a table that was pinned.
    let Some((mut low, _)) = from(storage, 0)? else {
        return Ok(None);
    };
    let Some((mut high, newest)) = last_final(storage)? else {
        return Ok(None);
    };
    if newest.height < height {
        return Ok(None);
    }
    while low < high {
        let middle = low.midpoint(high);
        match from(storage, middle)? {
            Some((k, record)) if record.height < height => low = k.saturating_add(1),
            _ => high = middle,
        }
    }
    from(storage, low)
}

/// The newest final checkpoint.
pub fn last_final(storage: &dyn Storage) -> Result<Option<(u64, Final)>, ContractError> {
    kept(storage, None, Order::Descending)
}

/// Answers for a checkpoint by its number, or by a height at or below it, or for the newest one.
pub fn answer(
    storage: &dyn Storage,
    k: Option<u64>,
    height: Option<u64>,
) -> Result<FinalizedResponse, ContractError> {
    let (asked, found) = match (k, height) {
        (Some(k), None) => (
            format!("checkpoint {k}"),
            final_at(storage, k)?.map(|record| (k, record)),
        ),
        (None, Some(height)) => (format!("height {height}"), at_height(storage, height)?),
        (None, None) => ("the last one".to_owned(), last_final(storage)?),
        (Some(_), Some(_)) => return Err(ContractError::Ambiguous),
    };
    found
        .map(|(k, record)| record.answer(k))
        .ok_or(ContractError::NotFinal(asked))
}

/// The first one kept at or above this number.
fn from(storage: &dyn Storage, k: u64) -> Result<Option<(u64, Final)>, ContractError> {
    kept(storage, Some(Bound::inclusive(k)), Order::Ascending)
}

/// The first one kept from a bound on.
fn kept(
    storage: &dyn Storage,
    from: Option<Bound<'_, u64>>,
    order: Order,
) -> Result<Option<(u64, Final)>, ContractError> {
    let first = FINALS.keys(storage, from, None, order).next().transpose()?;
    let Some(k) = first else { return Ok(None) };
    Ok(final_at(storage, k)?.map(|record| (k, record)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_final_checkpoint_is_what_instances_have() {
        let record = Final {
            height: 1,
            hash: [2; 32],
            era: 3,
            epoch: 4,
            decreed: true,
            table_root: [5; 32],
            cut_height: 6,
            at_risk: 7,
            voted: 8,
            total: 9,
        };
        assert_stored(
            |storage| write(storage, 10, &record).unwrap(),
            r"\x00\x01f\x00\x00\x00\x00\x00\x00\x00\n",
            concat!(
                "00000000000000010202020202020202020202020202020202020202020202020202020202020202",
                "00000003000000000000000401050505050505050505050505050505050505050505050505050505",
                "050505050500000006000000000000000700000000000000080000000000000009"
            ),
        );
    }

    #[test]
    fn the_layout_of_what_is_folded_is_what_instances_have() {
        assert_stored(
            |storage| FORGOTTEN.save(storage, &Bytes32([1; 32])).unwrap(),
            "forgotten",
            "0101010101010101010101010101010101010101010101010101010101010101",
        );
    }
}
