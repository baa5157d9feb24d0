//! What a signer is asked to sign.

use bitcoin::secp256k1::schnorr;
use bitcoin::{Amount, Transaction};
use staking::delegation::{Registration, StakerSignatures};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::params::StakingParams;
use staking::units::BlockInterval;

/// A delegation and the parameters that govern it, as the sender says they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    /// The parameters' version that governs the delegation.
    pub params: StakingParams,
    /// Key of the staker.
    pub staker: StakerKey,
    /// Chosen finality providers, in the order of registration.
    pub finality_providers: Vec<FinalityProviderKey>,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Value of the staking output.
    pub staking_value: Amount,
    /// The staking transaction.
    pub staking_tx: Transaction,
    /// Which output of it is the stake.
    pub staking_output_index: u32,
    /// Slashing of the staking output.
    pub slashing_tx: Transaction,
    /// Staker's signature of it.
    pub staker_slashing_signature: schnorr::Signature,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// The unbonding transaction.
    pub unbonding_tx: Transaction,
    /// Slashing of the unbonding output.
    pub unbonding_slashing_tx: Transaction,
    /// Staker's signature of it.
    pub staker_unbonding_slashing_signature: schnorr::Signature,
}

impl SigningRequest {
    /// The request to sign a delegation of the chain under `params`.
    pub fn new(delegation: chain::Delegation, params: StakingParams) -> Self {
        Self {
            params,
            staker: delegation.staker,
            finality_providers: delegation.finality_providers,
            staking_time: delegation.staking_time,
            staking_value: delegation.staking_value,
            staking_tx: delegation.staking_tx,
            staking_output_index: delegation.staking_output_index,
            slashing_tx: delegation.slashing_tx,
            staker_slashing_signature: delegation.staker_slashing_signature,
            unbonding_time: delegation.unbonding_time,
            unbonding_tx: delegation.unbonding_tx,
            unbonding_slashing_tx: delegation.unbonding_slashing_tx,
            staker_unbonding_slashing_signature: delegation.staker_unbonding_slashing_signature,
        }
    }

    /// The part that is validated.
    pub fn registration(&self) -> Registration<'_> {
        Registration {
            staker: self.staker,
            finality_providers: &self.finality_providers,
            staking_time: self.staking_time,
            staking_value: self.staking_value,
            staking_tx: &self.staking_tx,
            staking_output_index: Some(self.staking_output_index),
            unbonding_time: self.unbonding_time,
            unbonding_tx: &self.unbonding_tx,
            slashing_tx: &self.slashing_tx,
            unbonding_slashing_tx: &self.unbonding_slashing_tx,
        }
    }

    /// The staker's signatures.
    pub fn staker_signatures(&self) -> StakerSignatures {
        StakerSignatures {
            slashing: self.staker_slashing_signature,
            unbonding_slashing: self.staker_unbonding_slashing_signature,
        }
    }
}
