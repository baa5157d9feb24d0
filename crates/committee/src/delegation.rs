//! A delegation that is to be signed.

use bitcoin::secp256k1::schnorr;
use bitcoin::{Amount, Transaction, Witness};
use staking::delegation::{Registration, StakePlace, StakerSignatures, ValidDelegation};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::units::BlockInterval;

/// A delegation as its staker brings it: signed by nobody else, checked by nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
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

impl Delegation {
    /// A delegation of our own: what was built on `staking_tx`, and the staker's signatures of both slashings.
    ///
    /// The staking transaction goes without its witness, which nobody needs to judge it.
    pub fn new(
        valid: &ValidDelegation,
        staking_tx: &Transaction,
        signatures: StakerSignatures,
    ) -> Self {
        let mut staking_tx = staking_tx.clone();
        for input in &mut staking_tx.input {
            input.witness = Witness::new();
        }
        Self {
            staker: valid.keys().staker(),
            finality_providers: valid.keys().finality_providers().to_vec(),
            staking_time: valid.staking_output().timelock().timelock(),
            staking_value: valid.staking_output().value(),
            staking_tx,
            staking_output_index: valid.staking_outpoint().vout,
            slashing_tx: valid.slashing_tx().clone(),
            staker_slashing_signature: signatures.slashing,
            unbonding_time: valid.unbonding_output().timelock().timelock(),
            unbonding_tx: valid.unbonding_tx().clone(),
            unbonding_slashing_tx: valid.unbonding_slashing_tx().clone(),
            staker_unbonding_slashing_signature: signatures.unbonding_slashing,
        }
    }

    /// The part that is validated.
    pub fn registration(&self) -> Registration<'_> {
        Registration {
            staker: self.staker,
            finality_providers: &self.finality_providers,
            staking_time: self.staking_time,
            staking_value: self.staking_value,
            place: StakePlace::Transaction {
                staking_tx: &self.staking_tx,
                output_index: Some(self.staking_output_index),
            },
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
