//! Showing that a staking output was spent, whatever spends it: unbonding, slashing, an expansion.

use bitcoin::OutPoint;
use cosmwasm_std::{BankMsg, Event, Response, Storage, coins};

use super::calendar::BLOCKS;
use super::error::StakeError;
use super::inclusion::{self, Place, parse};
use super::record::{self, Spend, Stake};
use super::{reorg, weight};
use crate::context::Context;
use crate::light::Tip;
use crate::msg::{EndReason, Inclusion, StakeStatus};
use crate::{ContractError, reward};

/// Longest transaction read, bytes: nodes relay none above 400,000 weight units.
const MAX_TX: usize = 400_000;

/// Ends a stake whose output was spent. Who shows it late gets a part of what the stake forfeits.
pub(crate) fn report_spend(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    outpoint: &OutPoint,
    tx: &[u8],
    vin: u32,
    inclusion: &Inclusion,
) -> Result<Response, ContractError> {
    let tip = context.light.tip()?;
    reorg::note(storage, context, &tip)?;
    let mut stake = record::get(storage, outpoint)?;
    check_open(outpoint, &stake, &tip, inclusion.height)?;
    let tx = parse("spending transaction", tx, MAX_TX)?;
    let spends = usize::try_from(vin)
        .ok()
        .and_then(|position| tx.input.get(position))
        .is_some_and(|input| input.previous_output == *outpoint);
    if !spends {
        return Err(StakeError::OtherSpend {
            vin,
            txid: tx.compute_txid(),
            outpoint: *outpoint,
        }
        .into());
    }
    let place = inclusion::prove(context, &tip, &tx, inclusion)?;
    stake.spend = Some(Spend {
        height: place.height,
        block_hash: place.block_hash,
    });
    if !is_ended_for_good(&stake) {
        stake.status = StakeStatus::Ended {
            reason: EndReason::Spent {
                height: place.height,
            },
        };
    }
    // What it earned until now is credited before it may be forfeited.
    weight::recount(storage, &mut stake)?;
    let event = Event::new("report_spend")
        .add_attribute("outpoint", outpoint.to_string())
        .add_attribute("provider", stake.provider.to_string())
        .add_attribute("txid", tx.compute_txid().to_string())
        .add_attribute("height", place.height.to_string());
    let response = if is_late(context, &stake, &place) {
        forfeit(storage, context, &mut stake, event)?
    } else {
        Response::new().add_event(event)
    };
    BLOCKS.insert(storage, place.height, outpoint);
    record::save(storage, outpoint, &stake)?;
    Ok(response)
}

/// Whether it ended for what somebody did, which a spend does not undo.
const fn is_ended_for_good(stake: &Stake) -> bool {
    matches!(
        stake.status,
        StakeStatus::Ended {
            reason: EndReason::Conflict {} | EndReason::Dropped {},
        }
    )
}

/// A spend matters to a stake that has not ended, and to one that ended otherwise after it was spent in secret: a staker
/// could end it so to keep what has not vested.
fn check_open(outpoint: &OutPoint, stake: &Stake, tip: &Tip, spent: u32) -> Result<(), StakeError> {
    let outpoint = *outpoint;
    if tip.height >= stake.end {
        return Err(StakeError::Forgotten(outpoint));
    }
    match stake.status {
        StakeStatus::Ended {
            reason: EndReason::Expired {},
        } if spent < stake.expires => Ok(()),
        StakeStatus::Ended { .. }
            if is_ended_for_good(stake) && stake.spend.is_none() && spent < stake.expires =>
        {
            Ok(())
        }
        StakeStatus::Ended { reason } => Err(StakeError::Ended { outpoint, reason }),
        StakeStatus::Pending { .. } | StakeStatus::Unproven {} | StakeStatus::Active {} => Ok(()),
    }
}

/// Whether the stake counted on in silence after it was spent. From its expiry on it is free to go.
fn is_late(context: &Context<'_>, stake: &Stake, place: &Place) -> bool {
    place.depth > context.params().grace && place.height < stake.expires
}

fn forfeit(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    stake: &mut Stake,
    event: Event,
) -> Result<Response, ContractError> {
    let bounty = reward::forfeit(storage, context, stake)?;
    let response = Response::new().add_event(event.add_attribute("bounty", bounty.to_string()));
    if bounty.is_zero() {
        return Ok(response);
    }
    Ok(response.add_message(BankMsg::Send {
        to_address: context.sender.to_string(),
        amount: coins(bounty.u128(), &context.config.denom),
    }))
}
