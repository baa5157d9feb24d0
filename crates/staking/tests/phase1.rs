//! Phase-1 payloads and the stakes that carry them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{SECP256K1, SecretKey};
use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Transaction, TxOut, XOnlyPublicKey};
use proptest::prelude::*;
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::outputs::StakingOutput;
use staking::params::CovenantCommittee;
use staking::phase1::{Payload, PayloadError, Phase1Error, Phase1Stake, Tag, is_candidate};
use staking::scripts::DelegationKeys;
use staking::units::BlockInterval;

const TAG: Tag = Tag(*b"bbn1");

fn key(byte: u8) -> XOnlyPublicKey {
    SecretKey::from_slice(&[byte; 32])
        .unwrap()
        .x_only_public_key(SECP256K1)
        .0
}

fn payload(staking_time: u16) -> Payload {
    Payload {
        tag: TAG,
        staker: StakerKey(key(1)),
        finality_provider: FinalityProviderKey(key(2)),
        staking_time: BlockInterval::new(staking_time).unwrap(),
    }
}

fn committee() -> CovenantCommittee {
    CovenantCommittee::new((3..=5).map(|byte| CovenantKey(key(byte))).collect(), 2).unwrap()
}

fn staking_output(payload: &Payload, value: u64) -> TxOut {
    let keys =
        DelegationKeys::new(payload.staker, vec![payload.finality_provider], committee()).unwrap();
    StakingOutput::new(&keys, payload.staking_time, Amount::from_sat(value))
        .tx_out()
        .clone()
}

fn other_output(value: u64) -> TxOut {
    TxOut {
        value: Amount::from_sat(value),
        script_pubkey: ScriptBuf::from(vec![0x51]),
    }
}

fn transaction(outputs: Vec<TxOut>) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: outputs,
    }
}

fn recognise(outputs: Vec<TxOut>) -> Result<Phase1Stake, Phase1Error> {
    Phase1Stake::recognise(&transaction(outputs), TAG, &committee())
}

#[test]
fn a_payload_has_the_bytes_of_spec_1_12() {
    let output = payload(0x0102).to_tx_out();
    assert_eq!(output.value, Amount::ZERO);
    let expected = format!("6a47{}00{}{}0102", "62626e31", key(1), key(2));
    assert_eq!(output.script_pubkey.to_hex_string(), expected);
}

#[test]
fn a_stake_is_found_wherever_its_outputs_are() {
    let payload = payload(64_000);
    for (outputs, index) in [
        (vec![staking_output(&payload, 7), payload.to_tx_out()], 0),
        (vec![payload.to_tx_out(), staking_output(&payload, 7)], 1),
        (
            vec![
                other_output(1),
                payload.to_tx_out(),
                other_output(2),
                staking_output(&payload, 7),
            ],
            3,
        ),
    ] {
        assert!(is_candidate(&transaction(outputs.clone()), TAG));
        let stake = recognise(outputs).unwrap();
        assert_eq!(stake.payload, payload);
        assert_eq!(stake.staking_output_index, index);
        assert_eq!(stake.staking_output.value(), Amount::from_sat(7));
        assert_eq!(*stake.staking_output.tx_out(), staking_output(&payload, 7));
    }
}

#[test]
fn a_payload_of_another_network_is_refused() {
    let other = Payload {
        tag: Tag(*b"bbt4"),
        ..payload(100)
    };
    let outputs = vec![staking_output(&other, 7), other.to_tx_out()];
    assert!(!is_candidate(&transaction(outputs.clone()), TAG));
    assert_eq!(
        recognise(outputs),
        Err(Phase1Error::OtherTag {
            found: other.tag,
            expected: TAG
        })
    );
}

#[test]
fn two_payloads_are_refused_even_where_one_could_not_be_used() {
    let payload = payload(100);
    let mut unspendable = payload.to_tx_out().script_pubkey.to_bytes();
    unspendable[71] = 0;
    unspendable[72] = 0;
    let unspendable = TxOut {
        value: Amount::ZERO,
        script_pubkey: unspendable.into(),
    };
    for second in [payload.to_tx_out(), unspendable.clone()] {
        let outputs = vec![staking_output(&payload, 7), payload.to_tx_out(), second];
        assert!(!is_candidate(&transaction(outputs.clone()), TAG));
        assert_eq!(recognise(outputs), Err(Phase1Error::SeveralPayloads(2)));
    }
    assert!(matches!(
        recognise(vec![other_output(1), unspendable]),
        Err(Phase1Error::Payload(PayloadError::StakingTime(_)))
    ));
}

#[test]
fn without_a_payload_there_is_no_stake() {
    assert_eq!(
        recognise(vec![staking_output(&payload(100), 7), other_output(1)]),
        Err(Phase1Error::NoPayload)
    );
    assert_eq!(recognise(Vec::new()), Err(Phase1Error::NoPayload));
}

#[test]
fn exactly_one_output_must_be_the_one_that_the_payload_implies() {
    let payload = payload(100);
    assert!(matches!(
        recognise(vec![other_output(7), payload.to_tx_out()]),
        Err(Phase1Error::NoStakingOutput(_))
    ));
    let twice = vec![
        staking_output(&payload, 7),
        staking_output(&payload, 8),
        payload.to_tx_out(),
    ];
    assert_eq!(recognise(twice), Err(Phase1Error::SeveralStakingOutputs(2)));
}

#[test]
fn a_committee_of_another_time_does_not_fit() {
    let payload = payload(100);
    let other = CovenantCommittee::new(vec![CovenantKey(key(9))], 1).unwrap();
    let transaction = transaction(vec![staking_output(&payload, 7), payload.to_tx_out()]);
    assert!(matches!(
        Phase1Stake::recognise(&transaction, TAG, &other),
        Err(Phase1Error::NoStakingOutput(_))
    ));
}

#[test]
fn a_key_with_two_roles_is_refused() {
    let payload = Payload {
        finality_provider: FinalityProviderKey(key(3)),
        ..payload(100)
    };
    assert!(matches!(
        recognise(vec![other_output(7), payload.to_tx_out()]),
        Err(Phase1Error::Keys(_))
    ));
}

#[test]
fn every_wrong_field_of_a_payload_is_named() {
    let script = payload(100).to_tx_out().script_pubkey;
    let changed = |position: usize, value: &[u8]| {
        let mut bytes = script.to_bytes();
        bytes[position..position + value.len()].copy_from_slice(value);
        Payload::parse(&ScriptBuf::from(bytes)).unwrap_err()
    };
    assert_eq!(changed(0, &[0x51]), PayloadError::Form(73));
    assert_eq!(changed(1, &[0x46]), PayloadError::Form(73));
    assert_eq!(changed(6, &[1]), PayloadError::Version(1));
    assert!(matches!(changed(7, &[0xff; 32]), PayloadError::Key(_)));
    assert!(
        changed(7, &[0xff; 32])
            .to_string()
            .starts_with("staker key")
    );
    assert!(
        changed(39, &[0xff; 32])
            .to_string()
            .starts_with("finality provider key")
    );
    assert!(matches!(changed(71, &[0, 0]), PayloadError::StakingTime(_)));
    for length in [0, 1, 72, 74] {
        let mut bytes = script.to_bytes();
        bytes.resize(length, 0);
        let refused = Payload::parse(&ScriptBuf::from(bytes));
        assert_eq!(refused, Err(PayloadError::Form(length)));
    }
}

proptest! {
    #[test]
    fn payloads_round_trip(staker in 1..255_u8, provider in 1..255_u8, time in 1..=u16::MAX, tag in any::<[u8; 4]>()) {
        let payload = Payload {
            tag: Tag(tag),
            staker: StakerKey(key(staker)),
            finality_provider: FinalityProviderKey(key(provider)),
            staking_time: BlockInterval::new(time).unwrap(),
        };
        prop_assert_eq!(Payload::parse(&payload.to_tx_out().script_pubkey), Ok(payload));
        prop_assert_eq!(payload.tag.to_string().parse::<Tag>(), Ok(payload.tag));
    }

    #[test]
    fn any_script_parses_or_is_refused_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..90),
        likely in any::<bool>(),
    ) {
        if likely {
            bytes.resize(73, 0);
            bytes[..2].copy_from_slice(&[0x6a, 0x47]);
            bytes[6] = 0;
        }
        let script = ScriptBuf::from(bytes);
        if let Ok(payload) = Payload::parse(&script) {
            prop_assert_eq!(payload.to_tx_out().script_pubkey, script);
        }
    }
}
