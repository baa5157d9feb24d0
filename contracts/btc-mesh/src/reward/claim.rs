//! Paying what has vested.
//!
//! A claim touches a stake: of what had not vested at the last touch, the part that the Bitcoin blocks since then are of
//! the vesting time is paid, and what was credited since begins to vest. So nobody takes the rewards of a stake along that
//! was spent in secret: whoever reports the spend late makes it forfeit what has not vested.

use bitcoin::OutPoint;
use cosmwasm_std::{Addr, BankMsg, Event, Response, Storage, Uint128, coins};
use eots::PublicKey;
use mesh_core::registration::WHOLE;

use super::settle::{INDEX_BITS, part};
use super::{ClaimRefusal, RewardError, ledger};
use crate::ContractError;
use crate::context::Context;
use crate::msg::Bytes32;
use crate::provider::{self, Provider};
use crate::stake::{self, Stake};

/// Most stakes and providers of one claim.
const MAX_CLAIMS: usize = 32;

/// Pays stakes to their reward addresses and commissions to operators. What is unknown is passed over with an event.
pub(crate) fn claim(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    outpoints: &[OutPoint],
    providers: &[Bytes32],
) -> Result<Response, ContractError> {
    let count = outpoints.len().saturating_add(providers.len());
    if count == 0 || count > MAX_CLAIMS {
        return Err(RewardError::Claims(count).into());
    }
    let tip = context.light.tip()?.height;
    let mut response = Response::new();
    for outpoint in outpoints {
        let Some(mut stake) = stake::find(storage, outpoint)? else {
            response = response.add_event(refused(&ClaimRefusal::UnknownStake(*outpoint)));
            continue;
        };
        let provider = provider::get(storage, &stake.provider())?;
        accrue(&mut stake, &provider);
        let amount = vest(&mut stake, tip, context.params().vesting);
        stake::save(storage, outpoint, &stake)?;
        stake::forget_if_paid(storage, outpoint, &stake, tip)?;
        let event = Event::new("claim").add_attribute("outpoint", outpoint.to_string());
        response = pay(
            storage,
            context,
            response,
            &stake.reward_address,
            amount,
            event,
        )?;
    }
    for pk in providers {
        let pk = PublicKey::from_checked_bytes(pk.0);
        let Some(mut provider) = provider::find(storage, &pk)? else {
            response = response.add_event(refused(&ClaimRefusal::UnknownProvider(pk)));
            continue;
        };
        let amount = std::mem::take(&mut provider.earned);
        provider::save(storage, &pk, &mut provider)?;
        let event = Event::new("claim").add_attribute("pk", pk.to_string());
        response = pay(
            storage,
            context,
            response,
            &provider.operator,
            amount,
            event,
        )?;
    }
    Ok(response)
}

/// Credits what a stake earned since the last time. It begins to vest with the next claim, whatever else happens before.
pub(crate) fn accrue(stake: &mut Stake, provider: &Provider) {
    let since = provider.index.saturating_sub(stake.index);
    let earned = since
        .saturating_mul(stake.weight.into())
        .checked_shr(INDEX_BITS)
        .ok()
        .and_then(|earned| Uint128::try_from(earned).ok())
        .unwrap_or_default();
    stake.credited = stake.credited.saturating_add(earned);
    stake.index = provider.index;
}

/// Forfeits what has not vested of a stake: the bounty is booked as paid and returned, the rest goes to the pot.
pub(crate) fn forfeit(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    stake: &mut Stake,
) -> Result<Uint128, ContractError> {
    let credited = std::mem::take(&mut stake.credited);
    let forfeited = std::mem::take(&mut stake.unvested).saturating_add(credited);
    let bounty = part(forfeited, context.params().bounty.into(), WHOLE.into());
    ledger::pay(storage, bounty)?;
    ledger::release(storage, forfeited.saturating_sub(bounty))?;
    Ok(bounty)
}

/// Whether anything is owed to a stake.
pub(crate) fn is_owed(stake: &Stake, provider: &Provider) -> bool {
    let mut touched = stake.clone();
    accrue(&mut touched, provider);
    !touched.unvested.is_zero() || !touched.credited.is_zero()
}

/// Takes what has vested out of what has not, and lets what was credited begin to vest.
fn vest(stake: &mut Stake, tip: u32, vesting: u32) -> Uint128 {
    if tip >= stake.end {
        // Nothing can be reported of it any more, so nothing can be forfeited.
        let credited = std::mem::take(&mut stake.credited);
        return std::mem::take(&mut stake.unvested).saturating_add(credited);
    }
    let blocks = tip.saturating_sub(stake.vested_to).min(vesting);
    let amount = part(stake.unvested, blocks.into(), vesting.into());
    if amount.is_zero() && !stake.unvested.is_zero() {
        // Too little for these blocks, which must not be forgotten: somebody could claim in each one.
        return amount;
    }
    let credited = std::mem::take(&mut stake.credited);
    stake.unvested = stake
        .unvested
        .saturating_sub(amount)
        .saturating_add(credited);
    stake.vested_to = stake.vested_to.max(tip);
    amount
}

fn pay(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    response: Response,
    to: &Addr,
    amount: Uint128,
    event: Event,
) -> Result<Response, ContractError> {
    ledger::pay(storage, amount)?;
    let response = response.add_event(event.add_attribute("paid", amount));
    if amount.is_zero() {
        return Ok(response);
    }
    Ok(response.add_message(BankMsg::Send {
        to_address: to.to_string(),
        amount: coins(amount.u128(), &context.config.denom),
    }))
}

fn refused(refusal: &ClaimRefusal) -> Event {
    Event::new("claim_refused").add_attribute("reason", refusal.to_string())
}
