//! Network profiles: those that come with the crate, and what a wrong one is told.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{SECP256K1, SecretKey};
use bitcoin::{Amount, Network};
use proptest::prelude::*;
use staking::keys::CovenantKey;
use staking::network::{NetworkProfile, NetworkProfileError};
use staking::units::BitcoinHeight;

const REGTEST: &str = include_str!("../networks/regtest.json");

fn versions(profile: &NetworkProfile) -> Vec<(u32, usize, usize)> {
    profile
        .params
        .all()
        .iter()
        .map(|params| {
            (
                params.activation_height.0,
                params.covenant.keys().len(),
                params.covenant.quorum(),
            )
        })
        .collect()
}

#[test]
fn mainnet_is_as_it_was_launched() {
    let profile = NetworkProfile::named("mainnet").unwrap();
    assert_eq!(profile.bitcoin, Network::Bitcoin);
    assert_eq!(profile.chain_id.as_deref(), Some("bbn-1"));
    assert_eq!(profile.phase1_tag.0, *b"bbn1");
    assert_eq!(profile.confirmation_depth, 10);
    assert_eq!(
        versions(&profile),
        [
            (857_910, 9, 6),
            (864_790, 9, 6),
            (874_088, 9, 6),
            (891_425, 9, 6)
        ]
    );
    let first = profile.params.at_height(BitcoinHeight(864_789)).unwrap();
    assert_eq!(first.unbonding_fee, Amount::from_sat(64_000));
    assert_eq!(first.slashing_script.to_hex_string(), "6a07626162796c6f6e");
    assert_eq!(first.slashing_rate.to_string(), "0.001");
    assert_eq!(profile.params.at_height(BitcoinHeight(857_909)), None);
}

#[test]
fn signet_is_as_it_was_launched() {
    let profile = NetworkProfile::named("signet").unwrap();
    assert_eq!(profile.bitcoin, Network::Signet);
    assert_eq!(profile.chain_id.as_deref(), Some("bbn-test-6"));
    assert_eq!(profile.phase1_tag.0, *b"bbt4");
    assert_eq!(
        versions(&profile),
        [
            (197_535, 9, 6),
            (198_665, 9, 6),
            (200_665, 9, 6),
            (215_968, 9, 6),
            (220_637, 9, 6),
            (271_923, 3, 2)
        ]
    );
}

#[test]
fn regtest_is_what_the_testnet_command_makes() {
    // spec 2.4: secret key i is the hash of the single byte i.
    let profile = NetworkProfile::named("regtest").unwrap();
    let mut committee: Vec<CovenantKey> = (0..5_u8)
        .map(|byte| {
            let secret = sha256::Hash::hash(&[byte]).to_byte_array();
            let secret = SecretKey::from_slice(&secret).unwrap();
            CovenantKey(secret.x_only_public_key(SECP256K1).0)
        })
        .collect();
    committee.sort();
    let [params] = profile.params.all() else {
        panic!("one version")
    };
    assert_eq!(params.covenant.keys(), committee);
    assert_eq!(profile.chain_id, None);
    assert_eq!(profile.confirmation_depth, 6);
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    let refused = NetworkProfile::named("testnet").unwrap_err();
    assert!(refused.to_string().contains("mainnet, signet and regtest"));
}

#[test]
fn a_wrong_value_is_named_by_its_field() {
    let cases = [
        (
            "\"regtest\",\n  \"chain_id\"",
            "\"regnet\",\n  \"chain_id\"",
            "bitcoin_network",
        ),
        ("\"01020304\"", "\"0102030\"", "phase1_tag"),
        (
            "\"confirmation_depth\": 6",
            "\"confirmation_depth\": -1",
            "confirmation_depth",
        ),
        ("43311589af", "43311589zz", "params[0].covenant_pks[0]"),
        (
            "\"covenant_quorum\": 3",
            "\"covenant_quorum\": \"3\"",
            "params[0].covenant_quorum",
        ),
        (
            "\"slashing_rate\": \"0.1\"",
            "\"slashing_rate\": \"1.1\"",
            "params[0].slashing_rate",
        ),
        ("76a914", "76a91", "params[0].slashing_pk_script"),
        (
            "_blocks\": 100,",
            "_blocks\": 0,",
            "params[0].min_staking_time_blocks",
        ),
        (
            "_blocks\": 10000,",
            "_blocks\": 65536,",
            "params[0].max_staking_time_blocks",
        ),
        (
            "\"unbonding_fee_sat\": 1000",
            "\"unbonding_fee_sat\": 1.5",
            "params[0].unbonding_fee_sat",
        ),
        (
            "\"btc_activation_height\": 0",
            "\"activation\": 0",
            "params[0].activation",
        ),
    ];
    for (from, to, field) in cases {
        assert!(REGTEST.contains(from), "{from}");
        let refused = NetworkProfile::from_json(&REGTEST.replacen(from, to, 1)).unwrap_err();
        assert!(
            refused.to_string().contains(&format!("`{field}`")),
            "{refused}"
        );
    }
}

#[test]
fn a_missing_field_is_named() {
    let refused =
        NetworkProfile::from_json(&REGTEST.replacen("\"unbonding_fee_sat\": 1000,", "", 1))
            .unwrap_err();
    assert!(refused.to_string().contains("params[0]"), "{refused}");
    assert!(
        refused.to_string().contains("unbonding_fee_sat"),
        "{refused}"
    );
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    let quorum = REGTEST.replacen("\"covenant_quorum\": 3", "\"covenant_quorum\": 6", 1);
    assert!(matches!(
        NetworkProfile::from_json(&quorum),
        Err(NetworkProfileError::Committee { version: 0, .. })
    ));
    let fee = REGTEST.replacen(
        "\"unbonding_fee_sat\": 1000",
        "\"unbonding_fee_sat\": 500000",
        1,
    );
    assert!(matches!(
        NetworkProfile::from_json(&fee),
        Err(NetworkProfileError::Params(_))
    ));
}

#[test]
fn nothing_may_follow_a_profile() {
    assert!(NetworkProfile::from_json(&format!("{REGTEST} x")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_change_parses_or_is_refused_without_a_panic(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = REGTEST.as_bytes().to_vec();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            if let Ok(profile) = NetworkProfile::from_json(&text) {
                prop_assert_eq!(profile.params.all().len(), 1);
            }
        }
    }
}
