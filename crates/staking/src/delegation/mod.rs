//! Judging a delegation: the one function that staker, committee, watchtower and contracts call.
//!
//! A [`Registration`] is what a staker registers, or what a chain says was registered. [`validate`] rebuilds every
//! script and output from the keys and the parameters, compares, and returns a [`ValidDelegation`] of what was
//! rebuilt. Nothing else makes one, so whoever signs or spends a `ValidDelegation` works on checked data only.
//!
//! Our own delegations take the same way: a [`DelegationPlan`] builds the transactions and has them validated.

mod error;
mod plan;
mod presigned;
mod signatures;
mod spend;
mod valid;

use bitcoin::{Amount, OutPoint, Transaction, TxOut};

use crate::keys::{FinalityProviderKey, StakerKey};
use crate::outputs::{SlashingChangeOutput, StakingOutput};
use crate::params::StakingParams;
use crate::sanity;
use crate::scripts::DelegationKeys;
use crate::sighash;
use crate::units::BlockInterval;

pub use error::{DelegationError, PresignedError, SlashingError, UnbondingError};
pub use plan::{DelegationPlan, PlanError};
pub use presigned::without_witness;
pub use signatures::{
    CovenantSignatureError, CovenantSignatures, SignedPart, StakerSignatureError, StakerSignatures,
};
pub use spend::{SlashedOutput, SpendError};
pub use valid::ValidDelegation;

/// A delegation as it was registered, before it was checked.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// Key of the staker.
    pub staker: StakerKey,
    /// Chosen finality providers, in the order of registration.
    pub finality_providers: &'a [FinalityProviderKey],
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Value of the staking output.
    pub staking_value: Amount,
    /// Which output is the stake.
    pub place: StakePlace<'a>,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// Spends the staking output early.
    pub unbonding_tx: &'a Transaction,
    /// Spends the staking output when the finality provider equivocates.
    pub slashing_tx: &'a Transaction,
    /// Spends the unbonding output when the finality provider equivocates.
    pub unbonding_slashing_tx: &'a Transaction,
}

/// How a registration says which output is the stake.
#[derive(Debug, Clone, Copy)]
pub enum StakePlace<'a> {
    /// By the transaction, exactly one of whose outputs may be it.
    Transaction {
        /// With or without its witness.
        staking_tx: &'a Transaction,
        /// Where it must be, if the source says so; else it is found by script and value.
        output_index: Option<u32>,
    },
    /// By the outpoint alone, where the source keeps nothing more. Script and value are those that follow from the keys,
    /// the timelock and the parameters; signatures commit to both, so none verifies where Bitcoin has another output.
    Outpoint(OutPoint),
}

/// Checks a delegation against the version of the parameters that governs it, in the order of the node (spec 2.6, 6).
///
/// It is as strict as the node and no stricter (spec 6.10): several finality providers, inputs of any kind and
/// witnesses in the pre-signed transactions pass. That a chain takes exactly one finality provider is the chain's own
/// rule. Signatures are checked apart, on the [`ValidDelegation`].
pub fn validate(
    registration: &Registration<'_>,
    params: &StakingParams,
) -> Result<ValidDelegation, DelegationError> {
    let keys = DelegationKeys::new(
        registration.staker,
        registration.finality_providers.to_vec(),
        params.covenant.clone(),
    )?;
    check_unbonding_time(registration.unbonding_time, params)?;

    if let StakePlace::Transaction { staking_tx, .. } = registration.place {
        sanity::check(staking_tx)?;
    }
    let staking_output =
        StakingOutput::new(&keys, registration.staking_time, registration.staking_value);
    let staking_outpoint = match registration.place {
        StakePlace::Transaction {
            staking_tx,
            output_index,
        } => find_staking_output(staking_tx, output_index, &staking_output)?,
        StakePlace::Outpoint(outpoint) => outpoint,
    };
    params.check_staking_time(registration.staking_time)?;
    params.check_staking_value(registration.staking_value)?;

    let slashing_change = SlashingChangeOutput::new(keys.staker(), params.unbonding_time);
    let slashing_tx = presigned::check_slashing(
        registration.slashing_tx,
        staking_outpoint,
        staking_output.value(),
        &slashing_change,
        params,
    )
    .map_err(DelegationError::Slashing)?;

    let (unbonding_tx, unbonding_output) =
        presigned::check_unbonding(registration.unbonding_tx, &keys, params)?;
    let unbonding_outpoint = OutPoint {
        txid: unbonding_tx.compute_txid(),
        vout: 0,
    };
    let unbonding_slashing_tx = presigned::check_slashing(
        registration.unbonding_slashing_tx,
        unbonding_outpoint,
        unbonding_output.value(),
        &slashing_change,
        params,
    )
    .map_err(DelegationError::UnbondingSlashing)?;
    presigned::check_unbonding_spend(
        &unbonding_tx,
        staking_outpoint,
        staking_output.value(),
        unbonding_output.value(),
        params,
    )?;

    let unbonding_sighash =
        sighash::unbonding(&unbonding_tx, &staking_output).map_err(UnbondingError::from)?;
    let slashing_sighash = sighash::slashing(&slashing_tx, &staking_output)
        .map_err(|error| DelegationError::Slashing(error.into()))?;
    let unbonding_slashing_sighash =
        sighash::unbonding_slashing(&unbonding_slashing_tx, &unbonding_output)
            .map_err(|error| DelegationError::UnbondingSlashing(error.into()))?;
    Ok(ValidDelegation {
        keys,
        params_version: params.version,
        staking_outpoint,
        staking_output,
        unbonding_outpoint,
        unbonding_output,
        slashing_change,
        unbonding_tx,
        slashing_tx,
        unbonding_slashing_tx,
        unbonding_sighash,
        slashing_sighash,
        unbonding_slashing_sighash,
    })
}

fn check_unbonding_time(
    actual: BlockInterval,
    params: &StakingParams,
) -> Result<(), DelegationError> {
    let required = params.unbonding_time;
    if actual == required {
        Ok(())
    } else {
        Err(DelegationError::UnbondingTime { actual, required })
    }
}

/// Finds the one output that equals the stake in value and script; it must be where it was `registered`.
fn find_staking_output(
    staking_tx: &Transaction,
    registered: Option<u32>,
    staking_output: &StakingOutput,
) -> Result<OutPoint, DelegationError> {
    let matches = |output: &TxOut| output == staking_output.tx_out();
    let first = staking_tx.output.iter().position(matches).ok_or_else(|| {
        let TxOut {
            value,
            script_pubkey,
        } = staking_output.tx_out();
        DelegationError::StakingOutputMissing {
            value: *value,
            script: script_pubkey.clone(),
        }
    })?;
    let last = staking_tx.output.iter().rposition(matches);
    if let Some(second) = last.filter(|last| *last != first) {
        return Err(DelegationError::StakingOutputDuplicate { first, second });
    }
    // An index beyond 32 bits cannot be spent, nor fit into a block.
    let found = u32::try_from(first).unwrap_or(u32::MAX);
    match registered {
        Some(registered) if registered != found => {
            Err(DelegationError::StakingOutputIndex { registered, found })
        }
        _ => Ok(OutPoint {
            txid: staking_tx.compute_txid(),
            vout: found,
        }),
    }
}
