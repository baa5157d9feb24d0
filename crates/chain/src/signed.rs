//! A delegation with the signatures that it needs, wherever they come from: what proves a stake but for its block.
//!
//! Chains tell it ([`Delegation`]), and stakers hand it over as JSON where no chain knows the stake yet.

mod written;

use bitcoin::{Amount, OutPoint, Transaction};
use staking::delegation::{
    CovenantSignatures, DelegationError, Registration, StakePlace, StakerSignatures,
    ValidDelegation, validate,
};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::params::StakingParams;
use staking::units::BlockInterval;

pub use written::WrittenCovenantSignatures;
pub(crate) use written::WrittenDelegation;

use crate::delegation::{Delegation, TooFewSignatures, quorum};

/// A delegation and its signatures; nothing in it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDelegation {
    /// The staking output.
    pub staking_outpoint: OutPoint,
    /// Key of the staker.
    pub staker: StakerKey,
    /// Chosen providers, in the order of registration.
    pub finality_providers: Vec<FinalityProviderKey>,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Value of the staking output.
    pub staking_value: Amount,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// Spends the staking output early.
    pub unbonding_tx: Transaction,
    /// Spends the staking output when the provider equivocates.
    pub slashing_tx: Transaction,
    /// Spends the unbonding output when the provider equivocates.
    pub unbonding_slashing_tx: Transaction,
    /// The staker's signatures.
    pub staker_signatures: StakerSignatures,
    /// The committee's signatures by member.
    pub covenant_signatures: Vec<CovenantSignatures>,
}

impl SignedDelegation {
    /// A delegation that keeps the rules, with signatures of it.
    pub fn new(
        valid: &ValidDelegation,
        staker_signatures: StakerSignatures,
        covenant_signatures: Vec<CovenantSignatures>,
    ) -> Self {
        let keys = valid.keys();
        Self {
            staking_outpoint: valid.staking_outpoint(),
            staker: keys.staker(),
            finality_providers: keys.finality_providers().to_vec(),
            staking_time: valid.staking_output().timelock().timelock(),
            staking_value: valid.staking_output().value(),
            unbonding_time: valid.unbonding_output().timelock().timelock(),
            unbonding_tx: valid.unbonding_tx().clone(),
            slashing_tx: valid.slashing_tx().clone(),
            unbonding_slashing_tx: valid.unbonding_slashing_tx().clone(),
            staker_signatures,
            covenant_signatures,
        }
    }

    /// Rebuilds and checks everything but the signatures; that the staking output is on Bitcoin is to be seen there.
    ///
    /// # Errors
    ///
    /// Names the rule of `params` that it breaks.
    pub fn validate(&self, params: &StakingParams) -> Result<ValidDelegation, DelegationError> {
        let registration = Registration {
            staker: self.staker,
            finality_providers: &self.finality_providers,
            staking_time: self.staking_time,
            staking_value: self.staking_value,
            place: StakePlace::Outpoint(self.staking_outpoint),
            unbonding_time: self.unbonding_time,
            unbonding_tx: &self.unbonding_tx,
            slashing_tx: &self.slashing_tx,
            unbonding_slashing_tx: &self.unbonding_slashing_tx,
        };
        validate(&registration, params)
    }

    /// Exactly a quorum of the committee's signatures that hold for `valid`, ascending by key: more would only cost gas.
    ///
    /// # Errors
    ///
    /// Says how many members have signed where they are fewer.
    pub fn quorum(
        &self,
        valid: &ValidDelegation,
    ) -> Result<Vec<CovenantSignatures>, TooFewSignatures> {
        quorum(self.covenant_signatures.clone(), valid)
    }
}

impl From<Delegation> for SignedDelegation {
    fn from(told: Delegation) -> Self {
        Self {
            staking_outpoint: told.staking_outpoint(),
            staker_signatures: told.staker_signatures(),
            covenant_signatures: told.covenant_signatures(),
            staker: told.staker,
            finality_providers: told.finality_providers,
            staking_time: told.staking_time,
            staking_value: told.staking_value,
            unbonding_time: told.unbonding_time,
            unbonding_tx: told.unbonding_tx,
            slashing_tx: told.slashing_tx,
            unbonding_slashing_tx: told.unbonding_slashing_tx,
        }
    }
}
