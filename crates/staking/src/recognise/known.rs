//! Recognising the transactions of delegations that are known, by their ids.

use bitcoin::Transaction;

use super::finding::{Finding, Slashing, Stake, Unbonding};
use crate::delegation::{SlashedOutput, ValidDelegation};

/// The pre-signed transaction of a known delegation that `tx` is.
///
/// Who signed is not told: this is for transactions without witness.
pub(super) fn presigned(delegations: &[ValidDelegation], tx: &Transaction) -> Option<Finding> {
    let txid = tx.compute_txid();
    let is = |presigned: &Transaction| presigned.compute_txid() == txid;
    let spent = tx.input.first()?.previous_output;
    delegations.iter().find_map(|delegation| {
        if spent == delegation.staking_outpoint() {
            if is(delegation.unbonding_tx()) {
                return Some(Finding::Unbonding(unbonding(delegation)));
            }
            if is(delegation.slashing_tx()) {
                return slashing(delegation, SlashedOutput::Staking, tx);
            }
        }
        if spent == delegation.unbonding_outpoint() && is(delegation.unbonding_slashing_tx()) {
            return slashing(delegation, SlashedOutput::Unbonding, tx);
        }
        None
    })
}

/// The stakes of known delegations that `tx` creates.
pub(super) fn stakes<'a>(
    delegations: &'a [ValidDelegation],
    tx: &Transaction,
) -> impl Iterator<Item = Stake> + use<'a> {
    let txid = tx.compute_txid();
    delegations
        .iter()
        .filter(move |delegation| delegation.staking_outpoint().txid == txid)
        .map(|delegation| Stake {
            outpoint: delegation.staking_outpoint(),
            value: delegation.staking_output().value(),
            staker: delegation.keys().staker(),
            finality_providers: delegation.keys().finality_providers().to_vec(),
            staking_time: delegation.staking_output().timelock().timelock(),
            params_versions: vec![delegation.params_version()],
        })
}

fn unbonding(delegation: &ValidDelegation) -> Unbonding {
    Unbonding {
        staking_outpoint: delegation.staking_outpoint(),
        staker: delegation.keys().staker(),
        value: delegation.unbonding_output().value(),
        unbonding_time: delegation.unbonding_output().timelock().timelock(),
        signers: Vec::new(),
        params_versions: vec![delegation.params_version()],
    }
}

fn slashing(
    delegation: &ValidDelegation,
    output: SlashedOutput,
    tx: &Transaction,
) -> Option<Finding> {
    let [input] = tx.input.as_slice() else {
        return None;
    };
    let [slashed, change] = tx.output.as_slice() else {
        return None;
    };
    Some(Finding::Slashing(Slashing {
        spent: input.previous_output,
        output,
        staker: delegation.keys().staker(),
        finality_provider: None,
        slashed: slashed.value,
        change: change.value,
        signers: Vec::new(),
        params_versions: vec![delegation.params_version()],
    }))
}
