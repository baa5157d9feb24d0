//! Whether a partner chain takes a stake, and under which of its covenant sets.

use bitcoin::{Network, Transaction};
use chain::FinalityProvider;
use chain::mesh::{CovenantSet, InstanceTerms};
use staking::delegation::{DelegationError, Registration, StakePlace, ValidDelegation, validate};
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;

use super::error::RestakeError;

/// A stake as everybody judges it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// Its outputs and transactions, under the parameters that it was built under.
    pub delegation: &'a ValidDelegation,
    /// The staking transaction.
    pub staking_tx: &'a Transaction,
}

/// What a chain says before it is shown a stake.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// What commands call the chain.
    pub chain: &'a str,
    /// What it prescribes.
    pub terms: &'a InstanceTerms,
    /// The stake's provider there; `None` where it is not registered.
    pub provider: Option<&'a FinalityProvider>,
}

impl Judged<'_> {
    /// Judges it under other parameters.
    fn under(&self, params: &StakingParams) -> Result<ValidDelegation, DelegationError> {
        let delegation = self.delegation;
        let registration = Registration {
            staker: delegation.keys().staker(),
            finality_providers: delegation.keys().finality_providers(),
            staking_time: delegation.staking_output().timelock().timelock(),
            staking_value: delegation.staking_output().value(),
            place: StakePlace::Transaction {
                staking_tx: self.staking_tx,
                output_index: Some(delegation.staking_outpoint().vout),
            },
            unbonding_time: delegation.unbonding_output().timelock().timelock(),
            unbonding_tx: delegation.unbonding_tx(),
            slashing_tx: delegation.slashing_tx(),
            unbonding_slashing_tx: delegation.unbonding_slashing_tx(),
        };
        validate(&registration, params)
    }
}

impl Offer<'_> {
    /// Refuses a chain that takes no stake of this provider, whatever its terms.
    pub fn check_open(
        &self,
        provider: &FinalityProviderKey,
        network: Network,
    ) -> Result<(), RestakeError> {
        if self.terms.closed {
            return Err(self.refused("the instance is closed".to_owned()));
        }
        if self.terms.test_only == (network == Network::Bitcoin) {
            let reason = format!("it follows another Bitcoin network than `{network}`");
            return Err(self.refused(reason));
        }
        match self.provider {
            None => Err(self.refused(format!("provider {provider} is not registered there"))),
            Some(known) if known.slashed_at.is_some() => Err(RestakeError::ProviderSlashed {
                chain: self.chain.to_owned(),
                provider: *provider,
            }),
            Some(_) => Ok(()),
        }
    }

    /// The covenant set under which the chain takes a stake.
    ///
    /// # Errors
    ///
    /// Says why it does not.
    pub fn taken(&self, stake: &Judged<'_>, network: Network) -> Result<CovenantSet, RestakeError> {
        let keys = stake.delegation.keys();
        for provider in keys.finality_providers() {
            self.check_open(provider, network)?;
        }
        let mut reason =
            "none of its covenant sets has the keys and the quorum of this stake's committee"
                .to_owned();
        for set in &self.terms.covenant_sets {
            if set.params.covenant != *keys.covenant() {
                continue;
            }
            match stake.under(&set.params) {
                Ok(_) => return Ok(set.clone()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(self.refused(reason))
    }

    fn refused(&self, reason: String) -> RestakeError {
        RestakeError::NotTaken {
            chain: self.chain.to_owned(),
            reason,
        }
    }
}
