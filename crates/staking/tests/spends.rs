//! Every path spends what it should, and its malformed twins do not, as a script interpreter sees it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::SECP256K1;
use bitcoin::sighash::Prevouts;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use eots::SecretKey;
use fixture::{Scenario, change, secret, sign};
use miniscript::interpreter::Interpreter;
use staking::delegation::{SignedPart, SlashedOutput, SpendError, StakerSignatureError};
use staking::quorum::QuorumError;
use staking::{sighash, witness};

const SHAPES: [(usize, usize, u32); 6] = [
    (1, 1, 1),
    (1, 3, 2),
    (1, 9, 6),
    (2, 2, 2),
    (3, 5, 3),
    (1, 20, 17),
];

/// Runs the script of the first input.
fn run(tx: &Transaction, prevouts: &[TxOut]) -> Result<(), String> {
    let input = &tx.input[0];
    let interpreter = Interpreter::from_txdata(
        &prevouts[0].script_pubkey,
        &input.script_sig,
        &input.witness,
        input.sequence,
        tx.lock_time,
    )
    .map_err(|error| error.to_string())?;
    interpreter
        .iter(SECP256K1, tx, 0, &Prevouts::All(prevouts))
        .try_for_each(|constraint| constraint.map(drop))
        .map_err(|error| error.to_string())
}

fn unbonding(scenario: &Scenario) -> Transaction {
    let message = scenario.delegation.unbonding_sighash().to_bytes();
    scenario
        .delegation
        .signed_unbonding_tx(
            &sign(&scenario.staker, message),
            &scenario.covenant_signatures(message),
        )
        .unwrap()
}

fn slashing(
    scenario: &Scenario,
    output: SlashedOutput,
    extracted: &SecretKey,
) -> Result<Transaction, SpendError> {
    let sighash = match output {
        SlashedOutput::Staking => scenario.delegation.slashing_sighash(),
        SlashedOutput::Unbonding => scenario.delegation.unbonding_slashing_sighash(),
    };
    scenario.delegation.signed_slashing_tx(
        output,
        extracted,
        &sign(&scenario.staker, sighash.to_bytes()),
        &scenario.adaptor_signatures(sighash),
    )
}

fn staking_prevout(scenario: &Scenario) -> [TxOut; 1] {
    [scenario.delegation.staking_output().tx_out().clone()]
}

fn unbonding_prevout(scenario: &Scenario) -> [TxOut; 1] {
    [scenario.delegation.unbonding_output().tx_out().clone()]
}

fn with_items(tx: &Transaction, items: &[Vec<u8>]) -> Transaction {
    let mut tx = tx.clone();
    tx.input[0].witness = Witness::from_slice(items);
    tx
}

#[test]
fn a_stake_is_unbonded_by_staker_and_quorum() {
    for (providers, members, quorum) in SHAPES {
        let scenario = Scenario::new(providers, members, quorum);
        let tx = unbonding(&scenario);
        assert_eq!(
            run(&tx, &staking_prevout(&scenario)),
            Ok(()),
            "{quorum} of {members}"
        );
        assert_eq!(
            tx.compute_txid(),
            scenario.delegation.unbonding_outpoint().txid
        );
    }
}

#[test]
fn both_outputs_are_slashed_with_any_providers_extracted_key() {
    for (providers, members, quorum) in SHAPES {
        let scenario = Scenario::new(providers, members, quorum);
        for provider in &scenario.providers {
            let tx = slashing(&scenario, SlashedOutput::Staking, provider).unwrap();
            assert_eq!(run(&tx, &staking_prevout(&scenario)), Ok(()));
            let tx = slashing(&scenario, SlashedOutput::Unbonding, provider).unwrap();
            assert_eq!(run(&tx, &unbonding_prevout(&scenario)), Ok(()));
        }
    }
}

#[test]
fn the_slashing_witness_has_a_slot_for_everybody_and_exactly_a_quorum_filled() {
    let scenario = Scenario::new(3, 5, 3);
    let slashed = &scenario.providers[1];
    let tx = slashing(&scenario, SlashedOutput::Staking, slashed).unwrap();
    let items = tx.input[0].witness.to_vec();
    // Five members, three providers, staker, script, control block.
    assert_eq!(items.len(), 5 + 3 + 1 + 2);
    let filled = |range: &[Vec<u8>]| range.iter().filter(|item| !item.is_empty()).count();
    assert_eq!(filled(&items[..5]), 3);
    assert_eq!(filled(&items[5..8]), 1);
    // The first quorum of the descending order signs, as with the reference slasher.
    assert_eq!(filled(&items[..3]), 3);
}

/// Signatures of the whole committee in the order of a witness.
fn everybody(scenario: &Scenario, message: [u8; 32]) -> Vec<Vec<u8>> {
    let mut signatures = scenario.covenant_signatures(message);
    signatures.sort_by_key(|given| std::cmp::Reverse(given.key));
    signatures
        .iter()
        .map(|given| given.signature.serialize().to_vec())
        .collect()
}

#[test]
fn malformed_unbondings_are_refused() {
    let scenario = Scenario::new(1, 3, 2);
    let prevout = staking_prevout(&scenario);
    let good = unbonding(&scenario);
    let items = good.input[0].witness.to_vec();
    let refused = |items: &[Vec<u8>]| run(&with_items(&good, items), &prevout).is_err();
    assert!(!refused(&items));

    let message = scenario.delegation.unbonding_sighash().to_bytes();
    let mut one_too_many = everybody(&scenario, message);
    one_too_many.extend_from_slice(&items[3..]);
    assert!(refused(&one_too_many), "one signature too many");

    let mut one_too_few = items.clone();
    one_too_few[1].clear();
    assert!(refused(&one_too_few), "one signature too few");

    let mut wrong_order = items.clone();
    wrong_order.swap(0, 1);
    assert!(refused(&wrong_order), "signatures in the wrong order");

    let mut no_slot = items.clone();
    no_slot.remove(2);
    assert!(refused(&no_slot), "no item for who did not sign");

    let mut no_staker = items.clone();
    no_staker[3].clear();
    assert!(refused(&no_staker), "the staker did not sign");

    let other_leaf = scenario.delegation.staking_output().slashing();
    let mut wrong_leaf = items.clone();
    wrong_leaf[4] = other_leaf.script().to_bytes();
    assert!(
        refused(&wrong_leaf),
        "a leaf that the control block does not prove"
    );
    wrong_leaf[5] = other_leaf.control_block().serialize();
    assert!(refused(&wrong_leaf), "another leaf");
}

#[test]
fn malformed_slashings_are_refused() {
    let scenario = Scenario::new(2, 3, 2);
    let prevout = staking_prevout(&scenario);
    let good = slashing(&scenario, SlashedOutput::Staking, &scenario.providers[0]).unwrap();
    let items = good.input[0].witness.to_vec();
    let refused = |items: &[Vec<u8>]| run(&with_items(&good, items), &prevout).is_err();
    assert!(!refused(&items));

    let message = scenario.delegation.slashing_sighash().to_bytes();
    let mut one_too_many = everybody(&scenario, message);
    one_too_many.extend_from_slice(&items[3..]);
    assert!(refused(&one_too_many), "one covenant signature too many");

    let mut two_providers = items.clone();
    let mut providers: Vec<_> = scenario.providers.iter().collect();
    providers.sort_by_key(|provider| std::cmp::Reverse(provider.public_key()));
    two_providers[3] = sign(providers[0], message).serialize().to_vec();
    two_providers[4] = sign(providers[1], message).serialize().to_vec();
    assert!(refused(&two_providers), "one provider too many");

    let mut swapped = items.clone();
    swapped.swap(3, 4);
    assert!(
        refused(&swapped),
        "the provider's signature in the other's slot"
    );

    let elsewhere = with_items(scenario.delegation.unbonding_slashing_tx(), &items);
    assert!(
        run(&elsewhere, &unbonding_prevout(&scenario)).is_err(),
        "the other output"
    );
}

/// A withdrawal with a second input, of a wallet's coin.
fn withdrawing(sequence: Sequence) -> Transaction {
    let input = |byte, sequence| TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array([byte; 32]), 0),
        sequence,
        ..TxIn::default()
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input(1, sequence), input(2, Sequence::MAX)],
        output: vec![change()],
    }
}

#[test]
fn each_output_is_withdrawn_by_the_staker_after_its_timelock_only() {
    let scenario = Scenario::new(1, 3, 2);
    let delegation = &scenario.delegation;
    let change_output = TxOut {
        value: Amount::from_sat(400_000),
        script_pubkey: delegation.slashing_change().script_pubkey().clone(),
    };
    for (spent, leaf, time) in [
        (
            delegation.staking_output().tx_out(),
            delegation.staking_output().timelock(),
            10_000,
        ),
        (
            delegation.unbonding_output().tx_out(),
            delegation.unbonding_output().timelock(),
            1_008,
        ),
        (
            &change_output,
            delegation.slashing_change().timelock(),
            1_008,
        ),
    ] {
        assert_eq!(leaf.sequence(), Sequence::from_height(time));
        let prevouts = [spent.clone(), change()];
        let withdraw = |sequence, signer: &SecretKey| {
            let mut tx = withdrawing(sequence);
            let message = sighash::withdrawal(&tx, 0, &prevouts, leaf)
                .unwrap()
                .to_bytes();
            tx.input[0].witness = witness::withdrawal(leaf, &sign(signer, message));
            run(&tx, &prevouts)
        };
        assert_eq!(withdraw(leaf.sequence(), &scenario.staker), Ok(()));
        assert!(
            withdraw(Sequence::from_height(time - 1), &scenario.staker).is_err(),
            "early"
        );
        assert!(
            withdraw(Sequence::MAX, &scenario.staker).is_err(),
            "without relative lock"
        );
        assert!(
            withdraw(leaf.sequence(), &secret("thief")).is_err(),
            "somebody else"
        );
    }
}

#[test]
fn a_sighash_needs_its_input_and_all_previous_outputs() {
    let scenario = Scenario::new(1, 3, 2);
    let leaf = scenario.delegation.staking_output().timelock();
    let tx = withdrawing(leaf.sequence());
    let prevouts = [staking_prevout(&scenario)[0].clone(), change()];
    assert!(sighash::withdrawal(&tx, 1, &prevouts, leaf).is_ok());
    assert!(sighash::withdrawal(&tx, 2, &prevouts, leaf).is_err());
    assert!(sighash::withdrawal(&tx, 0, &prevouts[..1], leaf).is_err());
    assert!(sighash::unbonding(&tx, scenario.delegation.staking_output()).is_err());
}

#[test]
fn invalid_and_foreign_covenant_signatures_are_left_out() {
    let scenario = Scenario::new(1, 5, 3);
    let message = scenario.delegation.unbonding_sighash().to_bytes();
    let staker = sign(&scenario.staker, message);
    let stranger = Scenario::new(1, 6, 4)
        .covenant_signatures(message)
        .pop()
        .unwrap();
    let mut given = scenario.covenant_signatures(message);
    given[0].signature = sign(&scenario.committee[0], [1; 32]);
    given[1].signature = given[2].signature;
    given.push(stranger);
    // One member hands in a wrong signature first, and then the right one.
    given.push(scenario.covenant_signatures(message)[0]);
    let tx = scenario
        .delegation
        .signed_unbonding_tx(&staker, &given)
        .unwrap();
    assert_eq!(run(&tx, &staking_prevout(&scenario)), Ok(()));

    // Without it only three are left, and two of those with one less.
    given.pop();
    assert!(
        scenario
            .delegation
            .signed_unbonding_tx(&staker, &given)
            .is_ok()
    );
    given.remove(2);
    assert_eq!(
        scenario.delegation.signed_unbonding_tx(&staker, &given),
        Err(SpendError::Quorum(QuorumError {
            valid: 2,
            given: 5,
            quorum: 3
        }))
    );
}

#[test]
fn adaptor_signatures_of_another_key_or_transaction_are_left_out() {
    let scenario = Scenario::new(1, 3, 2);
    let delegation = &scenario.delegation;
    let sighash = delegation.slashing_sighash();
    let staker = sign(&scenario.staker, sighash.to_bytes());
    let other_sighash = delegation.unbonding_slashing_sighash();
    let slash = |given: &[_]| {
        let extracted = &scenario.providers[0];
        delegation.signed_slashing_tx(SlashedOutput::Staking, extracted, &staker, given)
    };
    let mut given = scenario.adaptor_signatures(sighash);
    given[0].signatures = scenario.adaptor_signatures(other_sighash)[0]
        .signatures
        .clone();
    assert!(slash(&given).is_ok());
    given[1].signatures.clear();
    assert_eq!(
        slash(&given),
        Err(SpendError::Quorum(QuorumError {
            valid: 1,
            given: 3,
            quorum: 2
        }))
    );
    given[1].signatures = vec![fixture::adaptor_signature(
        &scenario.committee[1],
        &secret("other"),
        sighash,
    )];
    assert!(slash(&given).is_err());
}

#[test]
fn spends_need_the_stakers_signature_and_one_of_the_delegations_providers() {
    let scenario = Scenario::new(1, 3, 2);
    let delegation = &scenario.delegation;
    let wrong = sign(&scenario.staker, [1; 32]);
    assert_eq!(
        delegation.signed_unbonding_tx(&wrong, &[]),
        Err(SpendError::Staker(StakerSignatureError(
            SignedPart::Unbonding
        )))
    );
    for (output, part) in [
        (SlashedOutput::Staking, SignedPart::Slashing),
        (SlashedOutput::Unbonding, SignedPart::UnbondingSlashing),
    ] {
        assert_eq!(
            delegation.signed_slashing_tx(output, &scenario.providers[0], &wrong, &[]),
            Err(SpendError::Staker(StakerSignatureError(part)))
        );
        let stranger = secret("stranger");
        assert_eq!(
            slashing(&scenario, output, &stranger),
            Err(SpendError::NotAFinalityProvider(stranger.public_key()))
        );
    }
}

#[test]
fn a_key_extracted_with_the_other_sign_slashes_too() {
    let scenario = Scenario::new(1, 3, 2);
    // n - sk has the same x-only key; equivocation may reveal either.
    let negated = secp256k1::SecretKey::from_slice(scenario.providers[0].to_bytes().as_slice())
        .unwrap()
        .negate();
    let negated = SecretKey::from_bytes(&negated.secret_bytes()).unwrap();
    assert_ne!(negated, scenario.providers[0]);
    let tx = slashing(&scenario, SlashedOutput::Staking, &negated).unwrap();
    assert_eq!(run(&tx, &staking_prevout(&scenario)), Ok(()));
}
