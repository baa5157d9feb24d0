//! Proofs of possession: who may make them, and what breaks them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Keypair, Message, SECP256K1, SecretKey, ecdsa, schnorr};
use bitcoin::{Address, Network, Witness, XOnlyPublicKey};
use proptest::prelude::*;
use staking::proof_of_possession::bip322::{self, AddressKind, Bip322Error};
use staking::proof_of_possession::{
    AccountAddress, AccountAddressError, ProofOfPossession, ProofOfPossessionError,
};

const NETWORK: Network = Network::Regtest;

fn keypair(byte: u8) -> Keypair {
    SecretKey::from_slice(&[byte; 32])
        .unwrap()
        .keypair(SECP256K1)
}

fn key(byte: u8) -> XOnlyPublicKey {
    keypair(byte).x_only_public_key().0
}

/// Bytes 00 01 02 ... 13, the account of spec 2.5's vector.
fn account() -> AccountAddress {
    let bytes: Vec<u8> = (0..20).collect();
    AccountAddress::new("bbn", &bytes).unwrap()
}

fn every_kind(keypair: &Keypair) -> [ProofOfPossession; 4] {
    let bip322 = |kind| ProofOfPossession::sign_bip322(keypair, kind, &account(), NETWORK);
    [
        ProofOfPossession::sign_bip340(keypair, &account()),
        bip322(AddressKind::Taproot),
        bip322(AddressKind::WitnessPublicKeyHash),
        ProofOfPossession::sign_ecdsa(keypair, &account()),
    ]
}

fn bip322_source(result: Result<(), ProofOfPossessionError>) -> Bip322Error {
    match result.unwrap_err() {
        ProofOfPossessionError::Bip322(source) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bip340_digest_is_the_hash_of_the_raw_address() {
    let digest = sha256::Hash::hash(account().bytes());
    assert_eq!(
        digest.to_string(),
        "e7aebf577f60412f0312d442c70a1fa6148c090bf5bab404caec29482ae779e8"
    );
    let ProofOfPossession::Bip340(signature) =
        ProofOfPossession::sign_bip340(&keypair(1), &account())
    else {
        panic!("another kind")
    };
    let message = Message::from_digest(digest.to_byte_array());
    assert!(
        SECP256K1
            .verify_schnorr(&signature, &message, &key(1))
            .is_ok()
    );
}

#[test]
fn every_kind_holds_for_keys_of_either_parity() {
    let parities: std::collections::HashSet<_> = (1..=8)
        .map(|byte| keypair(byte).x_only_public_key().1.to_u8())
        .collect();
    assert_eq!(parities.len(), 2, "the keys below have both parities");
    for byte in 1..=8 {
        for proof in every_kind(&keypair(byte)) {
            assert_eq!(
                proof.verify(&key(byte), &account(), NETWORK),
                Ok(()),
                "{proof:?}"
            );
        }
    }
}

#[test]
fn no_kind_holds_for_another_key_or_account() {
    let other_account = AccountAddress::new("bbn", &[9; 20]).unwrap();
    for proof in every_kind(&keypair(1)) {
        assert!(
            proof.verify(&key(2), &account(), NETWORK).is_err(),
            "{proof:?}"
        );
        assert!(
            proof.verify(&key(1), &other_account, NETWORK).is_err(),
            "{proof:?}"
        );
    }
}

#[test]
fn a_bip322_address_of_another_network_is_refused() {
    for kind in [AddressKind::Taproot, AddressKind::WitnessPublicKeyHash] {
        let proof = ProofOfPossession::sign_bip322(&keypair(1), kind, &account(), Network::Bitcoin);
        assert_eq!(proof.verify(&key(1), &account(), Network::Bitcoin), Ok(()));
        let refused = bip322_source(proof.verify(&key(1), &account(), NETWORK));
        assert!(matches!(refused, Bip322Error::Address { .. }), "{refused}");
    }
}

#[test]
fn bip340_covers_bytes_and_the_others_text() {
    let same_bytes = AccountAddress::new("other", account().bytes()).unwrap();
    let [bip340, taproot, segwit, ecdsa] = every_kind(&keypair(1));
    assert_eq!(bip340.verify(&key(1), &same_bytes, NETWORK), Ok(()));
    for proof in [taproot, segwit, ecdsa] {
        assert!(
            proof.verify(&key(1), &same_bytes, NETWORK).is_err(),
            "{proof:?}"
        );
    }
}

#[test]
fn an_address_with_a_script_tree_is_refused() {
    let address = Address::p2tr(SECP256K1, key(1), Some(Hash::all_zeros()), NETWORK);
    let [_, ProofOfPossession::Bip322 { witness, .. }, ..] = every_kind(&keypair(1)) else {
        panic!("another kind")
    };
    let proof = ProofOfPossession::Bip322 { address, witness };
    let refused = bip322_source(proof.verify(&key(1), &account(), NETWORK));
    assert!(matches!(refused, Bip322Error::OtherKey { .. }), "{refused}");
}

#[test]
fn an_address_of_another_kind_is_refused() {
    let address = Address::p2pkh(bitcoin::PublicKey::new(keypair(1).public_key()), NETWORK);
    let proof = ProofOfPossession::Bip322 {
        address,
        witness: Witness::from_slice(&[[0; 64]]),
    };
    let refused = bip322_source(proof.verify(&key(1), &account(), NETWORK));
    assert!(matches!(refused, Bip322Error::AddressKind(_)), "{refused}");
}

#[test]
fn a_witness_with_an_item_more_or_less_is_refused() {
    for proof in every_kind(&keypair(1)) {
        let ProofOfPossession::Bip322 { address, witness } = proof else {
            continue;
        };
        let mut items = witness.to_vec();
        items.push(Vec::new());
        for items in [&items[..], &items[..items.len() - 2]] {
            let witness = Witness::from_slice(items);
            let proof = ProofOfPossession::Bip322 {
                address: address.clone(),
                witness,
            };
            let refused = bip322_source(proof.verify(&key(1), &account(), NETWORK));
            assert!(
                matches!(refused, Bip322Error::WitnessItems { .. }),
                "{refused}"
            );
        }
    }
}

#[test]
fn only_sighash_default_and_all_are_taken() {
    // GHSA-xq4h-wqm2-668w: a weaker type signs less than the whole message.
    for proof in every_kind(&keypair(1)) {
        let ProofOfPossession::Bip322 { address, witness } = proof else {
            continue;
        };
        for sighash_type in [0x00, 0x02, 0x03, 0x81, 0x82, 0x83] {
            let mut items = witness.to_vec();
            match items[0].len() {
                64 => items[0].push(sighash_type),
                _ => *items[0].last_mut().unwrap() = sighash_type,
            }
            let witness = Witness::from_slice(&items);
            let proof = ProofOfPossession::Bip322 {
                address: address.clone(),
                witness,
            };
            let refused = bip322_source(proof.verify(&key(1), &account(), NETWORK));
            assert_eq!(
                refused,
                Bip322Error::Signature,
                "{sighash_type:#04x} {address}"
            );
        }
    }
}

#[test]
fn a_high_s_is_refused() {
    let [.., ProofOfPossession::Ecdsa(mut bytes)] = every_kind(&keypair(1)) else {
        panic!("another kind")
    };
    let low = ecdsa::Signature::from_compact(&bytes[1..]).unwrap();
    let order_minus_s = SecretKey::from_slice(&low.serialize_compact()[32..])
        .unwrap()
        .negate();
    bytes[33..].copy_from_slice(&order_minus_s.secret_bytes());
    bytes[0] = 31 + ((bytes[0] - 31) ^ 1);
    let refused = ProofOfPossession::Ecdsa(bytes).verify(&key(1), &account(), NETWORK);
    assert_eq!(refused, Err(ProofOfPossessionError::EcdsaEncoding));
}

#[test]
fn an_ecdsa_header_means_what_the_node_reads_from_it() {
    let [.., ProofOfPossession::Ecdsa(bytes)] = every_kind(&keypair(1)) else {
        panic!("another kind")
    };
    let with_header = |header| {
        let mut bytes = bytes;
        bytes[0] = header;
        ProofOfPossession::Ecdsa(bytes).verify(&key(1), &account(), NETWORK)
    };
    assert_eq!(
        with_header(bytes[0] - 4),
        Ok(()),
        "whether the key is compressed does not matter"
    );
    for header in [0, 26, 35, 39, 255] {
        assert_eq!(
            with_header(header),
            Err(ProofOfPossessionError::EcdsaEncoding),
            "{header}"
        );
    }
}

#[test]
fn a_witness_travels_as_its_serialised_stack() {
    for proof in every_kind(&keypair(1)) {
        let ProofOfPossession::Bip322 { address, witness } = proof else {
            continue;
        };
        let bytes = bip322::encode_witness(&witness);
        let decoded = bip322::decode(&address.to_string(), &bytes, NETWORK).unwrap();
        assert_eq!(decoded, (address.clone(), witness));
        for wrong in [
            &bytes[..bytes.len() - 1],
            &[bytes.as_slice(), &[0]].concat(),
        ] {
            let refused = bip322::decode(&address.to_string(), wrong, NETWORK);
            assert_eq!(refused, Err(Bip322Error::WitnessEncoding(wrong.len())));
        }
        let refused = bip322::decode(&address.to_string(), &bytes, Network::Bitcoin);
        assert!(matches!(refused, Err(Bip322Error::Address { .. })));
    }
}

#[test]
fn an_account_is_spelled_in_one_way() {
    let spelled = account().text().to_owned();
    assert!(spelled.starts_with("bbn1"));
    assert_eq!(spelled.parse::<AccountAddress>().unwrap(), account());
    for wrong in [
        &spelled.to_uppercase(),
        &format!("{spelled}q"),
        &spelled.replace("bbn", "bbm"),
    ] {
        assert_eq!(
            wrong.parse::<AccountAddress>(),
            Err(AccountAddressError::Bech32(wrong.clone()))
        );
    }
    assert_eq!(
        AccountAddress::new("bbn", &[0; 48]),
        Err(AccountAddressError::Length(48))
    );
    assert_eq!(
        AccountAddress::new("", &[0; 20]),
        Err(AccountAddressError::Prefix(String::new()))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_breaks_every_kind(position in 0..65_usize, bit in 0..8) {
        for proof in every_kind(&keypair(1)) {
            let flip = |bytes: &mut [u8]| {
                let position = position % bytes.len();
                bytes[position] ^= 1_u8 << bit;
            };
            let broken = match proof {
                ProofOfPossession::Bip340(signature) => {
                    let mut bytes = signature.serialize();
                    flip(&mut bytes);
                    ProofOfPossession::Bip340(
                        schnorr::Signature::from_slice(&bytes).unwrap(),
                    )
                }
                ProofOfPossession::Bip322 { address, witness } => {
                    let mut items = witness.to_vec();
                    flip(&mut items[0]);
                    ProofOfPossession::Bip322 { address, witness: Witness::from_slice(&items) }
                }
                ProofOfPossession::Ecdsa(mut bytes) => {
                    flip(&mut bytes);
                    if position == 0 {
                        // The header can be spelt otherwise: compressed or not.
                        bytes[40] ^= 1;
                    }
                    ProofOfPossession::Ecdsa(bytes)
                }
            };
            prop_assert!(broken.verify(&key(1), &account(), NETWORK).is_err(), "{:?}", broken);
        }
    }

    #[test]
    fn any_witness_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let address = Address::p2tr(SECP256K1, key(1), None, NETWORK);
        if let Ok((address, witness)) = bip322::decode(&address.to_string(), &bytes, NETWORK) {
            prop_assert_eq!(bip322::encode_witness(&witness), bytes);
            let proof = ProofOfPossession::Bip322 { address, witness };
            prop_assert!(proof.verify(&key(1), &account(), NETWORK).is_err());
        }
    }

    #[test]
    fn any_witness_items_are_judged_without_a_panic(
        items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
        segwit in any::<bool>(),
    ) {
        let address = if segwit {
            let key = bitcoin::CompressedPublicKey(keypair(1).public_key());
            Address::p2wpkh(&key, NETWORK)
        } else {
            Address::p2tr(SECP256K1, key(1), None, NETWORK)
        };
        let proof = ProofOfPossession::Bip322 { address, witness: Witness::from_slice(&items) };
        prop_assert!(proof.verify(&key(1), &account(), NETWORK).is_err());
    }

    #[test]
    fn any_ecdsa_bytes_are_judged_without_a_panic(bytes in any::<[u8; 32]>(), header in 26..36_u8) {
        let mut signature = [header; 65];
        signature[1..33].copy_from_slice(&bytes);
        signature[33..].copy_from_slice(&bytes);
        let proof = ProofOfPossession::Ecdsa(signature);
        prop_assert!(proof.verify(&key(1), &account(), NETWORK).is_err());
    }

    #[test]
    fn any_text_is_an_account_only_in_canonical_spelling(text in "\\PC{0,90}") {
        if let Ok(account) = text.parse::<AccountAddress>() {
            prop_assert_eq!(account.text(), text);
        }
    }

    #[test]
    fn accounts_round_trip(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 20),
        prop::collection::vec(any::<u8>(), 32),
    ]) {
        let account = AccountAddress::new("bbn", &bytes).unwrap();
        prop_assert_eq!(account.text().parse::<AccountAddress>().unwrap(), account);
    }
}
