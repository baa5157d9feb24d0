//! Showing a stake: everything is rebuilt and verified, and then it waits.

use bitcoin::OutPoint;
use cosmwasm_std::{Api, Event, Storage, Uint128, Uint256};
use eots::PublicKey;
use mesh_core::consent::Consent;
use staking::delegation::ValidDelegation;

use super::calendar::{BLOCKS, EXPIRIES};
use super::consent::{self, Grant};
use super::error::StakeError;
use super::inclusion::{self, Place};
use super::record::{self, Stake};
use super::shown::{Shown, check_signatures};
use super::{kit, reorg};
use crate::context::Context;
use crate::light::Tip;
use crate::msg::{Bytes32, CovenantSet, Increase, ProviderStatus, StakeMsg, StakeStatus};
use crate::{ContractError, config, provider};

/// Number of the consent that counts at once: no chain can have been shown another before it.
const FIRST_CONSENT: u32 = 1;

/// Where a stake is and how long it counts, in heights of Bitcoin.
struct Term {
    start: u32,
    block_hash: Bytes32,
    end: u32,
    expires: u32,
    /// From when on it waits.
    since: u32,
}

/// Takes a stake, or the new proof of one whose block was undone.
pub(crate) fn register(
    storage: &mut dyn Storage,
    api: &dyn Api,
    context: &Context<'_>,
    msg: &StakeMsg,
) -> Result<Event, ContractError> {
    context.only_open()?;
    let tip = context.light.tip()?;
    reorg::note(storage, context, &tip)?;
    let set = config::set(storage, msg.covenant)?;
    let shown = Shown::read(&set, msg)?;
    let outpoint = shown.outpoint;
    // The dearest checks come last.
    let known = known(storage, &outpoint, msg.covenant)?;
    check_provider(storage, &PublicKey::from_checked_bytes(msg.provider.0))?;
    let place = inclusion::prove(context, &tip, &shown.staking_tx, &msg.inclusion)?;
    let term = term(&place, msg.timelock, &set, &tip)?;
    let delegation = shown.rebuild(&set, msg)?;
    let staker = PublicKey::from_checked_bytes(msg.staker.0);
    let consent = consent::verify(context, &outpoint, &staker, &msg.consent)?;
    let grant = consent::grant(api, context, &set, &consent)?;
    let kit = check_signatures(context, &delegation, msg)?;
    let stake = if let Some(known) = known {
        EXPIRIES.remove(storage, known.expires, &outpoint);
        proven_anew(known, &term)
    } else {
        kit::save(storage, &outpoint, &kit);
        kit::save_consent(storage, &outpoint, &msg.consent);
        new(context, msg, &delegation, &consent, grant, &term)
    };
    BLOCKS.insert(storage, stake.start, &outpoint);
    EXPIRIES.insert(storage, stake.expires, &outpoint);
    record::save(storage, &outpoint, &stake)?;
    Ok(Event::new("stake")
        .add_attribute("outpoint", outpoint.to_string())
        .add_attribute("provider", stake.provider.to_string())
        .add_attribute("staker", stake.staker.to_string())
        .add_attribute("value", stake.value.to_string())
        .add_attribute("start", stake.start.to_string())
        .add_attribute("expires", stake.expires.to_string()))
}

/// The stake whose block was undone; none where nothing is known of this outpoint.
fn known(
    storage: &dyn Storage,
    outpoint: &OutPoint,
    covenant: u32,
) -> Result<Option<Stake>, ContractError> {
    let Some(known) = record::find(storage, outpoint)? else {
        return Ok(None);
    };
    if !matches!(known.status, StakeStatus::Unproven {}) {
        return Err(StakeError::Known {
            outpoint: *outpoint,
            status: known.status,
        }
        .into());
    }
    if known.covenant != covenant {
        return Err(StakeError::OtherCovenant {
            found: covenant,
            registered: known.covenant,
        }
        .into());
    }
    Ok(Some(known))
}

/// Refuses a provider that is not registered or whose key is out.
pub(super) fn check_provider(storage: &dyn Storage, pk: &PublicKey) -> Result<(), ContractError> {
    match provider::get(storage, pk)?.status {
        ProviderStatus::Slashed => Err(StakeError::ProviderSlashed(*pk).into()),
        ProviderStatus::Active | ProviderStatus::Jailed { .. } => Ok(()),
    }
}

/// A stake counts while its provider could still be slashed after the longest way out.
fn term(place: &Place, timelock: u16, set: &CovenantSet, tip: &Tip) -> Result<Term, StakeError> {
    let start = place.height;
    let end = start.saturating_add(timelock.into());
    let expires = end.saturating_sub(set.unbonding_time.into());
    let tip = tip.height;
    if tip >= expires {
        return Err(StakeError::TimeOver { expires, tip });
    }
    Ok(Term {
        start,
        block_hash: place.block_hash,
        end,
        expires,
        since: tip,
    })
}

/// A stake that nobody showed before.
fn new(
    context: &Context<'_>,
    msg: &StakeMsg,
    delegation: &ValidDelegation,
    consent: &Consent,
    grant: Grant,
    term: &Term,
) -> Stake {
    let (basis_points, increase) = if consent.seq() == FIRST_CONSENT {
        (grant.basis_points, None)
    } else {
        let increase = Increase {
            basis_points: grant.basis_points,
            height: term.since.saturating_add(context.params().consent_delay),
        };
        (0, Some(increase))
    };
    Stake {
        provider: msg.provider,
        staker: msg.staker,
        covenant: msg.covenant,
        value: delegation.staking_output().value().to_sat(),
        timelock: msg.timelock,
        basis_points,
        increase,
        consent_seq: consent.seq(),
        consent_digest: (*consent.digest()).into(),
        reward_address: grant.reward_address,
        start: term.start,
        block_hash: term.block_hash,
        end: term.end,
        expires: term.expires,
        status: StakeStatus::Pending { since: term.since },
        spend: None,
        weight: 0,
        at_risk: 0,
        index: Uint256::zero(),
        credited: Uint128::zero(),
        unvested: Uint128::zero(),
        vested_to: term.since,
    }
}

/// The stake in its new block; what it was granted and what it earned stay.
fn proven_anew(known: Stake, term: &Term) -> Stake {
    Stake {
        start: term.start,
        block_hash: term.block_hash,
        end: term.end,
        expires: term.expires,
        status: StakeStatus::Pending { since: term.since },
        ..known
    }
}
