//! How tables come into force: the one that was signed, or one that governance pins.

use std::fmt;

use btc_mesh::finality::{evidence, finals, tables, tally};
use btc_mesh::msg::Bytes32;
use cosmwasm_std::{Event, Storage};
use mesh_core::table::{Table, TableHead};

use crate::clock::{self, Clock};
use crate::context::Context;
use crate::{ContractError, halt, msg, table};

/// What a number of a table must be beside what is in force or final here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// This very number.
    Exactly(u64),
    /// This number or a higher one.
    AtLeast(u64),
    /// A higher number.
    Above(u64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => write!(f, "exactly {number}"),
            Self::AtLeast(number) => write!(f, "at least {number}"),
            Self::Above(number) => write!(f, "above {number}"),
        }
    }
}

/// Brings the table into force whose root was signed with the last checkpoint of the one before.
pub(crate) fn next_table(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    shown: &msg::Table,
) -> Result<Event, ContractError> {
    let clock = clock::load(storage)?;
    let before = clock.in_force(storage)?;
    let last = clock::last_checkpoint(&before)?;
    let next = clock.next;
    let signed = clock
        .next_root
        .ok_or(ContractError::TooEarly { next, last })?;
    let table = table::rebuild(context.config, shown)?;
    let head = table.head();
    if head.root != signed.0 {
        let found = head.root.into();
        return Err(ContractError::NotSigned { found, signed });
    }
    // The subject's contract makes no other; were one signed all the same, it would lead nowhere.
    let term = &head.term;
    let epoch = clock.epoch.saturating_add(1);
    Bound::Exactly(clock.era.into()).check("era", term.era.into())?;
    Bound::Exactly(epoch).check("epoch", term.epoch)?;
    Bound::Exactly(next).check("first_k", term.first_checkpoint)?;
    check_height(storage, head)?;
    let next = Clock {
        epoch,
        next_root: None,
        slashed: slashed_weight(storage, &table),
        slashed_before: clock.slashed,
        ..clock
    };
    tables::save(storage, &table)?;
    clock::save(storage, &next)?;
    Ok(announce("next_table", head))
}

/// Brings a table into force that governance pins, and forgets what was not final under the one before.
pub(crate) fn pin(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    shown: &msg::Table,
) -> Result<Event, ContractError> {
    let table = table::rebuild(context.config, shown)?;
    let head = table.head();
    let term = &head.term;
    if let Some(before) = clock::find(storage)? {
        Bound::AtLeast(before.era.into()).check("era", term.era.into())?;
        if term.era == before.era {
            Bound::Above(before.epoch).check("epoch", term.epoch)?;
        }
        Bound::AtLeast(before.next).check("first_k", term.first_checkpoint)?;
        check_height(storage, head)?;
        forget_tallies(storage, context, &before)?;
    }
    let clock = Clock {
        era: term.era,
        epoch: term.epoch,
        pinned: term.epoch,
        next: term.first_checkpoint,
        next_root: None,
        slashed: slashed_weight(storage, &table),
        slashed_before: 0,
    };
    tables::save(storage, &table)?;
    // Who pins an old table pins providers that could have unbonded.
    if let Some(halt) = halt::check(storage, context, &clock)? {
        return Err(halt.into());
    }
    clock::save(storage, &clock)?;
    Ok(announce("pin", head))
}

impl Bound {
    fn check(self, name: &'static str, found: u64) -> Result<(), ContractError> {
        let holds = match self {
            Self::Exactly(number) => found == number,
            Self::AtLeast(number) => found >= number,
            Self::Above(number) => found > number,
        };
        if holds {
            Ok(())
        } else {
            let bound = self;
            Err(ContractError::DoesNotFollow { name, found, bound })
        }
    }
}

/// Heights of the subject's chain rise with checkpoints.
fn check_height(storage: &dyn Storage, head: &TableHead) -> Result<(), ContractError> {
    finals::last_final(storage)?.map_or(Ok(()), |(_, last)| {
        Bound::Above(last.height).check("first_height", head.term.first_height)
    })
}

/// Weight in a table of keys that are out.
fn slashed_weight(storage: &dyn Storage, table: &Table) -> u64 {
    table
        .entries()
        .iter()
        .filter(|entry| evidence::is_slashed(storage, &entry.provider))
        .fold(0, |sum, entry| sum.saturating_add(entry.weight))
}

/// Forgets what was voted for under the table in force, which counts for nothing under another.
fn forget_tallies(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
) -> Result<(), ContractError> {
    let last = clock::last_checkpoint(&clock.in_force(storage)?)?;
    let ahead = clock.next.saturating_add(context.config.window.into());
    for checkpoint in clock.next..=last.min(ahead) {
        tally::forget(storage, checkpoint);
    }
    Ok(())
}

fn announce(what: &str, head: &TableHead) -> Event {
    Event::new(what)
        .add_attribute("era", head.term.era.to_string())
        .add_attribute("epoch", head.term.epoch.to_string())
        .add_attribute("root", Bytes32(head.root).to_string())
        .add_attribute("total", head.total.to_string())
}
