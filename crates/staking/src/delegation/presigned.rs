//! Rules of the transactions that are signed in advance (spec 1.7, 1.8).
//!
//! They come back without witness: a registered transaction may carry one (spec 6.10), but nothing relies on it.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Sequence, Transaction, TxOut, Weight, Witness};

use super::error::{PresignedError, SlashingError, UnbondingError};
use crate::outputs::{SlashingChangeOutput, UnbondingOutput};
use crate::params::StakingParams;
use crate::scripts::DelegationKeys;
use crate::{dust, sanity};

/// Heaviest transaction that Bitcoin nodes relay.
const MAX_WEIGHT: Weight = Weight::from_wu(400_000);

/// Versions that a pre-signed transaction may have.
struct Versions {
    allowed: &'static [Version],
    text: &'static str,
}

const UNBONDING: Versions = Versions {
    allowed: &[Version::TWO],
    text: "2",
};

/// The Go library emits version 1, the TypeScript library version 2.
const SLASHING: Versions = Versions {
    allowed: &[Version::ONE, Version::TWO],
    text: "1 or 2",
};

/// Checks the slashing of an output worth `value`.
pub(super) fn check_slashing(
    tx: &Transaction,
    slashed_output: OutPoint,
    value: Amount,
    change: &SlashingChangeOutput,
    params: &StakingParams,
) -> Result<Transaction, SlashingError> {
    let [slashed, rest] = check_shape(tx, &SLASHING)?;
    check_outpoint(tx, slashed_output)?;
    if slashed.script_pubkey != params.slashing_script {
        return Err(SlashingError::Script {
            actual: slashed.script_pubkey.clone(),
            required: params.slashing_script.clone(),
        });
    }
    let required = params.slashing_rate.amount(value).max(Amount::ONE_SAT);
    if slashed.value < required {
        let (actual, rate) = (slashed.value, params.slashing_rate);
        return Err(SlashingError::Amount {
            actual,
            rate,
            value,
            required,
        });
    }
    if rest.script_pubkey != *change.script_pubkey() {
        return Err(SlashingError::ChangeScript {
            actual: rest.script_pubkey.clone(),
            required: change.script_pubkey().clone(),
        });
    }
    if let Some((index, value)) = dust::first_unacceptable(&tx.output) {
        return Err(SlashingError::Dust { index, value });
    }
    // Two outputs that passed the sanity rules cannot overflow together.
    let outputs = slashed.value + rest.value;
    let required = params.min_slashing_fee.max(Amount::ONE_SAT);
    match value.checked_sub(outputs) {
        Some(fee) if fee >= required => Ok(without_witness(tx)),
        _ => Err(SlashingError::Fee {
            value,
            outputs,
            required,
        }),
    }
}

/// Checks that `tx` is a pre-signed transaction that creates the unbonding output, whatever it spends and pays.
pub(super) fn check_unbonding(
    tx: &Transaction,
    keys: &DelegationKeys,
    params: &StakingParams,
) -> Result<(Transaction, UnbondingOutput), UnbondingError> {
    let [created] = check_shape(tx, &UNBONDING)?;
    let unbonding_output = UnbondingOutput::new(keys, params.unbonding_time, created.value);
    if created == unbonding_output.tx_out() {
        Ok((without_witness(tx), unbonding_output))
    } else {
        Err(UnbondingError::Script {
            actual: created.script_pubkey.clone(),
            required: unbonding_output.tx_out().script_pubkey.clone(),
        })
    }
}

/// Checks that `tx` spends the staking output, at exactly the prescribed fee.
pub(super) fn check_unbonding_spend(
    tx: &Transaction,
    staking_output: OutPoint,
    staked: Amount,
    unbonded: Amount,
    params: &StakingParams,
) -> Result<(), UnbondingError> {
    check_outpoint(tx, staking_output)?;
    let required = params.unbonding_fee;
    match staked.checked_sub(unbonded) {
        Some(fee) if fee == required && fee > Amount::ZERO => Ok(()),
        _ => Err(UnbondingError::Fee {
            staked,
            unbonded,
            required,
        }),
    }
}

/// Checks what makes a transaction final, standard and the only spend of one output; returns its outputs.
fn check_shape<'a, const OUTPUTS: usize>(
    tx: &'a Transaction,
    versions: &Versions,
) -> Result<&'a [TxOut; OUTPUTS], PresignedError> {
    sanity::check(tx)?;
    let [input] = tx.input.as_slice() else {
        return Err(PresignedError::Inputs(tx.input.len()));
    };
    let outputs = <&[TxOut; OUTPUTS]>::try_from(tx.output.as_slice()).map_err(|_| {
        PresignedError::Outputs {
            actual: tx.output.len(),
            required: OUTPUTS,
        }
    })?;
    if tx.lock_time != LockTime::ZERO {
        return Err(PresignedError::LockTime(tx.lock_time.to_consensus_u32()));
    }
    if !versions.allowed.contains(&tx.version) {
        return Err(PresignedError::Version {
            actual: tx.version.0,
            required: versions.text,
        });
    }
    if tx.weight() > MAX_WEIGHT {
        return Err(PresignedError::Weight {
            actual: tx.weight(),
            max: MAX_WEIGHT,
        });
    }
    if input.sequence != Sequence::MAX {
        return Err(PresignedError::Sequence(input.sequence.to_consensus_u32()));
    }
    if !input.script_sig.is_empty() {
        return Err(PresignedError::ScriptSig(input.script_sig.len()));
    }
    Ok(outputs)
}

fn check_outpoint(tx: &Transaction, required: OutPoint) -> Result<(), PresignedError> {
    match tx
        .input
        .iter()
        .find(|input| input.previous_output != required)
    {
        Some(input) => Err(PresignedError::Outpoint {
            actual: input.previous_output,
            required,
        }),
        None => Ok(()),
    }
}

/// The transaction without its witnesses, on which its id does not depend.
pub fn without_witness(tx: &Transaction) -> Transaction {
    let mut tx = tx.clone();
    for input in &mut tx.input {
        input.witness = Witness::new();
    }
    tx
}
