//! A delegation that passed every rule.

use bitcoin::{OutPoint, Transaction};

use crate::outputs::{SlashingChangeOutput, StakingOutput, UnbondingOutput};
use crate::scripts::DelegationKeys;
use crate::sighash::{SlashingSighash, UnbondingPathSighash};

/// A delegation that passed [`validate`](super::validate): outputs rebuilt, transactions checked and without witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidDelegation {
    pub(super) keys: DelegationKeys,
    pub(super) params_version: u32,
    pub(super) staking_outpoint: OutPoint,
    pub(super) staking_output: StakingOutput,
    pub(super) unbonding_outpoint: OutPoint,
    pub(super) unbonding_output: UnbondingOutput,
    pub(super) slashing_change: SlashingChangeOutput,
    pub(super) unbonding_tx: Transaction,
    pub(super) slashing_tx: Transaction,
    pub(super) unbonding_slashing_tx: Transaction,
    pub(super) unbonding_sighash: UnbondingPathSighash,
    pub(super) slashing_sighash: SlashingSighash,
    pub(super) unbonding_slashing_sighash: SlashingSighash,
}

impl ValidDelegation {
    /// Whose keys it needs.
    pub fn keys(&self) -> &DelegationKeys {
        &self.keys
    }

    /// Version of the parameters that govern it for ever.
    pub fn params_version(&self) -> u32 {
        self.params_version
    }

    /// The staking output's place: staking transaction and index.
    pub fn staking_outpoint(&self) -> OutPoint {
        self.staking_outpoint
    }

    /// The bonded stake.
    pub fn staking_output(&self) -> &StakingOutput {
        &self.staking_output
    }

    /// The unbonding output's place.
    pub fn unbonding_outpoint(&self) -> OutPoint {
        self.unbonding_outpoint
    }

    /// The stake after early unbonding.
    pub fn unbonding_output(&self) -> &UnbondingOutput {
        &self.unbonding_output
    }

    /// What slashing leaves, of either output.
    pub fn slashing_change(&self) -> &SlashingChangeOutput {
        &self.slashing_change
    }

    /// Spends the staking output early.
    pub fn unbonding_tx(&self) -> &Transaction {
        &self.unbonding_tx
    }

    /// Slashes the staking output.
    pub fn slashing_tx(&self) -> &Transaction {
        &self.slashing_tx
    }

    /// Slashes the unbonding output.
    pub fn unbonding_slashing_tx(&self) -> &Transaction {
        &self.unbonding_slashing_tx
    }

    /// What staker and committee sign to unbond.
    pub fn unbonding_sighash(&self) -> UnbondingPathSighash {
        self.unbonding_sighash
    }

    /// What staker, committee and finality provider sign to slash the staking output.
    pub fn slashing_sighash(&self) -> SlashingSighash {
        self.slashing_sighash
    }

    /// What staker, committee and finality provider sign to slash the unbonding output.
    pub fn unbonding_slashing_sighash(&self) -> SlashingSighash {
        self.unbonding_slashing_sighash
    }
}
