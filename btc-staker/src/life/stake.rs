//! A stake with everything that follows from it.

use chain::Delegation;
use staking::delegation::{DelegationPlan, ValidDelegation};
use staking::keys::StakerKey;
use staking::params::{ParamsVersions, StakingParams};

use super::error::LifeError;
use super::observation::{Registration, Terms};
use crate::journal::Entry;

/// A stake, rebuilt from the journal and checked against what the chain has registered.
#[derive(Debug, Clone)]
pub struct Stake {
    /// What the journal says.
    pub entry: Entry,
    /// The parameters that govern it.
    pub params: StakingParams,
    /// Its outputs and transactions.
    pub delegation: ValidDelegation,
    /// What the chain has registered; `None` where it does not know the stake.
    pub registered: Option<Delegation>,
}

impl Stake {
    /// Rebuilds the stake of `entry`, whose owner is `staker`.
    ///
    /// # Errors
    ///
    /// Refuses what the chain has registered under the id of our stake but is not what we signed.
    pub fn rebuild(
        entry: Entry,
        staker: StakerKey,
        registered: Option<Delegation>,
        versions: &ParamsVersions,
    ) -> Result<Self, LifeError> {
        let txid = entry.staking_txid();
        let version = registered
            .as_ref()
            .map_or(entry.params_version, |registered| registered.params_version);
        let params = versions
            .version(version)
            .cloned()
            .ok_or(LifeError::UnknownParams { txid, version })?;
        let delegation = match &registered {
            Some(registered) => {
                let delegation =
                    registered
                        .validate(&params)
                        .map_err(|source| LifeError::Registered {
                            txid,
                            source: Box::new(source),
                        })?;
                check_ours(&entry, staker, registered, &delegation)
                    .map_err(|reason| LifeError::NotOurs { txid, reason })?;
                delegation
            }
            None => planned(&entry, staker, &params)?,
        };
        Ok(Self {
            entry,
            params,
            delegation,
            registered,
        })
    }

    /// What its life depends on, where watchtowers get `patience` blocks.
    pub fn terms(&self, patience: u32) -> Terms {
        Terms {
            staking_time: self.entry.staking_time,
            unbonding_time: self.params.unbonding_time,
            params_version: self.entry.params_version,
            patience,
        }
    }

    /// What the chain knows of it, with the committee's signatures counted by us.
    pub fn registration(&self) -> Option<Registration> {
        self.registered.as_ref().map(|registered| Registration {
            status: registered.status,
            signed: registered
                .covenant_signatures()
                .iter()
                .filter(|of_member| self.delegation.check_covenant_signatures(of_member).is_ok())
                .count(),
            quorum: self.params.covenant.quorum(),
        })
    }
}

fn planned(
    entry: &Entry,
    staker: StakerKey,
    params: &StakingParams,
) -> Result<ValidDelegation, LifeError> {
    let build = || {
        DelegationPlan::new(
            staker,
            vec![entry.finality_provider],
            entry.staking_time,
            entry.staking_value,
            params,
        )?
        .build(&entry.staking_tx, Some(entry.staking_output_index))
    };
    build().map_err(|source| LifeError::Plan {
        txid: entry.staking_txid(),
        source: Box::new(source),
    })
}

/// Our signatures cover the slashing transactions, and so the staking transaction, the provider and the committee.
fn check_ours(
    entry: &Entry,
    staker: StakerKey,
    registered: &Delegation,
    delegation: &ValidDelegation,
) -> Result<(), String> {
    let txid = delegation.staking_outpoint().txid;
    if txid != entry.staking_txid() {
        return Err(format!("its staking transaction is {txid}"));
    }
    if registered.staker != staker {
        return Err(format!("its staker is {}", registered.staker));
    }
    if registered.finality_providers != [entry.finality_provider] {
        let providers: Vec<_> = registered
            .finality_providers
            .iter()
            .map(ToString::to_string)
            .collect();
        return Err(format!("its finality provider is {}", providers.join(", ")));
    }
    delegation
        .check_staker_signatures(&registered.staker_signatures())
        .map_err(|error| error.to_string())
}
