//! What a staker lets this chain count.
//!
//! The newest consent that was shown here holds. What it takes away acts at once; what it adds waits, so that whoever
//! watches can show it to the chain that loses before this one gains. Two different lists under one number are a proof of
//! deceit, and the stake never counts again.

use bitcoin::OutPoint;
use bitcoin::hashes::Hash;
use cosmwasm_std::{Addr, Api, Event, Storage};
use eots::PublicKey;
use eots::bip340::{self, Signature};
use mesh_core::consent::{Consent, Share, Target};

use super::error::StakeError;
use super::record::{self, Stake};
use super::{kit, weight};
use crate::context::Context;
use crate::msg::{CovenantSet, EndReason, Increase, SignedConsent, StakeStatus};
use crate::{ContractError, config};

/// What a consent grants this instance.
pub(super) struct Grant {
    /// At most what the covenant set allows.
    pub(super) basis_points: u16,
    pub(super) reward_address: Addr,
}

/// Checks that a consent is one, for this stake, and signed by its staker.
pub(super) fn verify(
    context: &Context<'_>,
    outpoint: &OutPoint,
    staker: &PublicKey,
    signed: &SignedConsent,
) -> Result<Consent, ContractError> {
    if signed.seq == 0 {
        return Err(StakeError::ConsentZero.into());
    }
    let shares = signed
        .shares
        .iter()
        .map(|share| Share {
            target: Target::from_bytes(share.target.0),
            basis_points: share.basis_points,
            reward_address: share.reward_address.clone(),
        })
        .collect();
    let txid = outpoint.txid.to_byte_array();
    let consent =
        Consent::new(&txid, outpoint.vout, signed.seq, shares).map_err(StakeError::from)?;
    let refused = || StakeError::ConsentSignature(*staker);
    let signature = Signature::from_slice(&signed.signature).map_err(|_| refused())?;
    bip340::verify(&context.curve, staker, consent.digest(), &signature).map_err(|_| refused())?;
    Ok(consent)
}

/// What a consent grants this instance; refuses one that grants nothing or pays nobody.
pub(super) fn grant(
    api: &dyn Api,
    context: &Context<'_>,
    set: &CovenantSet,
    consent: &Consent,
) -> Result<Grant, StakeError> {
    let domain = context.domain();
    let share = consent
        .share_of(&Target::instance(&domain))
        .ok_or(StakeError::NoShare(domain))?;
    let address = &share.reward_address;
    let reward_address = api.addr_validate(address).map_err(|error| {
        let (address, reason) = (address.clone(), error.to_string());
        StakeError::RewardAddress { address, reason }
    })?;
    Ok(Grant {
        basis_points: share.basis_points.min(set.max_share),
        reward_address,
    })
}

/// Takes a newer consent, or the proof that lies in another one with the newest's number.
pub(crate) fn consent(
    storage: &mut dyn Storage,
    api: &dyn Api,
    context: &Context<'_>,
    outpoint: &OutPoint,
    signed: &SignedConsent,
) -> Result<Event, ContractError> {
    let mut stake = may_change(storage, outpoint)?;
    let staker = PublicKey::from_checked_bytes(stake.staker.0);
    let consent = verify(context, outpoint, &staker, signed)?;
    let (found, newest) = (consent.seq(), stake.consent_seq);
    if found < newest {
        return Err(StakeError::OlderConsent { found, newest }.into());
    }
    let event = Event::new("consent")
        .add_attribute("outpoint", outpoint.to_string())
        .add_attribute("seq", found.to_string());
    if found == newest {
        if *consent.digest() == stake.consent_digest.0 {
            return Ok(event.add_attribute("basis_points", stake.basis_points.to_string()));
        }
        return end(storage, outpoint, stake);
    }
    let set = config::set(storage, stake.covenant)?;
    // No share and one that pays nobody are the same: were the latter refused, a staker could keep an older list in
    // force here that the newer one takes back elsewhere.
    let grant = grant(api, context, &set, &consent).ok();
    let granted = grant.as_ref().map_or(0, |grant| grant.basis_points);
    if let Some(grant) = grant {
        stake.reward_address = grant.reward_address;
    }
    stake.consent_seq = found;
    stake.consent_digest = (*consent.digest()).into();
    let tip = context.light.tip()?;
    let matures = tip.height.saturating_add(context.params().consent_delay);
    change_share(&mut stake, granted, matures);
    weight::recount(storage, &mut stake)?;
    if kit::is_kept(storage, outpoint) {
        kit::save_consent(storage, outpoint, signed);
    }
    record::save(storage, outpoint, &stake)?;
    let event = event.add_attribute("basis_points", stake.basis_points.to_string());
    Ok(match stake.increase {
        Some(increase) => event
            .add_attribute("increase", increase.basis_points.to_string())
            .add_attribute("from", increase.height.to_string()),
        None => event,
    })
}

/// Lowers a share at once, or lets an increase wait until `matures`.
///
/// One increase waits at a time. A newer one goes on waiting where the old one stood as long as it grants no more: the
/// list that took as much from others was shown then. One that grants more waits anew in full. An increase that matured
/// and that nobody activated is like one that waits.
fn change_share(stake: &mut Stake, granted: u16, matures: u32) {
    let before = stake.increase.take();
    if granted <= stake.basis_points {
        stake.basis_points = granted;
        return;
    }
    let height = before
        .filter(|before| granted <= before.basis_points)
        .map_or(matures, |before| before.height);
    stake.increase = Some(Increase {
        basis_points: granted,
        height,
    });
}

/// Ends a stake whose staker signed two different lists under one number.
pub(crate) fn conflict(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    outpoint: &OutPoint,
    consents: [&SignedConsent; 2],
) -> Result<Event, ContractError> {
    let stake = may_change(storage, outpoint)?;
    let staker = PublicKey::from_checked_bytes(stake.staker.0);
    let [first, second] = consents;
    let first = verify(context, outpoint, &staker, first)?;
    let second = verify(context, outpoint, &staker, second)?;
    if first.contradicts(&second) {
        end(storage, outpoint, stake)
    } else {
        Err(StakeError::NoConflict.into())
    }
}

/// The stake, unless its consents mean nothing any more.
fn may_change(storage: &dyn Storage, outpoint: &OutPoint) -> Result<Stake, ContractError> {
    let stake = record::get(storage, outpoint)?;
    match stake.status {
        StakeStatus::Ended {
            reason: reason @ EndReason::Conflict {},
        } => {
            let outpoint = *outpoint;
            Err(StakeError::Ended { outpoint, reason }.into())
        }
        _ => Ok(stake),
    }
}

fn end(
    storage: &mut dyn Storage,
    outpoint: &OutPoint,
    mut stake: Stake,
) -> Result<Event, ContractError> {
    stake.status = StakeStatus::Ended {
        reason: EndReason::Conflict {},
    };
    stake.increase = None;
    weight::recount(storage, &mut stake)?;
    record::save(storage, outpoint, &stake)?;
    Ok(Event::new("consent_conflict")
        .add_attribute("outpoint", outpoint.to_string())
        .add_attribute("staker", stake.staker.to_string()))
}
