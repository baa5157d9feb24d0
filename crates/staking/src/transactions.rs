//! The transactions that are signed in advance, so that a stake can be unbonded and slashed (spec 1.7, 1.8).
//!
//! Each spends one output and is final: nobody can change it after it was signed, only its witness is missing.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use crate::dust;
use crate::outputs::{SlashingChangeOutput, UnbondingOutput};
use crate::params::StakingParams;

/// Why an output's value cannot be divided between slashing, change and fee.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlashingTransactionError {
    /// Nothing is left for the change.
    #[error("slashing {} sat at a fee of {} sat leaves nothing of {} sat; stake more", .slashed.to_sat(), .fee.to_sat(), .value.to_sat())]
    NoChange {
        /// Value of the slashed output.
        value: Amount,
        /// What slashing takes.
        slashed: Amount,
        /// Fee of the slashing transaction.
        fee: Amount,
    },
    /// An output would be too small to be relayed.
    #[error("output {index} of the slashing transaction would be dust at {} sat; stake more", .value.to_sat())]
    Dust {
        /// Which output: 0 is slashed, 1 is the change.
        index: usize,
        /// Its value.
        value: Amount,
    },
}

/// Builds the transaction that unbonds the stake in `staking_output` early; its fee is what the output is worth less.
pub fn unbonding(staking_output: OutPoint, unbonding_output: &UnbondingOutput) -> Transaction {
    spend_alone(
        Version::TWO,
        staking_output,
        vec![unbonding_output.tx_out().clone()],
    )
}

/// Builds the transaction that slashes the staking or unbonding output `slashed_output` worth `value`.
///
/// It takes exactly what the parameters prescribe, and pays their least fee out of the change.
pub fn slashing(
    slashed_output: OutPoint,
    value: Amount,
    change: &SlashingChangeOutput,
    params: &StakingParams,
) -> Result<Transaction, SlashingTransactionError> {
    let slashed = params.slashing_rate.amount(value);
    let fee = params.min_slashing_fee;
    let change_value = value
        .checked_sub(slashed)
        .and_then(|rest| rest.checked_sub(fee))
        .ok_or(SlashingTransactionError::NoChange {
            value,
            slashed,
            fee,
        })?;
    let outputs = vec![
        TxOut {
            value: slashed,
            script_pubkey: params.slashing_script.clone(),
        },
        TxOut {
            value: change_value,
            script_pubkey: change.script_pubkey().clone(),
        },
    ];
    match dust::first_unacceptable(&outputs) {
        Some((index, value)) => Err(SlashingTransactionError::Dust { index, value }),
        None => Ok(spend_alone(Version::ONE, slashed_output, outputs)),
    }
}

fn spend_alone(version: Version, spent: OutPoint, output: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        previous_output: spent,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    Transaction {
        version,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output,
    }
}
