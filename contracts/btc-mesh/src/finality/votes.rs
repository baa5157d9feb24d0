//! Taking votes: which may count, what they count for, and what a second one at the same checkpoint gives away.

use bitcoin::hashes::{Hash, sha256};
use cosmwasm_std::{Event, Storage};
use eots::commitment::{Proof, ProofError, leaf_hash};
use eots::{
    ExtractError, ParseError, PublicKey, PublicRandomness, SecretKey, Signature, SignedHash,
};
use mesh_core::table::{Entry, TableHead};
use mesh_core::vote;

use super::checkpoints::{final_at, finalise, in_force};
use super::clock::{self, Clock};
use super::tally::{self, StoredVote};
use super::{evidence, tables};
use crate::context::Context;
use crate::msg::VoteItem;
use crate::{ContractError, reward};

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
    /// Two different votes that do not give the key, which no signer makes.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// Why one vote was not taken: for its own sake, or because this contract cannot go on.
enum Failure {
    Refused(VoteRefusal),
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

/// What one vote led to.
enum Outcome {
    Counted,
    Known,
    Equivocation(SecretKey),
}

/// What votes are taken under: the table in force and the one before.
struct Polls {
    clock: Clock,
    in_force: TableHead,
    before: Option<TableHead>,
    /// Root of the table that is ready.
    ready: Option<[u8; 32]>,
}

/// Takes votes, each on its own, and then makes final what has a quorum.
pub(crate) fn cast(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    items: &[VoteItem],
) -> Result<Vec<Event>, ContractError> {
    context.only_open()?;
    if items.is_empty() || items.len() > MAX_VOTES {
        return Err(ContractError::Count {
            what: "votes",
            found: items.len(),
            max: MAX_VOTES,
        });
    }
    let polls = Polls::open(storage)?;
    let mut events = Vec::new();
    for item in items {
        match polls.take(storage, context, item) {
            Ok(Outcome::Counted | Outcome::Known) => {}
            Ok(Outcome::Equivocation(key)) => {
                let pk = PublicKey::from_checked_bytes(item.pk.0);
                events.extend(evidence::slash(storage, context, &pk, &key)?);
            }
            Err(Failure::Refused(refusal)) => events.push(
                Event::new("vote_refused")
                    .add_attribute("pk", item.pk.to_string())
                    .add_attribute("k", item.k.to_string())
                    .add_attribute("reason", refusal.to_string()),
            ),
            Err(Failure::Fault(fault)) => return Err(fault),
        }
    }
    events.extend(finalise(storage, context)?);
    Ok(events)
}

impl Polls {
    fn open(storage: &dyn Storage) -> Result<Self, ContractError> {
        let clock = clock::started(storage)?;
        let head = in_force(storage, &clock)?;
        let before = clock
            .epoch
            .checked_sub(1)
            .map_or(Ok(None), |epoch| tables::head_of_epoch(storage, epoch))?;
        let ready = if clock.ready {
            tables::head_of_epoch(storage, clock.epoch.saturating_add(1))?.map(|head| head.root)
        } else {
            None
        };
        Ok(Self {
            clock,
            in_force: head,
            before,
            ready,
        })
    }

    /// Checks a vote and counts it, unless its provider's place for this checkpoint is taken.
    fn take(
        &self,
        storage: &mut dyn Storage,
        context: &Context<'_>,
        item: &VoteItem,
    ) -> Result<Outcome, Failure> {
        let (head, next_root) = self.table_of(context, item.k)?;
        let epoch = head.term.epoch;
        let pk = PublicKey::from_checked_bytes(item.pk.0);
        let entry = tables::entry(storage, epoch, &pk)?.ok_or(VoteRefusal::NotInTable(epoch))?;
        if evidence::is_slashed(storage, &pk) {
            return Err(VoteRefusal::Slashed.into());
        }
        let randomness = PublicRandomness::from_bytes(item.r.0)?;
        let vote = verify(context, item, head, next_root.as_ref(), &entry, &randomness)?;
        let window = context.params().window;
        if let Some(first) = tally::vote(storage, window, item.k, &pk)? {
            if first.message_hash == vote.message_hash {
                return Ok(Outcome::Known);
            }
            let key = eots::extract_from_hashes(
                &context.curve,
                &pk,
                &randomness,
                signed(&first),
                signed(&vote),
            )?;
            return Ok(Outcome::Equivocation(key));
        }
        tally::keep(storage, window, &pk, &vote);
        if item.k >= self.clock.next {
            tally::add(storage, item.k, &item.hash.0, entry.weight)?;
            tables::add_vote(storage, epoch, &pk);
        } else if self.is_rewarded_late(storage, epoch, item)? {
            tables::add_vote(storage, epoch, &pk);
        }
        Ok(Outcome::Counted)
    }

    /// Whether a vote for a checkpoint that is final already still counts for rewards.
    fn is_rewarded_late(
        &self,
        storage: &dyn Storage,
        epoch: u64,
        item: &VoteItem,
    ) -> Result<bool, ContractError> {
        let is_the_final_one = final_at(storage, item.k)?
            .is_some_and(|record| !record.decreed && record.hash == item.hash.0);
        Ok(is_the_final_one && (epoch == self.clock.epoch || reward::takes_votes(storage, epoch)?))
    }

    /// The table under which a checkpoint is voted for, and the next root that its votes name.
    fn table_of(
        &self,
        context: &Context<'_>,
        k: u64,
    ) -> Result<(&TableHead, Option<[u8; 32]>), VoteRefusal> {
        let window = u64::from(context.params().window);
        let from = self.clock.next.saturating_sub(window);
        let to = self
            .in_force
            .term
            .last_checkpoint()
            .unwrap_or_default()
            .min(self.clock.next.saturating_add(window).saturating_sub(1));
        if k < from || k > to {
            return Err(VoteRefusal::Window { k, from, to });
        }
        let (head, next_root) = if k >= self.in_force.term.first_checkpoint {
            (&self.in_force, self.ready)
        } else {
            let before = self.before.as_ref().ok_or(VoteRefusal::Forgotten(k))?;
            (before, Some(self.in_force.root))
        };
        let height = head.term.height(k).ok_or(VoteRefusal::Forgotten(k))?;
        if height < context.height {
            Ok((head, next_root))
        } else {
            let now = context.height;
            Err(VoteRefusal::Future { k, height, now })
        }
    }
}

const fn signed(vote: &StoredVote) -> SignedHash<'_> {
    SignedHash {
        hash: vote.message_hash,
        signature: &vote.signature,
    }
}

/// Checks that a vote was signed by the table's provider, under the table's randomness, for these very tables.
fn verify(
    context: &Context<'_>,
    item: &VoteItem,
    head: &TableHead,
    next_root: Option<&[u8; 32]>,
    entry: &Entry,
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
    let message = vote::message(&context.domain(), head, item.k, &item.hash.0, next_root)?;
    eots::verify(
        &context.curve,
        &entry.provider,
        randomness,
        &message,
        &signature,
    )
    .map_err(|_| VoteRefusal::Signature)?;
    Ok(StoredVote {
        checkpoint: item.k,
        epoch: head.term.epoch,
        message_hash: sha256::Hash::hash(&message).to_byte_array(),
        signature,
    })
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
