//! The way back from jail.

use cosmwasm_std::{Event, Storage};
use eots::PublicKey;

use super::record::{self, Participation};
use super::register::ProviderError;
use crate::ContractError;
use crate::context::Context;
use crate::finality::clock;
use crate::msg::{Bytes32, ProviderStatus};

/// Lets a jailed provider be in tables again.
pub(crate) fn unjail(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
) -> Result<Event, ContractError> {
    let pk = PublicKey::from_checked_bytes(pk.0);
    let mut provider = record::get(storage, &pk)?;
    if provider.operator != *context.sender {
        return Err(ProviderError::NotTheOperator {
            provider: pk,
            operator: provider.operator,
        }
        .into());
    }
    let until = match provider.status {
        ProviderStatus::Jailed { until } => until,
        ProviderStatus::Active => return Err(ProviderError::NotJailed(pk).into()),
        ProviderStatus::Slashed => return Err(ProviderError::Slashed(pk).into()),
    };
    let epoch = clock::started(storage)?.epoch;
    if epoch < until {
        return Err(ProviderError::StillJailed {
            provider: pk,
            until,
            epoch,
        }
        .into());
    }
    provider.status = ProviderStatus::Active;
    // What put it there must not put it there again, and nothing older either.
    provider.participation = provider.participation.map(|participation| Participation {
        votes: participation.count,
        ..participation
    });
    record::save(storage, &pk, &mut provider)?;
    Ok(Event::new("unjail").add_attribute("pk", pk.to_string()))
}
