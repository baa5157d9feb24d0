//! Stakes: shown by anybody, believed by nobody, counted once they have waited.
//!
//! `register` rebuilds a stake from its keys (`shown`), asks where it is in Bitcoin (`inclusion`) and what its staker
//! consented to (`consent`), and lets it wait; `kit` keeps what burns it. `activate` lets it count, within what an epoch
//! takes of new weight (`growth`). `spend` ends it when its output is spent, `expiry` when its time is over, and `reorg`
//! takes back what rested on blocks that are no more; all three find stakes by heights of Bitcoin (`calendar`).
//!
//! A stake is Pending, then Active, then Ended. What counts of it follows from its status and its share in one place
//! (`weight`), and only [`record::set_weight`] changes its provider.

mod activate;
mod calendar;
mod consent;
mod error;
mod expiry;
mod growth;
mod inclusion;
mod kit;
mod record;
mod register;
mod reorg;
mod shown;
mod spend;
mod weight;

use bitcoin::OutPoint;
use cosmwasm_std::Storage;

use crate::ContractError;
use crate::msg::{EndReason, StakeStatus};

pub(crate) use activate::activate;
pub(crate) use consent::{conflict, consent};
pub use error::StakeError;
pub(crate) use expiry::{check_caught_up, expire, forget_if_paid};
pub(crate) use growth::growth_left;
pub(crate) use kit::{exposure, slash_kit};
#[cfg(test)]
pub(crate) use record::set_weight;
pub(crate) use record::{Stake, find, get, list, save};
pub(crate) use register::register;
pub(crate) use reorg::{frozen_until, is_unwinding, unwind};
pub(crate) use spend::report_spend;

/// Ends a stake that governance says Bitcoin does not know, for good.
pub(crate) fn drop(storage: &mut dyn Storage, outpoint: &OutPoint) -> Result<(), ContractError> {
    let mut stake = get(storage, outpoint)?;
    stake.status = StakeStatus::Ended {
        reason: EndReason::Dropped {},
    };
    stake.increase = None;
    weight::recount(storage, &mut stake)?;
    save(storage, outpoint, &stake)
}
