//! Why nothing becomes final, whatever votes there are.

use cosmwasm_std::{Event, Storage};
use mesh_core::age::AgeError;
use mesh_core::table::TableHead;

use crate::ContractError;
use crate::clock::Clock;
use crate::context::Context;

/// Why nothing becomes final, whatever votes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Halt {
    /// So many keys are out that two forks of the subject may both be signed. Only governance helps.
    #[error(
        "keys of {slashed} of the {total} sat of the table of epoch {epoch} are out, less than a third may be; find out which \
         fork of the subject is right, then governance must repin"
    )]
    Slashed {
        /// The table's epoch.
        epoch: u64,
        /// Weight of the keys that are out, sat.
        slashed: u64,
        /// Weight of all, sat.
        total: u64,
    },
    /// The table or the view of Bitcoin is too old.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// The table comes from blocks that are not known here, so it has no age yet. Headers help.
    #[error(
        "the table in force was cut at block {cut} of Bitcoin, known here is block {tip}; bring headers"
    )]
    Ahead {
        /// Height at which it was cut.
        cut: u32,
        /// Height of the tip.
        tip: u32,
    },
}

impl Halt {
    pub(crate) fn event(&self) -> Event {
        Event::new("halted").add_attribute("reason", self.to_string())
    }
}

/// Why nothing becomes final now; `None` where only votes are missing.
pub(crate) fn check(
    storage: &dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
) -> Result<Option<Halt>, ContractError> {
    if let Some(halt) = check_slashed(storage, clock)? {
        return Ok(Some(halt));
    }
    let (tip, header) = context.light.tip()?;
    let lag = context.time.saturating_sub(header.time.into());
    let cut = clock.in_force(storage)?.term.cut_height;
    if let Err(halt) = context.config.age_limits().check(lag, tip, cut) {
        return Ok(Some(halt.into()));
    }
    Ok((cut > tip).then_some(Halt::Ahead { cut, tip }))
}

/// A third of the table in force, or of the one that signed it, is what two signed forks would have cost.
pub(crate) fn check_slashed(
    storage: &dyn Storage,
    clock: &Clock,
) -> Result<Option<Halt>, ContractError> {
    if let Some(halt) = third_of(&clock.in_force(storage)?, clock.slashed) {
        return Ok(Some(halt));
    }
    let before = clock.before(storage)?;
    Ok(before.and_then(|before| third_of(&before, clock.slashed_before)))
}

fn third_of(head: &TableHead, slashed: u64) -> Option<Halt> {
    let (epoch, total) = (head.term.epoch, head.total);
    let is_third = u128::from(slashed).saturating_mul(3) >= total.into();
    is_third.then_some(Halt::Slashed {
        epoch,
        slashed,
        total,
    })
}
