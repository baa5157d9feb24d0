//! The crate against values that other programs computed: `vectors/*.json` and the examples of spec 3 and 4.

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![expect(
    clippy::disallowed_methods,
    reason = "signing itself is tested, with keys of no value"
)]

use eots::adaptor::{self, AdaptorSignature, DecryptionKey, EncryptionKey};
use eots::commitment::{self, Commitment, Proof, Tree};
use eots::curve::{Curve, Native, Pure};
use eots::{PublicKey, PublicRandomness, SecretKey, SecretRandomness, Signature, Signed};
use eots::{bip340, extract, randomness, sign, verify, vote_message};
use serde::Deserialize;

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn secret(hex: &str) -> SecretKey {
    SecretKey::from_bytes(&bytes(hex)).unwrap()
}

#[derive(Deserialize)]
struct Vectors<T> {
    cases: Vec<T>,
}

#[derive(Deserialize)]
struct VoteCase {
    secret_key: String,
    public_key: String,
    chain_id: String,
    height: u64,
    public_randomness: String,
    app_hash: String,
    signature: String,
    fork_app_hash: String,
    fork_signature: String,
    extracted_key: String,
    commit: CommitCase,
}

#[derive(Deserialize)]
struct CommitCase {
    start_height: u64,
    num_pub_rand: u64,
    commitment: String,
    signed_digest: String,
    proof_index: u64,
    proof_aunts: Vec<String>,
}

fn vote_cases() -> Vec<VoteCase> {
    let vectors: Vectors<VoteCase> =
        serde_json::from_str(include_str!("vectors/eots.json")).unwrap();
    assert!(!vectors.cases.is_empty());
    vectors.cases
}

#[test]
fn votes_are_signed_and_verified_as_other_programs_do() {
    for case in vote_cases() {
        let key = secret(&case.secret_key);
        assert_eq!(key.public_key().to_string(), case.public_key);
        for (app_hash, expected) in [
            (&case.app_hash, &case.signature),
            (&case.fork_app_hash, &case.fork_signature),
        ] {
            let nonce = randomness::derive(&key, &case.chain_id, case.height);
            let public = nonce.public();
            assert_eq!(public.to_string(), case.public_randomness);
            let message = vote_message(case.height, &bytes(app_hash));
            let signature = sign(&key, nonce, &message).unwrap();
            assert_eq!(&signature.to_string(), expected);
            verify(&Native, &key.public_key(), &public, &message, &signature).unwrap();
            verify(&Pure, &key.public_key(), &public, &message, &signature).unwrap();
        }
    }
}

#[test]
fn two_votes_at_one_height_give_the_key_that_other_programs_extract() {
    fn check(curve: &impl Curve, case: &VoteCase) {
        let vote = vote_message(case.height, &bytes(&case.app_hash));
        let fork = vote_message(case.height, &bytes(&case.fork_app_hash));
        let key = extract(
            curve,
            &case.public_key.parse().unwrap(),
            &case.public_randomness.parse().unwrap(),
            Signed {
                message: &vote,
                signature: &case.signature.parse().unwrap(),
            },
            Signed {
                message: &fork,
                signature: &case.fork_signature.parse().unwrap(),
            },
        )
        .unwrap();
        assert_eq!(hex::encode(key.to_bytes()), case.extracted_key);
    }
    for case in vote_cases() {
        check(&Native, &case);
        check(&Pure, &case);
    }
}

#[test]
fn commitments_and_proofs_are_those_of_other_programs() {
    for case in vote_cases() {
        let key = secret(&case.secret_key);
        let CommitCase {
            start_height,
            num_pub_rand,
            proof_index,
            ..
        } = case.commit;
        let leaves: Vec<_> =
            randomness::public_range(&key, &case.chain_id, start_height, num_pub_rand).collect();
        let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
        assert_eq!(tree.commitment().to_string(), case.commit.commitment);
        let digest = commitment::digest(start_height, num_pub_rand, &tree.commitment());
        assert_eq!(hex::encode(digest), case.commit.signed_digest);

        let proof = tree.prove(proof_index, &leaves).unwrap();
        let aunts: Vec<_> = proof.aunts.iter().map(hex::encode).collect();
        assert_eq!(aunts, case.commit.proof_aunts);
        assert_eq!((proof.total, proof.index), (num_pub_rand, proof_index));
        let randomness = case.public_randomness.parse().unwrap();
        proof
            .verify_height(
                start_height,
                num_pub_rand,
                &tree.commitment(),
                start_height + proof_index,
                &randomness,
            )
            .unwrap();
    }
}

#[derive(Deserialize)]
struct AdaptorCase {
    signer_secret: String,
    signer_public: String,
    finality_provider_secret: String,
    encryption_key: String,
    message: String,
    aux: String,
    adaptor_signature: String,
    decrypted_signature: String,
    decryption_key: String,
}

fn check_adaptor(curve: &impl Curve, case: &AdaptorCase) {
    let signer = secret(&case.signer_secret);
    let public_key: PublicKey = case.signer_public.parse().unwrap();
    assert_eq!(signer.public_key(), public_key);
    let provider = secret(&case.finality_provider_secret);
    assert_eq!(provider.public_key().to_string(), case.encryption_key);
    let encryption_key = EncryptionKey::from_x_only(&provider.public_key()).unwrap();
    let message = bytes(&case.message);

    let signature = adaptor::sign(&signer, &encryption_key, &message, &bytes(&case.aux)).unwrap();
    assert_eq!(signature.to_string(), case.adaptor_signature);
    adaptor::verify(curve, &public_key, &encryption_key, &message, &signature).unwrap();

    let decryption_key = DecryptionKey::from_secret_key(&provider);
    assert_eq!(hex::encode(decryption_key.to_bytes()), case.decryption_key);
    assert_eq!(decryption_key.encryption_key(), encryption_key);
    let decrypted =
        adaptor::decrypt(curve, &public_key, &decryption_key, &message, &signature).unwrap();
    assert_eq!(decrypted.to_string(), case.decrypted_signature);
    bip340::verify(curve, &public_key, &message, &decrypted).unwrap();

    let extracted = adaptor::extract(curve, &encryption_key, &signature, &decrypted).unwrap();
    assert_eq!(hex::encode(extracted.to_bytes()), case.decryption_key);
}

#[test]
fn adaptor_signatures_are_those_of_other_programs() {
    let vectors: Vectors<AdaptorCase> =
        serde_json::from_str(include_str!("vectors/adaptor.json")).unwrap();
    assert!(!vectors.cases.is_empty());
    for case in &vectors.cases {
        check_adaptor(&Native, case);
        check_adaptor(&Pure, case);
    }
}

/// Spec 4.9: the provider's secret is 6, whose point has odd y.
#[test]
fn adaptor_signatures_of_the_notes_hold() {
    const SIX: &str = "0000000000000000000000000000000000000000000000000000000000000006";
    for (aux, adaptor_signature, decrypted_signature) in [
        (
            [0x00; 32],
            "02e3ffe6ff3e02087de58885ae3c882e6702a46caa6c208f54a35db23e032566d69ebd7a04bb4ceb7c6385666a5e0e4620388214f27cb66a102e41f71fd33a5597",
            "e3ffe6ff3e02087de58885ae3c882e6702a46caa6c208f54a35db23e032566d69ebd7a04bb4ceb7c6385666a5e0e4620388214f27cb66a102e41f71fd33a5591",
        ),
        (
            [0x01; 32],
            "03e32d96ea9a8fdc3e600c365a3c792ad26fcb821b2afe2525aaa460206d8167c0206dde62d3279dcdeb75305768c764cec6f9a6ae117cb2c38f61f50eba007e48",
            "e32d96ea9a8fdc3e600c365a3c792ad26fcb821b2afe2525aaa460206d8167c0206dde62d3279dcdeb75305768c764cec6f9a6ae117cb2c38f61f50eba007e4e",
        ),
    ] {
        let case = AdaptorCase {
            signer_secret: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
                .into(),
            signer_public: "43311589af63c2adda04fcd7792c038a05c12a4fe40351b3eb1612ff6b2e5a0e"
                .into(),
            finality_provider_secret: SIX.into(),
            encryption_key: "fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a1460297556"
                .into(),
            message: "939d59d1285efa522f3964451c00cbfea1e22d19a6769b9aa00317fecd681e93".into(),
            aux: hex::encode(aux),
            adaptor_signature: adaptor_signature.into(),
            decrypted_signature: decrypted_signature.into(),
            decryption_key: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036413b"
                .into(),
        };
        check_adaptor(&Native, &case);
        check_adaptor(&Pure, &case);
    }
}

/// Spec 4.9, last row: the Go signer puts the 33-byte key into the nonce hash; its signatures verify all the same.
#[test]
fn an_adaptor_signature_with_another_nonce_rule_is_valid_too() {
    let signature: AdaptorSignature = "034d1f1cb3ce774c520d033697edcf249e5a6c19d4bf82c1aebd1aa39b5e84236e8648d28094f9e69d6f0240cc7ee1a865f34b0c1d6f8472a5f61fcecb6f2ca2f6".parse().unwrap();
    let signer = "43311589af63c2adda04fcd7792c038a05c12a4fe40351b3eb1612ff6b2e5a0e"
        .parse()
        .unwrap();
    let provider = secret("0000000000000000000000000000000000000000000000000000000000000006");
    let message = bytes("939d59d1285efa522f3964451c00cbfea1e22d19a6769b9aa00317fecd681e93");
    let encryption_key = EncryptionKey::from_x_only(&provider.public_key()).unwrap();
    adaptor::verify(&Native, &signer, &encryption_key, &message, &signature).unwrap();
    let decryption_key = DecryptionKey::from_secret_key(&provider);
    let decrypted =
        adaptor::decrypt(&Native, &signer, &decryption_key, &message, &signature).unwrap();
    assert_eq!(
        decrypted.to_string(),
        "4d1f1cb3ce774c520d033697edcf249e5a6c19d4bf82c1aebd1aa39b5e84236e8648d28094f9e69d6f0240cc7ee1a865f34b0c1d6f8472a5f61fcecb6f2ca2fc"
    );
}

/// Spec 3.2, vector A: key and nonce both have points with odd y.
#[test]
fn vector_a_signs_and_extracts() {
    let mut d = [0; 32];
    d[31] = 6;
    let mut k = [0; 32];
    k[30..].copy_from_slice(&0x3e8_u16.to_be_bytes());
    let key = SecretKey::from_bytes(&d).unwrap();
    assert_eq!(
        key.public_key().to_string(),
        "fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a1460297556"
    );
    let public: PublicRandomness =
        "4a5169f673aa632f538aaa128b6348536db2b637fd89073d49b6a23879cdb3ad"
            .parse()
            .unwrap();
    let sign = |message: &[u8]| {
        let nonce = SecretRandomness::from_bytes(&k).unwrap();
        assert_eq!(nonce.public(), public);
        sign(&key, nonce, message).unwrap()
    };
    let vote = vote_message(7, &[0x11; 32]);
    let signature: Signature = sign(&vote);
    assert_eq!(
        signature.to_string(),
        "f181418273d9b9af8f9285ce3d232b19a6dad397fa66508ae40595e389abc1cc"
    );
    let fork = vote_message(7, &[0x22; 32]);
    let fork_signature = sign(&fork);
    assert_eq!(
        fork_signature.to_string(),
        "76d467f77bb2a419a28bd0cdc2f545cce5b92d2fc0ab1f8c6f7b31bf5b16bcd5"
    );
    let extracted = extract(
        &Native,
        &key.public_key(),
        &public,
        Signed {
            message: &vote,
            signature: &signature,
        },
        Signed {
            message: &fork,
            signature: &fork_signature,
        },
    )
    .unwrap();
    assert_eq!(
        hex::encode(extracted.to_bytes()),
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036413b"
    );
}

/// Spec 3.3 to 3.5, vectors B, C and D.
#[test]
fn vectors_b_c_and_d_derive_and_commit() {
    let key = SecretKey::from_bytes(&core::array::from_fn(|i| u8::try_from(i).unwrap())).unwrap();
    let leaves: Vec<_> = randomness::public_range(&key, "chain-test", 1, 3).collect();
    let text: Vec<_> = leaves.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "8d5f9d1289f669f196373a207edce50fb9ebf495cb20392a9cf8cda326dd0374",
            "d86ea68b14dfc027e49f13323dbd9e6311dfe59c611a5c24f83b39d90ed59160",
            "5be29c442903f6e94a3b93d9a57bd2cbec953a729e7e4863349c609ff261b185",
        ]
    );
    let root: Commitment = "2e7f1c01e7306381216931c44ff588d0eb56921b364464ac91e4bc2ef82cd00b"
        .parse()
        .unwrap();
    let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
    assert_eq!(tree.commitment(), root);
    let digest = commitment::digest(1, 3, &root);
    assert_eq!(
        hex::encode(digest),
        "feb95a063620915bbe73c64eb73045659614948b15eacbbdf8c2631567bafc19"
    );
    for (index, leaf) in leaves.iter().enumerate() {
        let index = u64::try_from(index).unwrap();
        let proof: Proof = tree.prove(index, &leaves).unwrap();
        proof.verify_height(1, 3, &root, 1 + index, leaf).unwrap();
    }
}
