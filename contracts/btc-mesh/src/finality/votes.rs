//! Taking votes: which may count, what they count for, and what a second one at the same checkpoint gives away.

use cosmwasm_std::{Event, Storage};
use eots::PublicKey;
use mesh_core::table::TableHead;

use super::ballot::{self, Ballot, Failure, Outcome, VoteRefusal};
use super::checkpoints::{finalise, in_force};
use super::clock::{self, Clock};
use super::finals::final_at;
use super::{evidence, tables, tally};
use crate::context::Context;
use crate::msg::VoteItem;
use crate::{ContractError, reward};

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
    ballot::check_count(items.len())?;
    let polls = Polls::open(storage)?;
    let mut events = Vec::new();
    for item in items {
        match polls.take(storage, context, item) {
            Ok(Outcome::First | Outcome::Known) => {}
            Ok(Outcome::Equivocation(key)) => {
                let pk = PublicKey::from_checked_bytes(item.pk.0);
                events.extend(evidence::slash(storage, context, &pk, &key)?);
            }
            Err(Failure::Refused(refusal)) => events.push(ballot::refused(item, &refusal)),
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
        let ballot = Ballot {
            curve: context.curve,
            domain: context.domain(),
            head,
            next_root,
            window: context.params().window,
        };
        let outcome = ballot.take(storage, &entry, item)?;
        if !matches!(outcome, Outcome::First) {
            return Ok(outcome);
        }
        if item.k >= self.clock.next {
            tally::add(storage, item.k, &item.hash.0, entry.weight)?;
            tables::add_vote(storage, epoch, &pk);
        } else if self.is_rewarded_late(storage, epoch, item)? {
            tables::add_vote(storage, epoch, &pk);
        }
        Ok(outcome)
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
        let last = self.in_force.term.last_checkpoint().unwrap_or_default();
        ballot::check_window(k, self.clock.next, last, context.params().window)?;
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
