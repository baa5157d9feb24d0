//! What is the protocol's.

use bitcoin::{Amount, OutPoint, Transaction, TxOut, Witness};
use staking::delegation::{DelegationPlan, SlashedOutput, ValidDelegation};
use staking::expansion;
use staking::keys::CovenantKey;
use staking::outputs::StakingOutput;
use staking::phase1::Payload;
use staking::recognise::{
    Expansion, Finding, Kind, Reason, Recogniser, Recognition, Slashing, Stake, Unbonding,
    Withdrawal, WithdrawnOutput,
};

use crate::fixture::{self, Scenario, blocks, change, covenant_key, funded, provider_key, sign};
use crate::{
    TAG, only_finding, only_near_miss, recognise, slashing, staking_withdrawal, unbonding,
    versions, withdrawal,
};

fn highest_members(scenario: &Scenario, count: usize) -> Vec<CovenantKey> {
    let mut keys: Vec<_> = scenario.committee.iter().map(covenant_key).collect();
    keys.sort_unstable_by_key(|key| std::cmp::Reverse(*key));
    keys.truncate(count);
    keys
}

#[test]
fn an_unbonding_is_recognised() {
    for (providers, members, quorum) in [(1, 1, 1), (1, 3, 2), (2, 9, 6)] {
        let scenario = Scenario::new(providers, members, quorum);
        let tx = unbonding(&scenario);
        assert_eq!(
            *only_finding(&recognise(&scenario, &tx)),
            Finding::Unbonding(Unbonding {
                staking_outpoint: scenario.delegation.staking_outpoint(),
                staker: scenario.delegation.keys().staker(),
                value: scenario.delegation.unbonding_output().value(),
                unbonding_time: blocks(1_008),
                signers: highest_members(&scenario, quorum as usize),
                params_versions: vec![1],
            })
        );
    }
}

#[test]
fn slashings_of_both_outputs_are_told_apart() {
    for (providers, members, quorum) in [(1, 1, 1), (1, 3, 2), (3, 5, 3)] {
        let scenario = Scenario::new(providers, members, quorum);
        for output in [SlashedOutput::Staking, SlashedOutput::Unbonding] {
            let tx = slashing(&scenario, output);
            assert_eq!(
                *only_finding(&recognise(&scenario, &tx)),
                Finding::Slashing(Slashing {
                    spent: tx.input[0].previous_output,
                    output,
                    staker: scenario.delegation.keys().staker(),
                    finality_provider: Some(provider_key(&scenario.providers[0])),
                    slashed: tx.output[0].value,
                    change: tx.output[1].value,
                    signers: highest_members(&scenario, quorum as usize),
                    params_versions: vec![1],
                })
            );
        }
    }
}

#[test]
fn withdrawals_of_all_three_outputs_are_told_apart() {
    let scenario = Scenario::new(1, 3, 2);
    let delegation = &scenario.delegation;
    let (staking, unbonding) = (delegation.staking_output(), delegation.unbonding_output());
    let slashing_change = TxOut {
        value: Amount::from_sat(400_000),
        script_pubkey: delegation.slashing_change().script_pubkey().clone(),
    };
    for (output, leaf, prevout, versions) in [
        // The staking output's tree shows the committee, the others' leaves nothing but the unbonding time.
        (
            WithdrawnOutput::Staking,
            staking.timelock(),
            staking.tx_out(),
            vec![1, 2],
        ),
        (
            WithdrawnOutput::Unbonding,
            unbonding.timelock(),
            unbonding.tx_out(),
            vec![0, 1],
        ),
        (
            WithdrawnOutput::SlashingChange,
            delegation.slashing_change().timelock(),
            &slashing_change,
            vec![0, 1],
        ),
    ] {
        let tx = withdrawal(&scenario, leaf, prevout);
        assert_eq!(
            *only_finding(&recognise(&scenario, &tx)),
            Finding::Withdrawal(Withdrawal {
                spent: tx.input[0].previous_output,
                spent_script: prevout.script_pubkey.clone(),
                output,
                staker: delegation.keys().staker(),
                timelock: leaf.timelock(),
                params_versions: versions,
            })
        );
    }
}

/// An expansion of the scenario's stake, with its witness.
fn expanded(scenario: &Scenario, staking_time: u16) -> (Transaction, ValidDelegation) {
    let funding_tx = funded(vec![change()]);
    let keys = scenario.delegation.keys();
    let value = fixture::STAKED + Amount::from_sat(100_000);
    let plan = DelegationPlan::new(
        keys.staker(),
        keys.finality_providers().to_vec(),
        blocks(staking_time),
        value,
        &scenario.params,
    )
    .unwrap();
    let mut tx = expansion::transaction(
        scenario.delegation.staking_outpoint(),
        OutPoint::new(funding_tx.compute_txid(), 0),
        plan.staking_output(),
        None,
    );
    let delegation = plan.build(&tx, None).unwrap();
    let valid = expansion::validate(
        &tx,
        &delegation,
        &scenario.delegation,
        &funding_tx.output[0],
    )
    .unwrap();
    let message = valid.sighash().to_bytes();
    let staker = sign(&scenario.staker, message);
    tx.input[0].witness = valid
        .witness(&staker, &scenario.covenant_signatures(message))
        .unwrap();
    (tx, delegation)
}

#[test]
fn an_expansion_is_recognised_where_its_staking_time_can_be_guessed() {
    let scenario = Scenario::new(1, 3, 2);
    let expected = |tx: &Transaction, time: Option<u16>| {
        Finding::Expansion(Expansion {
            previous: scenario.delegation.staking_outpoint(),
            staker: scenario.delegation.keys().staker(),
            stake: OutPoint::new(tx.compute_txid(), 0),
            value: fixture::STAKED + Amount::from_sat(100_000),
            staking_time: time.map(blocks),
            params_versions: vec![1, 2],
        })
    };
    for (time, told) in [
        (64_000, Some(64_000)),
        (150, Some(150)),
        (fixture::STAKING_TIME, None),
    ] {
        let (tx, _) = expanded(&scenario, time);
        assert_eq!(
            *only_finding(&recognise(&scenario, &tx)),
            expected(&tx, told)
        );
    }
    let (mut reversed, _) = expanded(&scenario, 150);
    reversed.input.swap(0, 1);
    assert_eq!(
        only_near_miss(&recognise(&scenario, &reversed)),
        (Kind::Expansion, Reason::StakeNotFirst)
    );
    let (tx, delegation) = expanded(&scenario, 20_000);
    assert_eq!(
        only_near_miss(&recognise(&scenario, &tx)),
        (Kind::Expansion, Reason::NoNewStake)
    );

    // Whoever knows the new delegation sees its stake.
    let (versions, known) = (versions(&scenario), [delegation]);
    let recognition = Recogniser::new(&versions)
        .with_delegations(&known)
        .recognise(&tx);
    let [Finding::Staking(stake)] = recognition.findings.as_slice() else {
        panic!("{recognition:?}")
    };
    assert_eq!(stake.staking_time, blocks(20_000));
}

#[test]
fn transactions_of_known_delegations_are_recognised_without_witness() {
    let scenario = Scenario::new(1, 3, 2);
    let (versions, known) = (versions(&scenario), [scenario.delegation.clone()]);
    let recogniser = Recogniser::new(&versions).with_delegations(&known);
    let delegation = &scenario.delegation;
    let stake = recogniser.recognise(&scenario.staking_tx);
    assert_eq!(
        *only_finding(&stake),
        Finding::Staking(Stake {
            outpoint: delegation.staking_outpoint(),
            value: fixture::STAKED,
            staker: delegation.keys().staker(),
            finality_providers: delegation.keys().finality_providers().to_vec(),
            staking_time: blocks(fixture::STAKING_TIME),
            params_versions: vec![3],
        })
    );
    for (tx, kind, output) in [
        (delegation.unbonding_tx(), Kind::Unbonding, None),
        (
            delegation.slashing_tx(),
            Kind::Slashing,
            Some(SlashedOutput::Staking),
        ),
        (
            delegation.unbonding_slashing_tx(),
            Kind::Slashing,
            Some(SlashedOutput::Unbonding),
        ),
    ] {
        let recognition = recogniser.recognise(tx);
        let finding = only_finding(&recognition);
        assert_eq!(finding.kind(), kind);
        if let Finding::Slashing(slashing) = finding {
            assert_eq!(Some(slashing.output), output);
        }
        assert_eq!(
            recognise(&scenario, tx),
            Recognition::default(),
            "unknown, without witness"
        );
    }
    // With its witness it is told who signed.
    let recognition = recogniser.recognise(&unbonding(&scenario));
    let Finding::Unbonding(unbonding) = only_finding(&recognition) else {
        panic!()
    };
    assert_eq!(unbonding.signers.len(), 2);
}

#[test]
fn a_withdrawal_may_stake_again() {
    let scenario = Scenario::new(1, 3, 2);
    let keys = scenario.delegation.keys();
    let payload = Payload {
        tag: TAG,
        staker: keys.staker(),
        finality_provider: keys.finality_providers()[0],
        staking_time: blocks(64_000),
    };
    let output = StakingOutput::new(keys, blocks(64_000), Amount::from_sat(400_000));
    let mut tx = staking_withdrawal(&scenario);
    tx.output = vec![payload.to_tx_out(), output.tx_out().clone()];
    let recognition = recognise(&scenario, &tx);
    let kinds: Vec<_> = recognition.findings.iter().map(Finding::kind).collect();
    assert_eq!(kinds, [Kind::Withdrawal, Kind::Staking]);
    let Some(Finding::Staking(stake)) = recognition.findings.last() else {
        panic!()
    };
    assert_eq!(stake.params_versions, [1, 2]);
}

#[test]
fn transactions_of_others_are_nothing() {
    let scenario = Scenario::new(1, 3, 2);
    let mut plain = funded(vec![change()]);
    assert_eq!(recognise(&scenario, &plain), Recognition::default());
    plain.input[0].witness = Witness::from_slice(&[vec![3; 64]]);
    assert_eq!(
        recognise(&scenario, &plain),
        Recognition::default(),
        "a key path"
    );
    plain.input[0].witness = Witness::from_slice(&[vec![0x30; 71], vec![2; 33]]);
    assert_eq!(
        recognise(&scenario, &plain),
        Recognition::default(),
        "a P2WPKH input"
    );
}
