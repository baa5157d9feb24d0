//! The tables: the one in force, the one before, and the one that is ready, in a ring of three.
//!
//! Heads are records; entries and their counts of votes are raw bytes, because each vote reads the one and writes the other.

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
/// Raw bytes: BE64(weight) ‖ BE64(start) ‖ BE64(num) ‖ commit root. Key: slot, provider.
const ENTRIES: Map<(u64, &[u8]), ()> = Map::new("te");
/// Raw bytes: BE32(number of checkpoints voted for). Key: slot, provider.
const VOTES: Map<(u64, &[u8]), ()> = Map::new("tv");

const ENTRY_LENGTH: usize = 56;

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
        storage.remove(&VOTES.key((slot, pk.as_bytes())));
    }
    for entry in table.entries() {
        storage.set(
            &ENTRIES.key((slot, entry.provider.as_bytes())),
            &to_bytes(entry),
        );
    }
    Ok(HEADS.save(storage, slot, &table.head().into())?)
}

/// A provider's entry in the table of an epoch that [`head_of_epoch`] knows.
pub fn entry(
    storage: &dyn Storage,
    epoch: u64,
    pk: &PublicKey,
) -> Result<Option<Entry>, ContractError> {
    storage
        .get(&ENTRIES.key((slot(epoch), pk.as_bytes())))
        .map(|bytes| parse(pk, &bytes).ok_or(ContractError::CorruptTable(epoch)))
        .transpose()
}

/// All entries of the table of an epoch that [`head_of_epoch`] knows, ascending by key, with their counts of votes.
pub fn entries(storage: &dyn Storage, epoch: u64) -> Result<Vec<(Entry, u32)>, ContractError> {
    providers(storage, slot(epoch))?
        .iter()
        .map(|pk| {
            let entry = entry(storage, epoch, pk)?.ok_or(ContractError::CorruptTable(epoch))?;
            Ok((entry, votes(storage, epoch, pk)))
        })
        .collect()
}

/// Counts one more checkpoint that a provider voted for.
pub(super) fn add_vote(storage: &mut dyn Storage, epoch: u64, pk: &PublicKey) {
    let count = votes(storage, epoch, pk).saturating_add(1);
    set_votes(storage, epoch, pk, count);
}

/// Counts one less.
pub(super) fn remove_vote(storage: &mut dyn Storage, epoch: u64, pk: &PublicKey) {
    let count = votes(storage, epoch, pk).saturating_sub(1);
    set_votes(storage, epoch, pk, count);
}

fn set_votes(storage: &mut dyn Storage, epoch: u64, pk: &PublicKey, count: u32) {
    storage.set(
        &VOTES.key((slot(epoch), pk.as_bytes())),
        &count.to_be_bytes(),
    );
}

fn votes(storage: &dyn Storage, epoch: u64, pk: &PublicKey) -> u32 {
    storage
        .get(&VOTES.key((slot(epoch), pk.as_bytes())))
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}

fn providers(storage: &dyn Storage, slot: u64) -> Result<Vec<PublicKey>, ContractError> {
    ENTRIES
        .prefix(slot)
        .keys_raw(storage, None, None, Order::Ascending)
        .map(|pk| Ok(PublicKey::from_checked_bytes(Bytes32::from_slice(&pk)?.0)))
        .collect()
}

fn to_bytes(entry: &Entry) -> Vec<u8> {
    [
        entry.weight.to_be_bytes().as_slice(),
        &entry.commit.start().to_be_bytes(),
        &entry.commit.checkpoints().to_be_bytes(),
        entry.commit.root().as_bytes(),
    ]
    .concat()
}

fn parse(pk: &PublicKey, bytes: &[u8]) -> Option<Entry> {
    if bytes.len() != ENTRY_LENGTH {
        return None;
    }
    let (weight, rest) = bytes.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let (num, root) = rest.split_first_chunk()?;
    let root = Commitment::from_bytes(root.try_into().ok()?);
    Some(Entry {
        provider: *pk,
        weight: u64::from_be_bytes(*weight),
        commit: Commit::new(u64::from_be_bytes(*start), u64::from_be_bytes(*num), root).ok()?,
    })
}

const fn slot(epoch: u64) -> u64 {
    epoch % RING
}
