//! What is next for a stake: one pure function of what its owner wants and what the nodes say.

use chain::DelegationStatus;
use staking::units::BitcoinHeight;

use super::observation::{Held, Observation, Place, Position, ProviderState, Registration, Terms};
use super::step::{Action, Obstacle, Rest, Step, Waiting};
use crate::journal::Intent;

/// What the journal knows of a stake's withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Withdrawn {
    /// Nothing was withdrawn by us.
    No,
    /// There is a signed withdrawal.
    Signed,
    /// It is too deep in the chain to be undone.
    Buried,
}

/// Decides what is next for a stake.
///
/// The nodes are believed before the journal: whatever was broadcast, by whomever, is what happened.
pub fn decide(intent: Intent, withdrawn: Withdrawn, terms: &Terms, seen: &Observation) -> Step {
    match (withdrawn, seen.withdrawal) {
        (Withdrawn::Buried, _) | (Withdrawn::Signed, Some(Place::Block(_))) => {
            return Step::Rest(Rest::Withdrawn);
        }
        (Withdrawn::Signed, Some(Place::Mempool)) => return Step::Wait(Waiting::WithdrawalMining),
        // A reorg or an eviction took it away, and nothing else has moved the coins.
        (Withdrawn::Signed, None) if is_withdrawable(terms, seen) => {
            return Step::Act(Action::Withdraw);
        }
        _ => {}
    }
    match seen.position {
        Position::Nowhere => nowhere(intent, terms, seen),
        Position::Staked(place) if intent == Intent::Unbond => unbond(place, terms, seen),
        Position::Staked(place) => staked(place, terms, seen),
        Position::Unbonding(place) => unbonding(place, terms, seen),
        Position::Slashed(output, place) => {
            let blocks = place.remaining(terms.unbonding_time, seen.tip);
            Step::Rest(Rest::Slashed { output, blocks })
        }
        Position::Leaving(txid) => Step::Rest(Rest::Leaving(txid)),
    }
}

/// Whether the timelock of the output in which the coins are is over.
fn is_withdrawable(terms: &Terms, seen: &Observation) -> bool {
    let (place, timelock) = match seen.position {
        Position::Staked(place) => (place, terms.staking_time),
        Position::Unbonding(place) | Position::Slashed(_, place) => (place, terms.unbonding_time),
        Position::Nowhere | Position::Leaving(_) => return false,
    };
    place.remaining(timelock, seen.tip) == 0
}

fn nowhere(intent: Intent, terms: &Terms, seen: &Observation) -> Step {
    let status = seen.registration.map(|registration| registration.status);
    match (intent, status) {
        // Without a hub, it is shown only once it is on Bitcoin.
        (_, Some(_)) if seen.held.is_some() => Step::Rest(Rest::Over),
        // The chain has seen it on Bitcoin, so its coins have moved on since.
        (
            _,
            Some(DelegationStatus::Active | DelegationStatus::Unbonded | DelegationStatus::Expired),
        ) => Step::Rest(Rest::Over),
        (Intent::Cancel, _) => Step::Rest(Rest::Cancelled),
        (Intent::Unbond, _) => Step::Stuck(Obstacle::NotBroadcast),
        (Intent::Stake | Intent::Unknown, _) => to_be_made(terms, seen),
    }
}

fn to_be_made(terms: &Terms, seen: &Observation) -> Step {
    match seen.provider {
        ProviderState::Slashed => return Step::Stuck(Obstacle::ProviderSlashed),
        ProviderState::Unknown => return Step::Stuck(Obstacle::ProviderUnknown),
        ProviderState::Silent => return Step::Wait(Waiting::Chain),
        ProviderState::Good | ProviderState::Jailed => {}
    }
    if seen.declined {
        return Step::Stuck(Obstacle::NotTaken);
    }
    if let Some(held) = seen.held {
        return Step::Act(if held.is_quorum() {
            Action::Broadcast
        } else {
            Action::Cosign
        });
    }
    match seen.registration {
        None if seen.governing_params == Some(terms.params_version) => Step::Act(Action::Register),
        None => Step::Stuck(Obstacle::ParamsChanged {
            planned: terms.params_version,
            governing: seen.governing_params,
        }),
        Some(registration) => match committee(registration) {
            Some(waiting) => Step::Wait(waiting),
            None => Step::Act(Action::Broadcast),
        },
    }
}

/// What the committee has still to do; the chain's word alone is not enough.
fn committee(registration: Registration) -> Option<Waiting> {
    let Registration {
        status,
        signed,
        quorum,
        ..
    } = registration;
    (status == DelegationStatus::Pending || signed < quorum)
        .then_some(Waiting::Committee { signed, quorum })
}

fn staked(place: Place, terms: &Terms, seen: &Observation) -> Step {
    let blocks = place.remaining(terms.staking_time, seen.tip);
    let Some(registration) = seen.registration else {
        return match seen.held {
            Some(held) => to_be_shown(held, place, blocks, terms, seen),
            None => Step::Stuck(Obstacle::NotRegistered(blocks)),
        };
    };
    match registration.status {
        DelegationStatus::Active => Step::Rest(Rest::Active(blocks)),
        DelegationStatus::Expired => Step::Rest(Rest::Expired(blocks)),
        DelegationStatus::Unbonded => Step::Rest(Rest::Ended(blocks)),
        DelegationStatus::Pending => {
            committee(registration).map_or_else(|| activate(place, blocks, terms, seen), Step::Wait)
        }
        DelegationStatus::Verified => match registration.counts_from {
            Some(height) => activate_from(height, terms, seen),
            None => activate(place, blocks, terms, seen),
        },
    }
}

/// A stake without a hub, which the chain does not know, and takes only with a quorum's signatures.
fn to_be_shown(held: Held, place: Place, blocks: u32, terms: &Terms, seen: &Observation) -> Step {
    if seen.provider == ProviderState::Silent {
        return Step::Wait(Waiting::Chain);
    }
    match buried(place, blocks, terms, seen) {
        Ok(_) if held.is_quorum() => Step::Act(Action::Show),
        Ok(_) => Step::Act(Action::Cosign),
        Err(step) => step,
    }
}

/// A stake whose inclusion the chain has taken already.
fn activate_from(height: BitcoinHeight, terms: &Terms, seen: &Observation) -> Step {
    let Some(passed) = height.depth_below(seen.light_client_tip) else {
        return Step::Wait(Waiting::Challenge(height.0 - seen.light_client_tip.0));
    };
    match terms.patience.checked_sub(passed) {
        None | Some(0) => Step::Act(Action::Prove),
        Some(left) => Step::Wait(Waiting::Proof(left)),
    }
}

fn activate(place: Place, blocks: u32, terms: &Terms, seen: &Observation) -> Step {
    let depth = match buried(place, blocks, terms, seen) {
        Ok(depth) => depth,
        Err(step) => return step,
    };
    let required = seen.confirmation_depth;
    match required.saturating_add(terms.patience).checked_sub(depth) {
        None | Some(0) => Step::Act(Action::Prove),
        Some(left) => Step::Wait(Waiting::Proof(left)),
    }
}

/// How deep a stake is, once that is deep enough for the chain and known to it; else what is waited for.
fn buried(place: Place, blocks: u32, terms: &Terms, seen: &Observation) -> Result<u32, Step> {
    let Place::Block(height) = place else {
        return Err(Step::Wait(Waiting::Mining));
    };
    let required = seen.confirmation_depth;
    let depth = height.depth_below(seen.tip).unwrap_or(0);
    if depth < required {
        return Err(Step::Wait(Waiting::Depth { depth, required }));
    }
    let known_depth = height.depth_below(seen.light_client_tip);
    let missing = match known_depth {
        Some(depth) => required.saturating_sub(depth),
        None => required.saturating_add(height.0 - seen.light_client_tip.0),
    };
    if missing > 0 {
        return Err(Step::Wait(Waiting::LightClient(missing)));
    }
    if !is_early_enough(height, terms, seen.light_client_tip) {
        return Err(Step::Stuck(Obstacle::TooLateToProve(blocks)));
    }
    Ok(depth)
}

/// Whether the chain still takes the proof of a stake: tip + unbonding time < height + staking time (spec 2.7).
fn is_early_enough(height: BitcoinHeight, terms: &Terms, light_client_tip: BitcoinHeight) -> bool {
    let end = u64::from(height.0) + u64::from(u32::from(terms.staking_time));
    u64::from(light_client_tip.0) + u64::from(u32::from(terms.unbonding_time)) < end
}

fn unbond(place: Place, terms: &Terms, seen: &Observation) -> Step {
    if let Some(held) = seen.held {
        return Step::Act(if held.is_quorum() {
            Action::Unbond
        } else {
            Action::Cosign
        });
    }
    match seen.registration {
        None => {
            let blocks = place.remaining(terms.staking_time, seen.tip);
            Step::Stuck(Obstacle::NotRegistered(blocks))
        }
        Some(Registration { signed, quorum, .. }) if signed < quorum => {
            Step::Wait(Waiting::Committee { signed, quorum })
        }
        Some(_) => Step::Act(Action::Unbond),
    }
}

fn unbonding(place: Place, terms: &Terms, seen: &Observation) -> Step {
    let Place::Block(height) = place else {
        return Step::Wait(Waiting::UnbondingMining);
    };
    let rest = Step::Rest(Rest::Unbonded(
        place.remaining(terms.unbonding_time, seen.tip),
    ));
    let Some(registration) = seen.registration else {
        return rest;
    };
    if matches!(
        registration.status,
        DelegationStatus::Unbonded | DelegationStatus::Expired
    ) {
        return rest;
    }
    let Some(known_depth) = height.depth_below(seen.light_client_tip) else {
        return Step::Wait(Waiting::LightClient(height.0 - seen.light_client_tip.0));
    };
    let due = seen.spend_depth.saturating_add(terms.patience);
    match due.checked_sub(known_depth) {
        None | Some(0) => Step::Act(Action::ReportUnbonding),
        Some(left) => Step::Wait(Waiting::Report(left)),
    }
}

#[cfg(test)]
mod tests;
