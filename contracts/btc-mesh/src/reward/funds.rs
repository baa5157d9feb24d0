//! Coins in and out besides claims.

use cosmwasm_std::{BankMsg, Coin, Event, QuerierWrapper, Response, Storage, Uint128, coins};

use super::{RewardError, ledger, settle};
use crate::ContractError;
use crate::config::Config;
use crate::context::Context;

/// What this contract holds of the reward denomination.
pub(crate) fn balance(
    querier: QuerierWrapper<'_>,
    config: &Config,
) -> Result<Uint128, ContractError> {
    Ok(querier
        .query_balance(config.contract.as_str(), &config.denom)?
        .amount)
}

/// Takes coins into the pot.
pub(crate) fn fund(context: &Context<'_>, funds: &[Coin]) -> Result<Event, ContractError> {
    match funds {
        [coin] if coin.denom == context.config.denom => {
            Ok(Event::new("fund").add_attribute("amount", coin.amount))
        }
        _ => Err(RewardError::Denom {
            denom: context.config.denom.clone(),
        }
        .into()),
    }
}

/// Sends coins of a denomination to governance: all of it, or the pot of a closed instance.
pub(crate) fn sweep(
    storage: &dyn Storage,
    querier: QuerierWrapper<'_>,
    context: &Context<'_>,
    denom: &str,
) -> Result<Response, ContractError> {
    context.only_governance()?;
    let config = context.config;
    let held = querier
        .query_balance(config.contract.as_str(), denom)?
        .amount;
    let amount = if denom != config.denom {
        held
    } else if config.closed {
        settle::check_no_other(storage)?;
        ledger::pot(storage, held)?
    } else {
        return Err(RewardError::Sweep(denom.to_owned()).into());
    };
    if amount.is_zero() {
        return Err(RewardError::Nothing(denom.to_owned()).into());
    }
    Ok(Response::new()
        .add_message(BankMsg::Send {
            to_address: config.gov.clone().into(),
            amount: coins(amount.u128(), denom),
        })
        .add_event(Event::new("sweep").add_attribute("amount", amount)))
}
