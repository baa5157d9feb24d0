//! A stake with everything that follows from it.

use chain::{CovenantSignature, Delegation, TooFewSignatures};
use staking::delegation::{CovenantSignatures, DelegationPlan, StakerSignatures, ValidDelegation};
use staking::keys::StakerKey;
use staking::params::{ParamsVersions, StakingParams};

use super::error::LifeError;
use super::observation::{Held, Registration, Terms};
use crate::journal::Entry;
use crate::restake::{Judged, RestakeError};

/// A stake, rebuilt from the journal and checked against what the chain has registered.
#[derive(Debug, Clone)]
pub struct Stake {
    /// What the journal says.
    pub entry: Entry,
    /// The parameters that govern it.
    pub params: StakingParams,
    /// Its outputs and transactions.
    pub delegation: ValidDelegation,
    /// What the hub has registered; `None` where it does not know the stake, or there is none.
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

    /// Rebuilds a stake without a hub from the journal alone, under the parameters that are written there; `None` for
    /// one that Babylon has.
    ///
    /// # Errors
    ///
    /// Refuses an entry of which nothing valid follows.
    pub fn hubless(entry: Entry, staker: StakerKey) -> Result<Option<Self>, LifeError> {
        let Some(hubless) = &entry.hubless else {
            return Ok(None);
        };
        let params = hubless.params.clone();
        let delegation = planned(&entry, staker, &params)?;
        Ok(Some(Self {
            entry,
            params,
            delegation,
            registered: None,
        }))
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
            counts_from: None,
            signed: registered
                .covenant_signatures()
                .iter()
                .filter(|of_member| self.delegation.check_covenant_signatures(of_member).is_ok())
                .count(),
            quorum: self.params.covenant.quorum(),
        })
    }
}

impl Stake {
    /// As everybody judges it.
    pub fn judged(&self) -> Judged<'_> {
        Judged {
            delegation: &self.delegation,
            staking_tx: &self.entry.staking_tx,
        }
    }

    /// Its staker's signatures of both slashing transactions; `None` for one that a hub was not told of yet.
    pub fn staker_signatures(&self) -> Option<StakerSignatures> {
        let hubless = self.entry.hubless.as_ref();
        hubless
            .map(|hubless| hubless.staker_signatures)
            .or_else(|| self.registered.as_ref().map(Delegation::staker_signatures))
    }

    /// The committee's signatures that are there and valid, one of each member, ascending by key.
    pub fn covenant_signatures(&self) -> Vec<CovenantSignatures> {
        chain::holding(self.given_signatures(), &self.delegation)
    }

    /// The committee's signatures as the journal or the hub has them; not checked here.
    fn given_signatures(&self) -> Vec<CovenantSignatures> {
        match (&self.entry.hubless, &self.registered) {
            (Some(hubless), _) => hubless.covenant_signatures.clone(),
            (None, Some(registered)) => registered.covenant_signatures(),
            (None, None) => Vec::new(),
        }
    }

    /// Exactly a quorum of the committee's signatures: more would only cost gas.
    ///
    /// # Errors
    ///
    /// [`RestakeError::TooFewSignatures`] where there are fewer.
    pub fn quorum(&self) -> Result<Vec<CovenantSignatures>, RestakeError> {
        chain::quorum(self.given_signatures(), &self.delegation).map_err(
            |TooFewSignatures { valid, quorum }| RestakeError::TooFewSignatures {
                txid: self.entry.staking_txid(),
                valid,
                quorum,
            },
        )
    }

    /// The committee's signatures of the unbonding transaction.
    pub fn unbonding_signatures(&self) -> Vec<CovenantSignature> {
        if let Some(registered) = &self.registered {
            return registered.covenant_unbonding_signatures.clone();
        }
        let signatures = self.covenant_signatures().into_iter();
        signatures
            .map(|member| CovenantSignature {
                key: member.key,
                signature: member.unbonding,
            })
            .collect()
    }

    /// How many members' signatures we have ourselves; `None` where a hub collects them.
    pub fn held(&self) -> Option<Held> {
        self.entry.hubless.as_ref().map(|_| Held {
            signed: self.covenant_signatures().len(),
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
