//! Keys that came out here: by two signatures under one randomness, or shown as they are.
//!
//! They are published, as on the subject, for everybody who can burn the stakes behind them on Bitcoin or show them to
//! another chain. Only providers of tables that are kept: anybody can make up keys of nobody.

use btc_mesh::finality::evidence::{self, Evidence};
use btc_mesh::finality::tables;
use btc_mesh::msg::Bytes32;
use cosmwasm_std::{Event, Storage};
use eots::{PublicKey, SecretKey};

use crate::ContractError;
use crate::clock::{self, Clock};
use crate::context::Context;
use crate::halt;

/// Gets a provider's key out of two signatures, and publishes it.
pub(crate) fn evidence(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
    evidence: &Evidence,
) -> Result<Vec<Event>, ContractError> {
    let pk = listed(storage, pk)?;
    let key = evidence.key(context.curve, &pk)?;
    slash(storage, context, &pk, &key)
}

/// Publishes a provider's key that is shown as it is.
pub(crate) fn slash_with_key(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
    sk: Bytes32,
) -> Result<Vec<Event>, ContractError> {
    let pk = listed(storage, pk)?;
    let key = evidence::shown_key(context.curve, &pk, sk)?;
    slash(storage, context, &pk, &key)
}

/// Publishes a provider's key; a second time changes nothing.
pub(crate) fn slash(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: &PublicKey,
    key: &SecretKey,
) -> Result<Vec<Event>, ContractError> {
    if evidence::is_slashed(storage, pk) {
        return Ok(Vec::new());
    }
    let slashed = evidence::publish(storage, context.height, pk, key)?;
    let clock = clock::load(storage)?;
    let [in_force, before] = weights(storage, &clock, pk)?;
    let clock = Clock {
        slashed: clock.slashed.saturating_add(in_force),
        slashed_before: clock.slashed_before.saturating_add(before),
        ..clock
    };
    clock::save(storage, &clock)?;
    let halt = halt::check_slashed(storage, &clock)?;
    Ok(std::iter::once(slashed)
        .chain(halt.map(|halt| halt.event()))
        .collect())
}

/// A provider of a table that is kept.
fn listed(storage: &dyn Storage, pk: Bytes32) -> Result<PublicKey, ContractError> {
    let pk = PublicKey::from_checked_bytes(pk.0);
    let weights = weights(storage, &clock::load(storage)?, &pk)?;
    if weights == [0, 0] {
        Err(ContractError::NotListed(pk))
    } else {
        Ok(pk)
    }
}

/// A provider's weight in the table in force and in the one before; 0 where it is in none.
fn weights(
    storage: &dyn Storage,
    clock: &Clock,
    pk: &PublicKey,
) -> Result<[u64; 2], ContractError> {
    let weight = |epoch| -> Result<u64, ContractError> {
        let listed = tables::listed(storage, epoch, pk)?;
        Ok(listed.map_or(0, |listed| listed.entry.weight))
    };
    let before = clock.epoch_before().map_or(Ok(0), weight)?;
    Ok([weight(clock.epoch)?, before])
}
