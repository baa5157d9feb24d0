//! Votes and what they add up to.
//!
//! A vote is kept until another checkpoint takes its place in the ring, so that a second one at the same checkpoint is
//! seen; where a checkpoint passed from one table to another under which the provider had other randomness, one for each.
//! A tally is kept until its checkpoint is final.

use cosmwasm_std::{Order, Storage};
use cw_storage_plus::Map;
use eots::{PublicKey, Signature};

use super::tables::Listed;
use crate::ContractError;
use crate::msg::{self, Bytes32};

/// Raw bytes of one vote or more for a checkpoint, each BE64(checkpoint) ‖ BE64(epoch) ‖ SHA-256 of the message ‖ signature.
/// Key: place in the ring, provider.
const VOTES: Map<(u32, &[u8]), ()> = Map::new("v");
/// Raw bytes: BE64(weight) ‖ BE128(voters). Key: checkpoint, what is voted for: the header's hash, on a mirror with the next
/// root after it.
const TALLIES: Map<(u64, &[u8]), ()> = Map::new("y");

/// Length of a vote as it is kept.
const VOTE_LENGTH: usize = 80;

/// A vote as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredVote {
    pub(super) checkpoint: u64,
    /// The epoch under whose table it was cast; a resume gives the same checkpoint to another one.
    pub(super) epoch: u64,
    /// SHA-256 of what was signed.
    pub(super) message_hash: [u8; 32],
    pub(super) signature: Signature,
}

/// The votes in a provider's place for a checkpoint, where they are for this very checkpoint.
pub(super) fn kept(
    storage: &dyn Storage,
    window: u32,
    checkpoint: u64,
    pk: &PublicKey,
) -> Result<Vec<StoredVote>, ContractError> {
    let mut votes = at(storage, place(window, checkpoint), pk)?;
    votes.retain(|vote| vote.checkpoint == checkpoint);
    Ok(votes)
}

/// All votes that are kept of a provider, ascending by checkpoint.
pub(crate) fn votes(
    storage: &dyn Storage,
    window: u32,
    pk: &PublicKey,
) -> Result<Vec<msg::KeptVote>, ContractError> {
    let mut votes = Vec::new();
    for place in 0..window.saturating_mul(2) {
        for stored in at(storage, place, pk)? {
            votes.push(msg::KeptVote {
                k: stored.checkpoint,
                epoch: stored.epoch,
                message_hash: Bytes32(stored.message_hash),
                s: Bytes32(stored.signature.to_bytes()),
            });
        }
    }
    votes.sort_by_key(|vote| vote.k);
    Ok(votes)
}

/// What is in a provider's place.
fn at(storage: &dyn Storage, place: u32, pk: &PublicKey) -> Result<Vec<StoredVote>, ContractError> {
    let bytes = storage.get(&VOTES.key((place, pk.as_bytes())));
    bytes
        .unwrap_or_default()
        .chunks(VOTE_LENGTH)
        .map(|vote| parse(vote).ok_or(ContractError::CorruptVote(place.into())))
        .collect()
}

/// Keeps votes of a provider for one checkpoint in place of all that it had there.
pub(super) fn keep(
    storage: &mut dyn Storage,
    window: u32,
    pk: &PublicKey,
    checkpoint: u64,
    votes: &[StoredVote],
) {
    let votes: Vec<_> = votes.iter().flat_map(|vote| vote.to_bytes()).collect();
    storage.set(
        &VOTES.key((place(window, checkpoint), pk.as_bytes())),
        &votes,
    );
}

impl StoredVote {
    fn to_bytes(self) -> Vec<u8> {
        [
            self.checkpoint.to_be_bytes().as_slice(),
            &self.epoch.to_be_bytes(),
            &self.message_hash,
            self.signature.as_bytes(),
        ]
        .concat()
    }
}

/// Who voted for one thing, and what they weigh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Weight, sat.
    pub weight: u64,
    /// One bit for each of them, by its position in the table.
    pub voters: u128,
}

impl Count {
    /// Of one provider.
    pub const fn of(listed: &Listed) -> Self {
        Self {
            weight: listed.entry.weight,
            voters: listed.bit(),
        }
    }

    /// Of both at a checkpoint.
    fn and(&self, other: &Self, checkpoint: u64) -> Result<Self, ContractError> {
        let weight = self.weight.checked_add(other.weight);
        Ok(Self {
            weight: weight.ok_or(ContractError::CorruptVote(checkpoint))?,
            voters: self.voters | other.voters,
        })
    }

    fn to_bytes(self) -> Vec<u8> {
        let weight = self.weight.to_be_bytes();
        [weight.as_slice(), &self.voters.to_be_bytes()].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (weight, voters) = bytes.split_first_chunk()?;
        Some(Self {
            weight: u64::from_be_bytes(*weight),
            voters: u128::from_be_bytes(voters.try_into().ok()?),
        })
    }
}

/// What a message's votes add to tallies, so that each tally is written once for all of them.
#[derive(Debug, Default)]
pub struct Additions(Vec<(u64, Vec<u8>, Count)>);

impl Additions {
    /// Adds to what is voted for at a checkpoint.
    pub fn add(
        &mut self,
        checkpoint: u64,
        choice: &[u8],
        count: &Count,
    ) -> Result<(), ContractError> {
        let mut tallies = self.0.iter_mut();
        match tallies.find(|(k, of, _)| *k == checkpoint && of == choice) {
            Some((_, _, sum)) => *sum = sum.and(count, checkpoint)?,
            None => self.0.push((checkpoint, choice.to_vec(), *count)),
        }
        Ok(())
    }

    /// Who voted for one thing, with what was added; `None` where nobody did.
    pub fn count(
        &self,
        storage: &dyn Storage,
        checkpoint: u64,
        choice: &[u8],
    ) -> Result<Option<Count>, ContractError> {
        let stored = count(storage, checkpoint, choice)?;
        let mut tallies = self.0.iter();
        let added = tallies.find(|(k, of, _)| *k == checkpoint && of == choice);
        match (stored, added) {
            (Some(stored), Some((_, _, added))) => stored.and(added, checkpoint).map(Some),
            (stored, added) => Ok(stored.or(added.map(|(_, _, added)| *added))),
        }
    }

    /// Writes the tallies.
    pub fn save(&self, storage: &mut dyn Storage) -> Result<(), ContractError> {
        for (checkpoint, choice, _) in &self.0 {
            let sum = self
                .count(storage, *checkpoint, choice)?
                .unwrap_or_default();
            storage.set(&TALLIES.key((*checkpoint, choice)), &sum.to_bytes());
        }
        Ok(())
    }
}

/// Who voted for one thing at a checkpoint that is not final; `None` where nobody did.
fn count(
    storage: &dyn Storage,
    checkpoint: u64,
    choice: &[u8],
) -> Result<Option<Count>, ContractError> {
    storage
        .get(&TALLIES.key((checkpoint, choice)))
        .map(|bytes| Count::parse(&bytes).ok_or(ContractError::CorruptVote(checkpoint)))
        .transpose()
}

/// What is voted for at a checkpoint that is not final, and by whom: at most one for each provider of a table.
///
/// Keys and values in one pass: a node that simulates while it makes a block shows what it is asked first as of the block
/// before, and what it is asked next as of the new one.
pub fn choices(
    storage: &dyn Storage,
    checkpoint: u64,
) -> Result<Vec<(Vec<u8>, Count)>, ContractError> {
    let from = TALLIES.key((checkpoint, &[]));
    let to = TALLIES.key((checkpoint.saturating_add(1), &[]));
    storage
        .range(Some(&from), Some(&to), Order::Ascending)
        .map(|(key, count)| {
            let choice = key.strip_prefix(&from[..]);
            let tally = choice.map(<[u8]>::to_vec).zip(Count::parse(&count));
            tally.ok_or(ContractError::CorruptVote(checkpoint))
        })
        .collect()
}

fn keys(storage: &dyn Storage, checkpoint: u64) -> Vec<Vec<u8>> {
    TALLIES
        .prefix(checkpoint)
        .keys_raw(storage, None, None, Order::Ascending)
        .collect()
}

/// The tallies of a checkpoint that is not final.
pub(crate) fn tallies(
    storage: &dyn Storage,
    checkpoint: u64,
) -> Result<Vec<msg::Tally>, ContractError> {
    choices(storage, checkpoint)?
        .into_iter()
        .map(|(hash, count)| {
            Ok(msg::Tally {
                hash: Bytes32::from_slice(&hash)?,
                weight: count.weight,
            })
        })
        .collect()
}

/// Forgets the tallies of a checkpoint.
pub fn forget(storage: &mut dyn Storage, checkpoint: u64) {
    for choice in keys(storage, checkpoint) {
        storage.remove(&TALLIES.key((checkpoint, &choice)));
    }
}

/// Votes are taken from `window` below the next checkpoint to `window` above it, so no two of them share a place.
fn place(window: u32, checkpoint: u64) -> u32 {
    let ring = u64::from(window).saturating_mul(2);
    checkpoint
        .checked_rem(ring)
        .and_then(|place| u32::try_from(place).ok())
        .unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Option<StoredVote> {
    let (checkpoint, rest) = bytes.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (message_hash, signature) = rest.split_first_chunk()?;
    Some(StoredVote {
        checkpoint: u64::from_be_bytes(*checkpoint),
        epoch: u64::from_be_bytes(*epoch),
        message_hash: *message_hash,
        signature: Signature::from_slice(signature).ok()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_vote_is_what_instances_have() {
        let pk = PublicKey::from_checked_bytes([b'k'; 32]);
        let vote = StoredVote {
            checkpoint: 9,
            epoch: 1,
            message_hash: [2; 32],
            signature: Signature::from_bytes([3; 32]).unwrap(),
        };
        assert_stored(
            |storage| keep(storage, 4, &pk, 9, &[vote]),
            r"\x00\x01v\x00\x04\x00\x00\x00\x01kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            concat!(
                "00000000000000090000000000000001020202020202020202020202020202020202020202020202",
                "02020202020202020303030303030303030303030303030303030303030303030303030303030303"
            ),
        );
    }

    #[test]
    fn the_layout_of_a_tally_is_what_instances_have() {
        let mut tallies = Additions::default();
        let count = Count {
            weight: 1,
            voters: 0b101,
        };
        tallies.add(9, &[b'h'; 32], &count).unwrap();
        assert_stored(
            |storage| tallies.save(storage).unwrap(),
            r"\x00\x01y\x00\x08\x00\x00\x00\x00\x00\x00\x00\thhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
            "000000000000000100000000000000000000000000000005",
        );
    }
}
