//! What is final: checkpoints in sequence, each by more than two thirds of the table in force.

use cosmwasm_std::{Event, Storage};
use mesh_core::age::AgeError;
use mesh_core::table::TableHead;

use super::clock::{self, Clock};
use super::finals::{self, Final};
use super::roll::last_checkpoint;
use super::{tables, tally};
use crate::context::Context;
use crate::light::Tip;
use crate::msg::Bytes32;
use crate::{ContractError, config};

/// Most checkpoints that one message makes final.
const MAX_AT_ONCE: usize = 16;

/// Whether what is known of Bitcoin is fresh enough for finality and tables.
pub(super) fn check_fresh(context: &Context<'_>, tip: &Tip) -> Result<(), AgeError> {
    context.age_limits().check_fresh(context.lag(tip))
}

/// Rule 6: a table makes checkpoints final only while it is young, by a fresh view of Bitcoin.
fn check_age(context: &Context<'_>, tip: &Tip, head: &TableHead) -> Result<(), AgeError> {
    let cut = head.term.cut_height;
    context
        .age_limits()
        .check(context.lag(tip), tip.height, cut)
}

/// Why nothing becomes final now; `None` where only votes are missing.
pub(crate) fn halted(
    storage: &dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
) -> Result<Option<String>, ContractError> {
    let head = in_force(storage, clock)?;
    let tip = context.light.tip()?;
    Ok(check_age(context, &tip, &head)
        .err()
        .map(|halt| halt.to_string()))
}

/// The table in force.
pub(crate) fn in_force(storage: &dyn Storage, clock: &Clock) -> Result<TableHead, ContractError> {
    tables::head_of_epoch(storage, clock.epoch)?.ok_or(ContractError::CorruptTable(clock.epoch))
}

/// Makes final what has a quorum, in sequence, to the end of the epoch at most.
pub(crate) fn finalise(
    storage: &mut dyn Storage,
    context: &Context<'_>,
) -> Result<Vec<Event>, ContractError> {
    let clock = clock::started(storage)?;
    let head = in_force(storage, &clock)?;
    finalise_from(storage, context, clock, &head)
}

/// The same from where the clock stands, under the table in force.
pub(super) fn finalise_from(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    mut clock: Clock,
    head: &TableHead,
) -> Result<Vec<Event>, ContractError> {
    let last = last_checkpoint(head)?;
    let mut tip = None;
    let mut events = Vec::new();
    let mut voters = Vec::new();
    while events.len() < MAX_AT_ONCE {
        let k = clock.next;
        let choices = tally::choices(storage, k)?;
        let mut choices = choices.iter();
        let winner = choices.find(|(_, count)| head.is_quorum(count.weight));
        let Some((hash, count)) = winner else { break };
        // Asked for only where there is something to finalise.
        let tip = match tip {
            Some(tip) => tip,
            None => *tip.insert(context.light.tip()?),
        };
        if let Err(halt) = check_age(context, &tip, head) {
            events.push(Event::new("halted").add_attribute("reason", halt.to_string()));
            break;
        }
        let hash = Bytes32::from_slice(hash)?;
        voters.push(count.voters);
        events.push(finals::conclude(storage, head, k, hash, count.weight)?);
        clock.next = k.saturating_add(1);
        clock.last_final_tip = tip.height;
        if k == last {
            clock.epoch = clock.epoch.saturating_add(1);
            clock.epoch_began = context.height;
            clock.ready = false;
            config::advance(storage, context.config, clock.epoch)?;
            break;
        }
    }
    if !voters.is_empty() {
        tables::count_votes(storage, head.term.epoch, &voters)?;
        clock::save(storage, &clock)?;
    }
    Ok(events)
}

/// Records a checkpoint that governance decrees. Whatever was voted for it, and ahead of it, counts for nothing: neither
/// for rewards nor under the table of the era that begins.
pub(super) fn decree(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
    head: &TableHead,
    hash: [u8; 32],
) -> Result<Final, ContractError> {
    let k = clock.next;
    let decreed = Final {
        decreed: true,
        ..Final::new(head, k, hash, 0)?
    };
    finals::write(storage, k, &decreed)?;
    let last = last_checkpoint(head)?;
    let ahead = k.saturating_add(context.params().window.into());
    for checkpoint in k..=last.min(ahead) {
        tally::forget(storage, checkpoint);
    }
    Ok(decreed)
}
