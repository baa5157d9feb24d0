//! Our own transactions are recognised, what is almost one is told why, and nothing hostile makes it stumble.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod findings;
#[path = "../fixture/mod.rs"]
mod fixture;
mod hostile;
mod near_misses;

use std::slice;

use bitcoin::{Transaction, TxOut, Witness};
use staking::delegation::SlashedOutput;
use staking::outputs::TimelockLeaf;
use staking::params::{ParamsVersions, StakingParams};
use staking::phase1::Tag;
use staking::recognise::{Finding, Kind, Reason, Recogniser, Recognition};
use staking::units::BitcoinHeight;
use staking::{sighash, witness};

use crate::fixture::{Scenario, blocks, change, funded, params, secret, sign};

pub(crate) const TAG: Tag = Tag(*b"test");

/// Versions 0 to 2: another committee, then twice the scenario's with different unbonding times.
pub(crate) fn versions(scenario: &Scenario) -> ParamsVersions {
    let others: Vec<_> = (0..3)
        .map(|index| secret(&format!("other {index}")))
        .collect();
    let at = |version: u32, params: StakingParams| StakingParams {
        version,
        activation_height: BitcoinHeight(100 * version),
        ..params
    };
    let later = StakingParams {
        unbonding_time: blocks(2_016),
        ..scenario.params.clone()
    };
    let all = vec![
        at(0, params(&others, 2)),
        at(1, scenario.params.clone()),
        at(2, later),
    ];
    ParamsVersions::new(all).unwrap()
}

pub(crate) fn recognise(scenario: &Scenario, tx: &Transaction) -> Recognition {
    Recogniser::new(&versions(scenario))
        .with_phase1_tag(TAG)
        .recognise(tx)
}

pub(crate) fn only_finding(recognition: &Recognition) -> &Finding {
    assert_eq!(recognition.near_misses, []);
    let [finding] = recognition.findings.as_slice() else {
        panic!("{recognition:?}")
    };
    finding
}

pub(crate) fn only_near_miss(recognition: &Recognition) -> (Kind, Reason) {
    assert_eq!(recognition.findings, []);
    let [miss] = recognition.near_misses.as_slice() else {
        panic!("{recognition:?}")
    };
    (miss.kind, miss.reason.clone())
}

pub(crate) fn unbonding(scenario: &Scenario) -> Transaction {
    let message = scenario.delegation.unbonding_sighash().to_bytes();
    let staker = sign(&scenario.staker, message);
    let covenant = scenario.covenant_signatures(message);
    scenario
        .delegation
        .signed_unbonding_tx(&staker, &covenant)
        .unwrap()
}

pub(crate) fn slashing(scenario: &Scenario, output: SlashedOutput) -> Transaction {
    let sighash = match output {
        SlashedOutput::Staking => scenario.delegation.slashing_sighash(),
        SlashedOutput::Unbonding => scenario.delegation.unbonding_slashing_sighash(),
    };
    let staker = sign(&scenario.staker, sighash.to_bytes());
    let covenant = scenario.adaptor_signatures(sighash);
    scenario
        .delegation
        .signed_slashing_tx(output, &scenario.providers[0], &staker, &covenant)
        .unwrap()
}

pub(crate) fn withdrawal(scenario: &Scenario, leaf: &TimelockLeaf, prevout: &TxOut) -> Transaction {
    let mut tx = funded(vec![change()]);
    tx.input[0].sequence = leaf.sequence();
    let message = sighash::withdrawal(&tx, 0, slice::from_ref(prevout), leaf)
        .unwrap()
        .to_bytes();
    tx.input[0].witness = witness::withdrawal(leaf, &sign(&scenario.staker, message));
    tx
}

pub(crate) fn staking_withdrawal(scenario: &Scenario) -> Transaction {
    let output = scenario.delegation.staking_output();
    withdrawal(scenario, output.timelock(), output.tx_out())
}

pub(crate) fn set_item(tx: &mut Transaction, index: usize, item: Vec<u8>) {
    let mut items = tx.input[0].witness.to_vec();
    items[index] = item;
    tx.input[0].witness = Witness::from_slice(&items);
}
