//! Transactions that other software made for mainnet are what they are to us too.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, Transaction, Txid};
use serde::Deserialize;
use staking::delegation::{Registration, StakePlace, StakerSignatures, validate};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::network::NetworkProfile;
use staking::recognise::{Finding, Kind, Reason, Recogniser, Stake};
use staking::units::BlockInterval;

#[derive(Deserialize)]
struct Vectors {
    stakes: Vec<StakeVector>,
    unbondings: Vec<UnbondingVector>,
    typescript_delegation: DelegationVector,
}

#[derive(Deserialize)]
struct StakeVector {
    txid: Txid,
    tx: String,
}

#[derive(Deserialize)]
struct UnbondingVector {
    tx: String,
}

#[derive(Deserialize)]
struct DelegationVector {
    staker_pk: StakerKey,
    finality_provider_pk: FinalityProviderKey,
    staking_time: BlockInterval,
    staking_value: u64,
    unbonding_time: BlockInterval,
    unbonding_fee: u64,
    staking_tx: String,
    slashing_tx: String,
    staker_slashing_signature: Signature,
    unbonding_tx: String,
    unbonding_slashing_tx: String,
    staker_unbonding_slashing_signature: Signature,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/mainnet.json")).unwrap()
}

fn transaction(hex: &str) -> Transaction {
    deserialize_hex(hex).unwrap()
}

fn mainnet() -> NetworkProfile {
    NetworkProfile::named("mainnet").unwrap()
}

#[test]
fn stakes_of_phase_1_are_recognised() {
    let network = mainnet();
    let recogniser = Recogniser::new(&network.params).with_phase1_tag(network.phase1_tag);
    // Who staked how much with whom, as explorers show it.
    let expected = [
        ("0b93d2d3", "db916042", 30_000_400_000),
        ("d3d09d91", "b3a838cb", 4_994_180),
        ("3fc003f3", "609b4b8e", 11_600_000_000),
    ];
    for (vector, (staker, provider, value)) in vectors().stakes.iter().zip(expected) {
        let tx = transaction(&vector.tx);
        let recognition = recogniser.recognise(&tx);
        assert_eq!(recognition.near_misses, []);
        let [Finding::Staking(stake)] = recognition.findings.as_slice() else {
            panic!("{} is {recognition:?}", vector.txid);
        };
        let Stake {
            outpoint,
            finality_providers,
            staking_time,
            params_versions,
            ..
        } = stake;
        assert_eq!((outpoint.txid, outpoint.vout), (vector.txid, 0));
        assert!(stake.staker.to_string().starts_with(staker));
        assert!(finality_providers[0].to_string().starts_with(provider));
        assert_eq!(stake.value, Amount::from_sat(value));
        assert_eq!(staking_time.blocks(), 64_000);
        assert_eq!(*params_versions, [0, 1, 2, 3]);
    }
}

#[test]
fn unbondings_are_recognised_from_their_witness_alone() {
    let network = mainnet();
    let recogniser = Recogniser::new(&network.params);
    let expected = [("c39aac6e", 4_936_000), ("3adc3c66", 1_058_000)];
    for (vector, (staker, value)) in vectors().unbondings.iter().zip(expected) {
        let tx = transaction(&vector.tx);
        let recognition = recogniser.recognise(&tx);
        assert_eq!(recognition.near_misses, []);
        let [Finding::Unbonding(unbonding)] = recognition.findings.as_slice() else {
            panic!("{} is {recognition:?}", tx.compute_txid());
        };
        assert_eq!(unbonding.staking_outpoint, tx.input[0].previous_output);
        assert!(unbonding.staker.to_string().starts_with(staker));
        assert_eq!(unbonding.value, Amount::from_sat(value));
        assert_eq!(unbonding.unbonding_time.blocks(), 1_008);
        assert_eq!(unbonding.signers.len(), 6);
        assert_eq!(unbonding.params_versions, [0, 1, 2, 3]);
    }
}

#[test]
fn on_another_network_they_are_near_misses() {
    let network = NetworkProfile::named("regtest").unwrap();
    let recogniser = Recogniser::new(&network.params).with_phase1_tag(network.phase1_tag);
    let unbonding = recogniser.recognise(&transaction(&vectors().unbondings[0].tx));
    assert_eq!(unbonding.findings, []);
    let [miss] = unbonding.near_misses.as_slice() else {
        panic!("{unbonding:?}")
    };
    assert_eq!(
        (miss.kind, &miss.reason),
        (Kind::Unbonding, &Reason::UnknownCommittee)
    );
    let stake = recogniser.recognise(&transaction(&vectors().stakes[0].tx));
    assert_eq!(stake.findings, []);
    let [miss] = stake.near_misses.as_slice() else {
        panic!("{stake:?}")
    };
    assert!(matches!(
        (miss.kind, &miss.reason),
        (Kind::Staking, Reason::Phase1(_))
    ));
}

#[test]
fn a_delegation_of_the_typescript_library_is_valid_with_its_signatures() {
    let vector = vectors().typescript_delegation;
    // The fee is of a version after those of the launch.
    let mut params = mainnet().params.all().last().unwrap().clone();
    params.unbonding_fee = Amount::from_sat(vector.unbonding_fee);
    let slashing_tx = transaction(&vector.slashing_tx);
    assert_eq!(slashing_tx.version.0, 2);
    let delegation = validate(
        &Registration {
            staker: vector.staker_pk,
            finality_providers: &[vector.finality_provider_pk],
            staking_time: vector.staking_time,
            staking_value: Amount::from_sat(vector.staking_value),
            place: StakePlace::Transaction {
                staking_tx: &transaction(&vector.staking_tx),
                output_index: Some(0),
            },
            unbonding_time: vector.unbonding_time,
            unbonding_tx: &transaction(&vector.unbonding_tx),
            slashing_tx: &slashing_tx,
            unbonding_slashing_tx: &transaction(&vector.unbonding_slashing_tx),
        },
        &params,
    )
    .unwrap();
    let signatures = StakerSignatures {
        slashing: vector.staker_slashing_signature,
        unbonding_slashing: vector.staker_unbonding_slashing_signature,
    };
    assert_eq!(delegation.check_staker_signatures(&signatures), Ok(()));
}
