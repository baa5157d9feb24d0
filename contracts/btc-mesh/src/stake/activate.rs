//! Letting a stake count that waited, or more of one that counts.
//!
//! The wait is for those who know better than a proof of inclusion can: that the output is spent, that its block is one
//! that nobody else mined, or that another chain counts the same share.

use bitcoin::OutPoint;
use cosmwasm_std::{Event, Storage};

use super::error::StakeError;
use super::record::{self, Stake};
use super::register::check_provider;
use super::{growth, inclusion, reorg, weight};
use crate::ContractError;
use crate::context::Context;
use crate::light::Tip;
use crate::msg::StakeStatus;

/// Seconds in which the pace is measured.
const DAY: u64 = 24 * 60 * 60;

/// Lets a stake count, or an increase of its share.
pub(crate) fn activate(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    outpoint: &OutPoint,
) -> Result<Event, ContractError> {
    context.only_open()?;
    let tip = context.light.tip()?;
    reorg::note(storage, context, &tip)?.check_settled(&tip)?;
    check_health(context, &tip)?;
    let mut stake = record::get(storage, outpoint)?;
    let basis_points = share_now(&stake, &tip);
    check_waited(context, outpoint, &stake, &tip)?;
    check_place(context, &stake, &tip)?;
    check_provider(storage, &stake.provider())?;
    let added = weight::worth(storage, &stake, basis_points)?
        .weight
        .saturating_sub(stake.weight);
    if added == 0 {
        return Err(nothing_added(outpoint, &stake, &tip).into());
    }
    growth::take(
        storage,
        context,
        added,
        tip.height.saturating_sub(stake.start),
    )?;
    if basis_points != stake.basis_points {
        stake.basis_points = basis_points;
        stake.increase = None;
    }
    stake.status = StakeStatus::Active {};
    weight::recount(storage, &mut stake)?;
    record::save(storage, outpoint, &stake)?;
    Ok(Event::new("activate")
        .add_attribute("outpoint", outpoint.to_string())
        .add_attribute("provider", stake.provider.to_string())
        .add_attribute("basis_points", stake.basis_points.to_string())
        .add_attribute("weight", stake.weight.to_string()))
}

/// The share that may count now: with the increase that waited long enough.
fn share_now(stake: &Stake, tip: &Tip) -> u16 {
    stake
        .increase
        .filter(|increase| increase.height <= tip.height)
        .map_or(stake.basis_points, |increase| increase.basis_points)
}

/// Refuses where what is known of Bitcoin may be somebody's private chain.
fn check_health(context: &Context<'_>, tip: &Tip) -> Result<(), ContractError> {
    let params = context.params();
    let (lag, max) = (context.lag(tip), params.max_lag);
    if lag > max.into() {
        return Err(StakeError::Lag { lag, max }.into());
    }
    let required = params.pace_min;
    // Of so many newest blocks this one is the oldest.
    let Some(before_tip) = required.checked_sub(1) else {
        return Ok(());
    };
    let oldest = match tip.height.checked_sub(before_tip) {
        Some(height) => context.light.header(height)?,
        None => None,
    };
    let since = context.time.saturating_sub(DAY);
    if oldest.is_some_and(|oldest| u64::from(oldest.time) > since) {
        Ok(())
    } else {
        Err(StakeError::Pace { required }.into())
    }
}

fn check_waited(
    context: &Context<'_>,
    outpoint: &OutPoint,
    stake: &Stake,
    tip: &Tip,
) -> Result<(), StakeError> {
    match stake.status {
        StakeStatus::Active {} => Ok(()),
        StakeStatus::Pending { since } => {
            let from = since.saturating_add(context.params().challenge);
            if tip.height >= from {
                Ok(())
            } else {
                let tip = tip.height;
                Err(StakeError::Waits { from, tip })
            }
        }
        StakeStatus::Unproven {} => Err(StakeError::Unproven(*outpoint)),
        StakeStatus::Ended { reason } => {
            let outpoint = *outpoint;
            Err(StakeError::Ended { outpoint, reason })
        }
    }
}

/// Refuses a stake whose time is over, or whose block is not on the best chain.
fn check_place(context: &Context<'_>, stake: &Stake, tip: &Tip) -> Result<(), ContractError> {
    let expires = stake.expires;
    if tip.height >= expires {
        let tip = tip.height;
        return Err(StakeError::TimeOver { expires, tip }.into());
    }
    if inclusion::is_gone(context, tip, stake.start, &stake.block_hash)? {
        return Err(StakeError::BlockGone(stake.start).into());
    }
    Ok(())
}

/// Why a stake would count no more than it does.
fn nothing_added(outpoint: &OutPoint, stake: &Stake, tip: &Tip) -> StakeError {
    match stake.increase {
        Some(increase) if increase.height > tip.height => StakeError::IncreaseWaits {
            from: increase.height,
            tip: tip.height,
        },
        None if matches!(stake.status, StakeStatus::Active {}) => StakeError::Active(*outpoint),
        _ => StakeError::NothingCounts(*outpoint),
    }
}
