//! Taking votes: which may count, what they count for, and what a second one at the same checkpoint gives away.

use btc_mesh::VoteRefusal;
use btc_mesh::finality::ballot::{self, Ballot, Failure, Outcome};
use btc_mesh::finality::tables;
use btc_mesh::finality::tally::{Additions, Count};
use cosmwasm_std::{Event, Storage};
use eots::PublicKey;
use mesh_core::table::TableHead;

use crate::checkpoints::{Choice, finalise};
use crate::clock::{self, Clock};
use crate::context::Context;
use crate::msg::MirroredVote;
use crate::{ContractError, evidence, forged};

/// What votes are taken under: the table in force and the one that signed it.
struct Polls {
    clock: Clock,
    in_force: TableHead,
    last: u64,
    before: Option<TableHead>,
}

/// Takes votes, each on its own, and then makes final what has a quorum.
pub(crate) fn cast(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    items: &[MirroredVote],
) -> Result<Vec<Event>, ContractError> {
    ballot::check_count(items.len())?;
    let polls = Polls::open(storage)?;
    let mut events = Vec::new();
    let mut tallies = Additions::default();
    for item in items {
        match polls.take(storage, context, item, &mut tallies) {
            Ok(Outcome::First | Outcome::Known) => {}
            Ok(Outcome::Equivocation(key)) => {
                let pk = PublicKey::from_checked_bytes(item.vote.pk.0);
                events.extend(evidence::slash(storage, context, &pk, &key)?);
            }
            Err(Failure::Refused(refusal)) => events.push(ballot::refused(&item.vote, &refusal)),
            Err(Failure::Fault(fault)) => return Err(fault.into()),
        }
    }
    tallies.save(storage)?;
    events.extend(finalise(storage, context)?);
    Ok(events)
}

impl Polls {
    fn open(storage: &dyn Storage) -> Result<Self, ContractError> {
        let clock = clock::load(storage)?;
        let in_force = clock.in_force(storage)?;
        Ok(Self {
            clock,
            in_force,
            last: clock::last_checkpoint(&in_force)?,
            before: clock.before(storage)?,
        })
    }

    /// Checks a vote and counts it. Whether the key is out does not matter: the subject may have counted the vote before it
    /// was.
    fn take(
        &self,
        storage: &mut dyn Storage,
        context: &Context<'_>,
        item: &MirroredVote,
        tallies: &mut Additions,
    ) -> Result<Outcome, Failure> {
        let vote = &item.vote;
        let window = context.config.window;
        ballot::check_window(vote.k, self.clock.next, self.last, window)?;
        let head = self.table_of(vote.k)?;
        let next_root = item.next_root.map(|root| root.0);
        if next_root.is_some() && head.term.last_checkpoint() != Some(vote.k) {
            return Err(VoteRefusal::NotLast(vote.k).into());
        }
        let epoch = head.term.epoch;
        let pk = PublicKey::from_checked_bytes(vote.pk.0);
        let listed = tables::listed(storage, epoch, &pk)?.ok_or(VoteRefusal::NotInTable(epoch))?;
        let ballot = Ballot {
            curve: context.curve,
            domain: context.config.domain(),
            head,
            next_root,
            window,
        };
        let outcome = ballot.take(storage, &listed.entry, vote)?;
        if vote.k >= self.clock.next {
            let hash = vote.hash.0;
            let choice = Choice { hash, next_root }.to_bytes();
            match outcome {
                Outcome::First => tallies.add(vote.k, &choice, &Count::of(&listed))?,
                Outcome::Equivocation(_) => {
                    forged::count(storage, tallies, vote.k, &choice, &listed)?;
                }
                Outcome::Known => {}
            }
        }
        Ok(outcome)
    }

    /// The table under which a checkpoint is voted for.
    fn table_of(&self, k: u64) -> Result<&TableHead, VoteRefusal> {
        if k >= self.in_force.term.first_checkpoint {
            Ok(&self.in_force)
        } else {
            self.before.as_ref().ok_or(VoteRefusal::Forgotten(k))
        }
    }
}
