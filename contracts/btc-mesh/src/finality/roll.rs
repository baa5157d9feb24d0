//! Making the next epoch's table, in the last checkpoints of the one in force.

use std::collections::BTreeSet;

use cosmwasm_std::{Event, Storage};
use mesh_core::table::{TableError, TableHead, Term};

use super::checkpoints::check_fresh;
use super::snapshot::{self, Snapshot};
use super::{clock, tables};
use crate::context::Context;
use crate::{ContractError, config, stake};

/// Why no table is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RollError {
    /// It is not time.
    #[error("the next table can be made once checkpoint {from} is the next; now it is {next}")]
    TooEarly {
        /// The checkpoint that must be next.
        from: u64,
        /// The next checkpoint.
        next: u64,
    },
    /// There is one.
    #[error("the table of epoch {0} is ready already")]
    Ready(u64),
    /// What is known of Bitcoin is too old.
    #[error("no table is made from an old view of Bitcoin: {0}")]
    Stale(String),
    /// Stakes whose time is over still count.
    #[error("stakes whose time is over must end first: send expire")]
    NotExpired,
    /// A reorganisation was not dealt with.
    #[error("what a reorganisation of Bitcoin undid must be unwound first: send unwind")]
    NotUnwound,
    /// Too few providers could be found.
    #[error("{found} providers have weight and randomness for the epoch, {required} are required")]
    TooFewProviders {
        /// How many.
        found: u32,
        /// How many there must be.
        required: u32,
    },
    /// Too little weight stands behind them.
    #[error("the table would weigh {found} sat, {required} sat are required")]
    TooLittleWeight {
        /// How much.
        found: u64,
        /// How much it must be.
        required: u64,
    },
    /// A table that cannot be.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Makes the next epoch's table; or, where too many of the heaviest cannot be in it, only takes those from the ranking.
pub(crate) fn roll(
    storage: &mut dyn Storage,
    context: &Context<'_>,
) -> Result<Event, ContractError> {
    context.only_open()?;
    let mut clock = clock::started(storage)?;
    let head = tables::head_of_epoch(storage, clock.epoch)?
        .ok_or(ContractError::CorruptTable(clock.epoch))?;
    let epoch = clock.epoch.saturating_add(1);
    if clock.ready {
        return Err(RollError::Ready(epoch).into());
    }
    let last = last_checkpoint(&head)?;
    let from = last
        .saturating_sub(context.params().margin.into())
        .saturating_add(1);
    if clock.next < from {
        let next = clock.next;
        return Err(RollError::TooEarly { from, next }.into());
    }
    let config = config::planned(storage, context.config, epoch)?;
    let context = &Context {
        config: &config,
        ..*context
    };
    let tip = context.light.tip()?;
    check_fresh(context, &tip).map_err(|halt| RollError::Stale(halt.to_string()))?;
    stake::check_caught_up(storage, context, &tip)?;
    let term = Term {
        era: clock.era,
        epoch,
        first_checkpoint: last.saturating_add(1),
        first_height: next_height(&head, last)?,
        interval: context.params().interval,
        checkpoints: context.params().epoch_len,
        cut_height: tip.height,
        cut_hash: tip.hash,
    };
    match snapshot::cut(storage, context, term, &BTreeSet::new())? {
        Snapshot::Dropped(count) => {
            Ok(Event::new("roll").add_attribute("dropped", count.to_string()))
        }
        Snapshot::Table(table) => {
            tables::save(storage, &table)?;
            clock.ready = true;
            clock::save(storage, &clock)?;
            Ok(Event::new("roll")
                .add_attribute("epoch", epoch.to_string())
                .add_attribute("providers", table.entries().len().to_string())
                .add_attribute("total", table.head().total.to_string()))
        }
    }
}

/// The last checkpoint of a stored table.
pub(super) fn last_checkpoint(head: &TableHead) -> Result<u64, ContractError> {
    head.term
        .last_checkpoint()
        .ok_or(ContractError::CorruptTable(head.term.epoch))
}

/// Height of the checkpoint after a table's last.
fn next_height(head: &TableHead, last: u64) -> Result<u64, ContractError> {
    head.term
        .height(last)
        .and_then(|height| height.checked_add(head.term.interval.into()))
        .ok_or(ContractError::CorruptTable(head.term.epoch))
}
