//! What commands say of a stake on a partner chain.

use std::fmt;
use std::sync::Arc;

use bitcoin::{Amount, OutPoint};
use chain::ChainError;
use chain::mesh::{BABYLON, StakeEnd, StakeStanding, StakeState};
use futures::future::join_all;
use mesh_core::consent::{Share, Target};
use serde::Serialize;
use staking::units::BitcoinHeight;

use crate::error::Error;
use crate::printable::Printable;
use crate::restake::spelling::percent;
use crate::restake::{Instance, KnownStake, PartnerChains, revocation};
use crate::staker::Staker;

/// A stake on one partner chain. Amounts in satoshi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    /// What the configuration calls the chain.
    pub chain: String,
    /// Where it stands, in one word: `unknown` where nobody showed it, `silent` where the chain does not answer.
    pub state: &'static str,
    /// Why the chain does not answer.
    pub error: Option<String>,
    /// What the chain knows of it.
    #[serde(flatten)]
    pub known: Option<Known>,
}

/// What a chain knows of a stake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Known {
    /// Number of the newest consent that it was shown.
    pub consent_number: u32,
    /// Share that counts, or will once the stake is active.
    pub basis_points: u16,
    /// An increase that waits.
    pub increase: Option<Increase>,
    /// What counts now.
    pub weight_sat: u64,
    /// Bitcoin's height from which it does not count any more.
    pub expires: BitcoinHeight,
    /// Where the rewards go.
    pub reward_address: String,
    /// What slashing burns, once for all chains together; `None` where the chain has forgotten the list.
    pub penalty_sat: Option<u64>,
    /// With whom it is shared, as far as the chain was shown; `None` where it has forgotten the list.
    pub shared_with: Option<Vec<SharedWith>>,
}

/// An increase of a share that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Increase {
    /// The new share.
    pub basis_points: u16,
    /// Bitcoin's height from which an activation lets it count.
    pub from: BitcoinHeight,
}

/// One part of the list that a chain was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct SharedWith {
    /// What the configuration calls the chain, or its target in hex; `nobody` where every chain was left out.
    pub chain: String,
    /// Its share.
    pub basis_points: u16,
    /// Where its rewards go.
    pub reward_address: String,
}

/// The configuration's partner chains, and what targets are called.
#[derive(Debug)]
pub(super) struct ConfiguredChains {
    instances: Vec<Arc<Instance>>,
    babylon: Option<Target>,
}

impl ConfiguredChains {
    /// Those of a home, to be asked.
    pub(super) async fn of(staker: &Staker) -> Result<Self, Error> {
        let chains = PartnerChains::watched(staker.config.chains.clone());
        Ok(Self {
            instances: chains.instances().await?,
            babylon: staker.config.babylon_target(),
        })
    }

    /// Asks every chain about a stake.
    pub(super) async fn standings(&self, outpoint: OutPoint) -> Vec<Standing> {
        let asked = self.instances.iter().map(|instance| async move {
            let known = instance.known(outpoint).await;
            Standing::new(&instance.name, known, self)
        });
        join_all(asked).await
    }

    fn name(&self, target: &Target) -> String {
        if Some(*target) == self.babylon {
            return BABYLON.to_owned();
        }
        if *target == revocation::NOBODY {
            return revocation::NAME.to_owned();
        }
        let mut instances = self.instances.iter();
        let known = instances.find(|instance| instance.target() == *target);
        known.map_or_else(
            || hex::encode(target.as_bytes()),
            |instance| instance.name.clone(),
        )
    }

    fn shared_with(&self, share: &Share) -> SharedWith {
        SharedWith {
            chain: self.name(&share.target),
            basis_points: share.basis_points,
            reward_address: share.reward_address.clone(),
        }
    }
}

impl Standing {
    fn new(
        chain: &str,
        known: Result<Option<KnownStake>, ChainError>,
        partners: &ConfiguredChains,
    ) -> Self {
        let (state, error, known) = match known {
            Err(error) => ("silent", Some(error.to_string()), None),
            Ok(None) => ("unknown", None, None),
            Ok(Some(known)) => {
                let state = state(known.standing.state);
                (state, None, Some(Known::new(known, partners)))
            }
        };
        Self {
            chain: chain.to_owned(),
            state,
            error,
            known,
        }
    }
}

impl Known {
    fn new(KnownStake { standing, exposure }: KnownStake, partners: &ConfiguredChains) -> Self {
        let StakeStanding {
            weight,
            basis_points,
            increase,
            consent_number,
            reward_address,
            expires,
            ..
        } = standing;
        Self {
            consent_number,
            basis_points,
            increase: increase.map(|increase| Increase {
                basis_points: increase.basis_points,
                from: increase.from,
            }),
            weight_sat: weight.to_sat(),
            expires,
            reward_address,
            penalty_sat: exposure.as_ref().map(|exposure| exposure.penalty.to_sat()),
            shared_with: exposure.map(|exposure| {
                let shares = exposure.shares.iter();
                shares.map(|share| partners.shared_with(share)).collect()
            }),
        }
    }
}

fn state(state: StakeState) -> &'static str {
    match state {
        StakeState::Pending { .. } => "pending",
        StakeState::Unproven => "unproven",
        StakeState::Active => "active",
        StakeState::Ended(StakeEnd::Spent(_)) => "spent",
        StakeState::Ended(StakeEnd::Expired) => "expired",
        StakeState::Ended(StakeEnd::Conflict) => "conflict",
        StakeState::Ended(StakeEnd::Dropped) => "dropped",
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<9} {}", self.chain, self.state)?;
        if let Some(error) = &self.error {
            write!(f, ": {}", Printable(error))?;
        }
        let Some(known) = &self.known else {
            return Ok(());
        };
        write!(
            f,
            ", {} count by {} (consent {})",
            Amount::from_sat(known.weight_sat),
            percent(known.basis_points),
            known.consent_number
        )?;
        if let Some(increase) = known.increase {
            write!(
                f,
                "; {} from Bitcoin height {} on",
                percent(increase.basis_points),
                increase.from
            )?;
        }
        Ok(())
    }
}
