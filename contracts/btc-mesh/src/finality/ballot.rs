//! One vote by itself: whether it is a provider's for these tables, and what it is beside the one that was kept before.

use bitcoin::hashes::{Hash, sha256};
use cosmwasm_std::{Event, Storage};
use eots::commitment::{Proof, ProofError, leaf_hash};
use eots::curve::Curve;
use eots::{ParseError, PublicRandomness, SecretKey, Signature, SignedHash};
use mesh_core::Domain;
use mesh_core::table::{Entry, TableHead};
use mesh_core::vote;

use super::tally::{self, StoredVote};
use crate::ContractError;
use crate::msg::VoteItem;

/// Most votes of one message.
const MAX_VOTES: usize = 64;

/// Longest path in a commit's tree, hashes: a commit has at most 2^20 leaves.
const MAX_AUNTS: usize = 20;

/// Why one vote does not count. It stops no other of its message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VoteRefusal {
    /// Not at this time.
    #[error("checkpoint {k} is outside {from} to {to}, which votes are taken for now")]
    Window {
        /// The checkpoint.
        k: u64,
        /// First one.
        from: u64,
        /// Last one.
        to: u64,
    },
    /// Its block is not there yet.
    #[error("checkpoint {k} is the block at height {height}, this chain is at {now}")]
    Future {
        /// The checkpoint.
        k: u64,
        /// Its height.
        height: u64,
        /// Height of the present block.
        now: u64,
    },
    /// The table of the checkpoint's epoch is not kept any more.
    #[error("the table of checkpoint {0} is not kept any more")]
    Forgotten(u64),
    /// Not in the table.
    #[error("the provider is not in the table of epoch {0}")]
    NotInTable(u64),
    /// Its key is out.
    #[error("the provider was slashed")]
    Slashed,
    /// On a mirror: a next table where there is none.
    #[error(
        "checkpoint {0} is not the last of its epoch, so a vote for it names no next table; leave next_root out"
    )]
    NotLast(u64),
    /// There is no message to vote on.
    #[error(transparent)]
    Message(#[from] vote::VoteError),
    /// Bytes that are no number of the curve.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A path that is no path.
    #[error("a path of {0} bytes is not up to 20 hashes of 32 bytes")]
    Path(usize),
    /// The randomness is not that of the table.
    #[error(transparent)]
    Randomness(#[from] ProofError),
    /// Not a vote for this hash under these tables.
    #[error("the signature is no vote for this hash under the tables of this instance")]
    Signature,
}

/// Why one vote was not taken.
#[derive(Debug)]
pub enum Failure {
    /// For its own sake: it stops no other of its message.
    Refused(VoteRefusal),
    /// Because the contract cannot go on.
    Fault(ContractError),
}

impl<E: Into<VoteRefusal>> From<E> for Failure {
    fn from(refusal: E) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<ContractError> for Failure {
    fn from(fault: ContractError) -> Self {
        Self::Fault(fault)
    }
}

/// What a vote is beside the one that was kept before.
#[derive(Debug)]
pub enum Outcome {
    /// The first one under its randomness, which is kept now.
    First,
    /// The same again.
    Known,
    /// Another one, which gives the key away.
    Equivocation(SecretKey),
}

/// What a vote is judged under.
#[derive(Clone, Copy)]
pub struct Ballot<'a> {
    /// The curve.
    pub curve: &'a dyn Curve,
    /// The instance that is voted in.
    pub domain: Domain,
    /// The table of the checkpoint's epoch.
    pub head: &'a TableHead,
    /// Root of the table after it, where one is known.
    pub next_root: Option<[u8; 32]>,
    /// How far before and after the next checkpoint votes are taken.
    pub window: u32,
}

/// Refuses a message of no or too many votes.
pub fn check_count(items: usize) -> Result<(), ContractError> {
    if (1..=MAX_VOTES).contains(&items) {
        Ok(())
    } else {
        Err(ContractError::Count {
            what: "votes",
            found: items,
            max: MAX_VOTES,
        })
    }
}

/// Refuses a vote for a checkpoint farther than `window` from the `next` one, or above the `last` of the epoch.
pub fn check_window(k: u64, next: u64, last: u64, window: u32) -> Result<(), VoteRefusal> {
    let from = next.saturating_sub(window.into());
    let to = next
        .saturating_add(window.into())
        .saturating_sub(1)
        .min(last);
    if k < from || k > to {
        Err(VoteRefusal::Window { k, from, to })
    } else {
        Ok(())
    }
}

/// Tells whoever brought a vote why it does not count.
pub fn refused(item: &VoteItem, reason: &impl ToString) -> Event {
    Event::new("vote_refused")
        .add_attribute("pk", item.pk.to_string())
        .add_attribute("k", item.k.to_string())
        .add_attribute("reason", reason.to_string())
}

impl Ballot<'_> {
    /// Checks a vote of a provider with this entry in the table, and keeps it unless it is known or gives the key away.
    ///
    /// Every vote that is kept was verified when it was taken, so another one under its randomness gives the key. A table
    /// has one randomness for a checkpoint: what gives none is from another table that had the checkpoint, before a resume or
    /// a pin, and takes no place away. Nor is it forgotten, for a later table may have its randomness again.
    pub fn take(
        &self,
        storage: &mut dyn Storage,
        entry: &Entry,
        item: &VoteItem,
    ) -> Result<Outcome, Failure> {
        let pk = &entry.provider;
        let randomness = PublicRandomness::from_bytes(item.r.0)?;
        let vote = self.verify(entry, item, &randomness)?;
        let mut votes = tally::kept(storage, self.window, item.k, pk)?;
        for kept in &votes {
            if kept.message_hash == vote.message_hash {
                return Ok(Outcome::Known);
            }
            let (first, second) = (signed(kept), signed(&vote));
            let key = eots::extract_from_hashes(&self.curve, pk, &randomness, first, second);
            if let Ok(key) = key {
                return Ok(Outcome::Equivocation(key));
            }
        }
        votes.push(vote);
        tally::keep(storage, self.window, pk, item.k, &votes);
        Ok(Outcome::First)
    }

    /// Checks that a vote was signed by the table's provider, under the table's randomness, for these very tables.
    fn verify(
        &self,
        entry: &Entry,
        item: &VoteItem,
        randomness: &PublicRandomness,
    ) -> Result<StoredVote, VoteRefusal> {
        let signature = Signature::from_bytes(item.s.0)?;
        let commit = &entry.commit;
        let proof = Proof {
            total: commit.checkpoints(),
            index: item.k.saturating_sub(commit.start()),
            leaf_hash: leaf_hash(randomness),
            aunts: path(&item.aunts)?,
        };
        proof.verify(commit.root(), randomness)?;
        let next_root = self.next_root.as_ref();
        let message = vote::message(&self.domain, self.head, item.k, &item.hash.0, next_root)?;
        let pk = &entry.provider;
        eots::verify(&self.curve, pk, randomness, &message, &signature)
            .map_err(|_| VoteRefusal::Signature)?;
        Ok(StoredVote {
            checkpoint: item.k,
            epoch: self.head.term.epoch,
            message_hash: sha256::Hash::hash(&message).to_byte_array(),
            signature,
        })
    }
}

const fn signed(vote: &StoredVote) -> SignedHash<'_> {
    SignedHash {
        hash: vote.message_hash,
        signature: &vote.signature,
    }
}

fn path(bytes: &[u8]) -> Result<Vec<[u8; 32]>, VoteRefusal> {
    let wrong = || VoteRefusal::Path(bytes.len());
    if bytes.len() > MAX_AUNTS.saturating_mul(32) {
        return Err(wrong());
    }
    bytes
        .chunks(32)
        .map(|aunt| aunt.try_into().map_err(|_| wrong()))
        .collect()
}
