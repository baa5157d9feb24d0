//! Taking votes: which may count, what they count for, and what a second one at the same checkpoint gives away.

use cosmwasm_std::{Event, Storage};
use eots::PublicKey;
use mesh_core::table::TableHead;

use super::ballot::{self, Ballot, Failure, Outcome, VoteRefusal};
use super::checkpoints::{finalise_from, in_force};
use super::clock::{self, Clock};
use super::finals::final_at;
use super::tally::{Additions, Count};
use super::{evidence, tables};
use crate::context::Context;
use crate::msg::VoteItem;
use crate::{ContractError, provider, reward};

/// What votes are taken under: the table in force and the one before.
struct Polls {
    clock: Clock,
    in_force: TableHead,
    /// Where a vote is for one of its checkpoints.
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
    let polls = Polls::open(storage, items)?;
    let mut events = Vec::new();
    let mut counted = Counted::default();
    for item in items {
        match polls.take(storage, context, item, &mut counted) {
            Ok(Outcome::First | Outcome::Known) => {}
            Ok(Outcome::Equivocation(key)) => {
                let pk = PublicKey::from_checked_bytes(item.pk.0);
                let provider = provider::get(storage, &pk)?;
                events.extend(evidence::slash(storage, context, &pk, &provider, &key)?);
            }
            Err(Failure::Refused(refusal)) => events.push(ballot::refused(item, &refusal)),
            Err(Failure::Fault(fault)) => return Err(fault),
        }
    }
    counted.save(storage, polls.clock.epoch)?;
    events.extend(finalise_from(
        storage,
        context,
        polls.clock,
        &polls.in_force,
    )?);
    Ok(events)
}

/// What a message's votes add up to, so that it is written once for all of them.
#[derive(Default)]
struct Counted {
    tallies: Additions,
    /// Of each vote for what is final already, its epoch and the bit of its voter.
    late: Vec<(u64, u128)>,
}

impl Counted {
    /// Writes it; votes are for the epoch in force and the one before.
    fn save(&self, storage: &mut dyn Storage, in_force: u64) -> Result<(), ContractError> {
        self.tallies.save(storage)?;
        for epoch in in_force.saturating_sub(1)..=in_force {
            let late = self.late.iter().filter(|(of, _)| *of == epoch);
            let voters: Vec<_> = late.map(|(_, bit)| *bit).collect();
            if !voters.is_empty() {
                tables::count_votes(storage, epoch, &voters)?;
            }
        }
        Ok(())
    }
}

impl Polls {
    fn open(storage: &dyn Storage, items: &[VoteItem]) -> Result<Self, ContractError> {
        let clock = clock::started(storage)?;
        let head = in_force(storage, &clock)?;
        let first = head.term.first_checkpoint;
        let before = match clock.epoch.checked_sub(1) {
            Some(epoch) if items.iter().any(|item| item.k < first) => {
                tables::head_of_epoch(storage, epoch)?
            }
            _ => None,
        };
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
        counted: &mut Counted,
    ) -> Result<Outcome, Failure> {
        let (head, next_root) = self.table_of(context, item.k)?;
        let epoch = head.term.epoch;
        let pk = PublicKey::from_checked_bytes(item.pk.0);
        let listed = tables::listed(storage, epoch, &pk)?.ok_or(VoteRefusal::NotInTable(epoch))?;
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
        let outcome = ballot.take(storage, &listed.entry, item)?;
        if matches!(outcome, Outcome::First) {
            if item.k >= self.clock.next {
                let vote = Count::of(&listed);
                counted.tallies.add(item.k, &item.hash.0, &vote)?;
            } else if self.is_rewarded_late(storage, epoch, item)? {
                counted.late.push((epoch, listed.bit()));
            }
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
