//! The tables: the one in force, the one before, and the one that is ready, in a ring of three.
//!
//! Heads are records; entries are raw bytes, because each vote reads one.

use cosmwasm_std::{Order, Storage};
use cw_storage_plus::Map;
use eots::PublicKey;
use eots::commitment::Commitment;
use mesh_core::commit::Commit;
use mesh_core::table::{Entry, Table, TableHead, Term};
use serde::{Deserialize, Serialize};

use crate::ContractError;
use crate::msg::Bytes32;
use crate::store::Records;

/// How many tables are kept.
const RING: u64 = 3;

const HEADS: Records<u64, StoredHead> = Records::new("table");
/// Raw bytes: BE64(weight) ‖ BE64(start) ‖ BE64(num) ‖ commit root ‖ position in the table. Key: slot, provider.
const ENTRIES: Map<(u64, &[u8]), ()> = Map::new("te");
/// How many final checkpoints each provider voted for, in the order of the table. Key: slot.
const VOTES: Records<u64, Vec<u32>> = Records::new("tv");

/// A provider in a table.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its entry.
    pub entry: Entry,
    /// Its position among the entries, which are ascending by key.
    position: u8,
}

impl Listed {
    /// The bit that stands for it among the voters of a checkpoint: a table has up to 100 entries.
    pub const fn bit(&self) -> u128 {
        bit(self.position)
    }
}

const fn bit(position: u8) -> u128 {
    1_u128.wrapping_shl(position as u32)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredHead {
    era: u32,
    epoch: u64,
    first_checkpoint: u64,
    first_height: u64,
    interval: u32,
    checkpoints: u32,
    cut_height: u32,
    cut_hash: Bytes32,
    total: u64,
    at_risk: u64,
    root: Bytes32,
}

impl From<&TableHead> for StoredHead {
    fn from(head: &TableHead) -> Self {
        let term = &head.term;
        Self {
            era: term.era,
            epoch: term.epoch,
            first_checkpoint: term.first_checkpoint,
            first_height: term.first_height,
            interval: term.interval,
            checkpoints: term.checkpoints,
            cut_height: term.cut_height,
            cut_hash: term.cut_hash.into(),
            total: head.total,
            at_risk: head.at_risk,
            root: head.root.into(),
        }
    }
}

impl From<StoredHead> for TableHead {
    fn from(head: StoredHead) -> Self {
        Self {
            term: Term {
                era: head.era,
                epoch: head.epoch,
                first_checkpoint: head.first_checkpoint,
                first_height: head.first_height,
                interval: head.interval,
                checkpoints: head.checkpoints,
                cut_height: head.cut_height,
                cut_hash: head.cut_hash.0,
            },
            total: head.total,
            at_risk: head.at_risk,
            root: head.root.0,
        }
    }
}

/// The head of an epoch's table; `None` where it is forgotten or not made yet.
pub fn head_of_epoch(
    storage: &dyn Storage,
    epoch: u64,
) -> Result<Option<TableHead>, ContractError> {
    let head = HEADS.may_load(storage, slot(epoch))?.map(TableHead::from);
    Ok(head.filter(|head| head.term.epoch == epoch))
}

/// Stores a table in place of the one of three epochs before.
pub fn save(storage: &mut dyn Storage, table: &Table) -> Result<(), ContractError> {
    let slot = slot(table.head().term.epoch);
    for pk in providers(storage, slot)? {
        storage.remove(&ENTRIES.key((slot, pk.as_bytes())));
    }
    let entries = table.entries();
    for (position, entry) in (0..).zip(entries) {
        let key = ENTRIES.key((slot, entry.provider.as_bytes()));
        storage.set(&key, &to_bytes(entry, position));
    }
    VOTES.save(storage, slot, &vec![0; entries.len()])?;
    Ok(HEADS.save(storage, slot, &table.head().into())?)
}

/// A provider in the table of an epoch that [`head_of_epoch`] knows.
pub fn listed(
    storage: &dyn Storage,
    epoch: u64,
    pk: &PublicKey,
) -> Result<Option<Listed>, ContractError> {
    storage
        .get(&ENTRIES.key((slot(epoch), pk.as_bytes())))
        .map(|bytes| parse(pk, &bytes).ok_or(ContractError::CorruptTable(epoch)))
        .transpose()
}

/// All entries of the table of an epoch that [`head_of_epoch`] knows, ascending by key, with their counts of votes.
pub fn entries(storage: &dyn Storage, epoch: u64) -> Result<Vec<(Entry, u32)>, ContractError> {
    let slot = slot(epoch);
    providers(storage, slot)?
        .iter()
        .zip(VOTES.load(storage, slot)?)
        .map(|(pk, votes)| {
            let listed = listed(storage, epoch, pk)?.ok_or(ContractError::CorruptTable(epoch))?;
            Ok((listed.entry, votes))
        })
        .collect()
}

/// Counts final checkpoints: of each, the bits of those who voted for it.
pub(super) fn count_votes(
    storage: &mut dyn Storage,
    epoch: u64,
    checkpoints: &[u128],
) -> Result<(), ContractError> {
    let mut votes = VOTES.load(storage, slot(epoch))?;
    for (position, count) in (0..).zip(&mut votes) {
        let voted = checkpoints
            .iter()
            .filter(|voters| *voters & bit(position) != 0);
        *count = voted.fold(*count, |count, _| count.saturating_add(1));
    }
    Ok(VOTES.save(storage, slot(epoch), &votes)?)
}

fn providers(storage: &dyn Storage, slot: u64) -> Result<Vec<PublicKey>, ContractError> {
    ENTRIES
        .prefix(slot)
        .keys_raw(storage, None, None, Order::Ascending)
        .map(|pk| Ok(PublicKey::from_checked_bytes(Bytes32::from_slice(&pk)?.0)))
        .collect()
}

fn to_bytes(entry: &Entry, position: u8) -> Vec<u8> {
    [
        entry.weight.to_be_bytes().as_slice(),
        &entry.commit.start().to_be_bytes(),
        &entry.commit.checkpoints().to_be_bytes(),
        entry.commit.root().as_bytes(),
        &[position],
    ]
    .concat()
}

fn parse(pk: &PublicKey, bytes: &[u8]) -> Option<Listed> {
    let (weight, rest) = bytes.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let (num, rest) = rest.split_first_chunk()?;
    let (root, position) = rest.split_first_chunk()?;
    let [position] = position.try_into().ok()?;
    let root = Commitment::from_bytes(*root);
    let entry = Entry {
        provider: *pk,
        weight: u64::from_be_bytes(*weight),
        commit: Commit::new(u64::from_be_bytes(*start), u64::from_be_bytes(*num), root).ok()?,
    };
    Some(Listed { entry, position })
}

const fn slot(epoch: u64) -> u64 {
    epoch % RING
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_head_is_what_instances_have() {
        let head = StoredHead {
            era: 1,
            epoch: 2,
            first_checkpoint: 3,
            first_height: 4,
            interval: 5,
            checkpoints: 6,
            cut_height: 7,
            cut_hash: Bytes32([8; 32]),
            total: 9,
            at_risk: 10,
            root: Bytes32([11; 32]),
        };
        assert_stored(
            |storage| HEADS.save(storage, slot(2), &head).unwrap(),
            r"\x00\x05table\x00\x00\x00\x00\x00\x00\x00\x02",
            concat!(
                "01020304050607080808080808080808080808080808080808080808080808080808080808080809",
                "0a0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
            ),
        );
    }

    #[test]
    fn the_layout_of_an_entry_is_what_instances_have() {
        let pk = PublicKey::from_checked_bytes([b'k'; 32]);
        let root = Commitment::from_bytes([4; 32]);
        let entry = Entry {
            provider: pk,
            weight: 1,
            commit: Commit::new(2, 3, root).unwrap(),
        };
        let key = ENTRIES.key((slot(2), pk.as_bytes()));
        assert_stored(
            |storage| storage.set(&key, &to_bytes(&entry, 5)),
            r"\x00\x02te\x00\x08\x00\x00\x00\x00\x00\x00\x00\x02kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            concat!(
                "00000000000000010000000000000002000000000000000304040404040404040404040404040404",
                "0404040404040404040404040404040405"
            ),
        );
    }

    #[test]
    fn the_layout_of_counted_votes_is_what_instances_have() {
        assert_stored(
            |storage| VOTES.save(storage, slot(2), &vec![1, 300]).unwrap(),
            r"\x00\x02tv\x00\x00\x00\x00\x00\x00\x00\x02",
            "0201ac02",
        );
    }
}
