//! Ending stakes whose time is over, and forgetting those whose timelock is.
//!
//! A stake that ended stays known until its timelock is over, else the same proof of inclusion would let it count again.

use bitcoin::OutPoint;
use cosmwasm_std::{Event, Storage};

use super::calendar::{BLOCKS, ENDS, EXPIRIES, Entry, check_limit};
use super::record::{self, Stake};
use super::{kit, reorg, weight};
use crate::context::Context;
use crate::finality::RollError;
use crate::light::Tip;
use crate::msg::{EndReason, StakeStatus};
use crate::provider::Changes;
use crate::{ContractError, provider, reward};

/// Ends what expired and forgets what is over, up to `limit` stakes in all: first those that might still count.
pub(crate) fn expire(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    limit: u32,
) -> Result<Event, ContractError> {
    let limit = check_limit(limit)?;
    let tip = context.light.tip()?.height;
    let expired = EXPIRIES.up_to(storage, tip, limit)?;
    let mut providers = Changes::default();
    for entry in &expired {
        end(storage, &mut providers, entry)?;
    }
    providers.save(storage)?;
    let left = limit.saturating_sub(expired.len());
    let over = ENDS.up_to(storage, tip, left)?;
    for entry in &over {
        forget(storage, entry, tip)?;
    }
    Ok(Event::new("expire")
        .add_attribute("expired", expired.len().to_string())
        .add_attribute("forgotten", over.len().to_string()))
}

fn end(
    storage: &mut dyn Storage,
    providers: &mut Changes,
    entry: &Entry,
) -> Result<(), ContractError> {
    let Entry { height, outpoint } = entry;
    EXPIRIES.remove(storage, *height, outpoint);
    let Some(mut stake) = record::find(storage, outpoint)? else {
        return Ok(());
    };
    ENDS.insert(storage, stake.end, outpoint);
    if matches!(stake.status, StakeStatus::Ended { .. }) {
        return Ok(());
    }
    stake.status = StakeStatus::Ended {
        reason: EndReason::Expired {},
    };
    stake.increase = None;
    weight::recount_with(storage, providers, &mut stake)?;
    record::save(storage, outpoint, &stake)
}

/// Forgets what burned a stake and where it was; the stake itself once nothing is owed to it.
fn forget(storage: &mut dyn Storage, entry: &Entry, tip: u32) -> Result<(), ContractError> {
    let Entry { height, outpoint } = entry;
    ENDS.remove(storage, *height, outpoint);
    kit::remove(storage, outpoint);
    let Some(mut stake) = record::find(storage, outpoint)? else {
        return Ok(());
    };
    BLOCKS.remove(storage, stake.start, outpoint);
    if let Some(spend) = stake.spend {
        BLOCKS.remove(storage, spend.height, outpoint);
    }
    if !matches!(stake.status, StakeStatus::Ended { .. }) {
        // A spend that was unwound after the stake expired.
        stake.status = StakeStatus::Ended {
            reason: EndReason::Expired {},
        };
        weight::recount(storage, &mut stake)?;
        record::save(storage, outpoint, &stake)?;
    }
    forget_if_paid(storage, outpoint, &stake, tip)
}

/// Removes the record of a stake whose timelock was over when `expire` looked at it, once nothing is owed to it.
pub(crate) fn forget_if_paid(
    storage: &mut dyn Storage,
    outpoint: &OutPoint,
    stake: &Stake,
    tip: u32,
) -> Result<(), ContractError> {
    if tip < stake.end || kit::is_kept(storage, outpoint) {
        return Ok(());
    }
    let provider = provider::get(storage, &stake.provider())?;
    if !reward::is_owed(stake, &provider) {
        record::remove(storage, outpoint);
    }
    Ok(())
}

/// Refuses a table while a stake may count whose time is over, or rests on blocks that are no more.
pub(crate) fn check_caught_up(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    tip: &Tip,
) -> Result<(), ContractError> {
    if !EXPIRIES.up_to(storage, tip.height, 1)?.is_empty() {
        return Err(RollError::NotExpired.into());
    }
    if reorg::note(storage, context, tip)?.is_unwinding() {
        return Err(RollError::NotUnwound.into());
    }
    Ok(())
}
