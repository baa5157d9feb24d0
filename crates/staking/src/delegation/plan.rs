//! Building a delegation of our own.

use bitcoin::{Amount, OutPoint, Transaction};

use super::{
    DelegationError, Registration, StakePlace, ValidDelegation, find_staking_output, validate,
};
use crate::keys::{FinalityProviderKey, StakerKey};
use crate::outputs::{SlashingChangeOutput, StakingOutput, UnbondingOutput};
use crate::params::{StakingParams, StakingTimeError, StakingValueError};
use crate::scripts::{DelegationKeys, DelegationKeysError};
use crate::transactions::{self, SlashingTransactionError};
use crate::units::BlockInterval;

/// Why no delegation can be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The keys make no scripts.
    #[error(transparent)]
    Keys(#[from] DelegationKeysError),
    /// The stake would be locked too shortly or too long.
    #[error(transparent)]
    StakingTime(#[from] StakingTimeError),
    /// The stake is too small or too large.
    #[error(transparent)]
    StakingValue(#[from] StakingValueError),
    /// Unbonding would leave nothing.
    #[error("the unbonding fee of {} sat leaves nothing of a stake of {} sat", .fee.to_sat(), .value.to_sat())]
    UnbondingFee {
        /// Value of the stake.
        value: Amount,
        /// The prescribed fee.
        fee: Amount,
    },
    /// The stake is too small to be slashed.
    #[error(transparent)]
    Slashing(#[from] SlashingTransactionError),
    /// What was built, or the staking transaction it was built on, breaks a rule.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
}

/// A delegation before its staking transaction exists: the outputs that follow from keys, time, value and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationPlan {
    keys: DelegationKeys,
    params: StakingParams,
    staking_output: StakingOutput,
    unbonding_output: UnbondingOutput,
    slashing_change: SlashingChangeOutput,
}

impl DelegationPlan {
    /// Plans a stake of `value` for `staking_time` with `finality_providers`, under one version of the parameters.
    pub fn new(
        staker: StakerKey,
        finality_providers: Vec<FinalityProviderKey>,
        staking_time: BlockInterval,
        value: Amount,
        params: &StakingParams,
    ) -> Result<Self, PlanError> {
        let keys = DelegationKeys::new(staker, finality_providers, params.covenant.clone())?;
        params.check_staking_time(staking_time)?;
        params.check_staking_value(value)?;
        let unbonding_value = value
            .checked_sub(params.unbonding_fee)
            .filter(|value| *value > Amount::ZERO)
            .ok_or(PlanError::UnbondingFee {
                value,
                fee: params.unbonding_fee,
            })?;
        Ok(Self {
            staking_output: StakingOutput::new(&keys, staking_time, value),
            unbonding_output: UnbondingOutput::new(&keys, params.unbonding_time, unbonding_value),
            slashing_change: SlashingChangeOutput::new(staker, params.unbonding_time),
            params: params.clone(),
            keys,
        })
    }

    /// Whose keys it needs.
    pub fn keys(&self) -> &DelegationKeys {
        &self.keys
    }

    /// The parameters it was planned under.
    pub fn params(&self) -> &StakingParams {
        &self.params
    }

    /// The output that the staking transaction must have, exactly once.
    pub fn staking_output(&self) -> &StakingOutput {
        &self.staking_output
    }

    /// The stake after early unbonding.
    pub fn unbonding_output(&self) -> &UnbondingOutput {
        &self.unbonding_output
    }

    /// What slashing leaves, of either output.
    pub fn slashing_change(&self) -> &SlashingChangeOutput {
        &self.slashing_change
    }

    /// Builds the pre-signed transactions on a staking transaction, and validates the whole as everybody else will.
    ///
    /// The stake is looked for among the outputs; `staking_output_index` says where it must be, if that is known. The
    /// transaction may be unsigned as long as its id does not change by signing: all its inputs must be segwit.
    pub fn build(
        &self,
        staking_tx: &Transaction,
        staking_output_index: Option<u32>,
    ) -> Result<ValidDelegation, PlanError> {
        let staking_outpoint =
            find_staking_output(staking_tx, staking_output_index, &self.staking_output)?;
        let unbonding_tx = transactions::unbonding(staking_outpoint, &self.unbonding_output);
        let slashing_tx = self.slashing(staking_outpoint, self.staking_output.value())?;
        let unbonding_outpoint = OutPoint {
            txid: unbonding_tx.compute_txid(),
            vout: 0,
        };
        let unbonding_slashing_tx =
            self.slashing(unbonding_outpoint, self.unbonding_output.value())?;
        let registration = Registration {
            staker: self.keys.staker(),
            finality_providers: self.keys.finality_providers(),
            staking_time: self.staking_output.timelock().timelock(),
            staking_value: self.staking_output.value(),
            place: StakePlace::Transaction {
                staking_tx,
                output_index: staking_output_index,
            },
            unbonding_time: self.params.unbonding_time,
            unbonding_tx: &unbonding_tx,
            slashing_tx: &slashing_tx,
            unbonding_slashing_tx: &unbonding_slashing_tx,
        };
        Ok(validate(&registration, &self.params)?)
    }

    fn slashing(
        &self,
        slashed_output: OutPoint,
        value: Amount,
    ) -> Result<Transaction, SlashingTransactionError> {
        transactions::slashing(slashed_output, value, &self.slashing_change, &self.params)
    }
}
