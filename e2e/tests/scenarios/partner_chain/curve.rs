//! What a contract computes with the host's key recovery, at the edges of the curve: every message is judged as `eots`
//! judges it natively.
//!
//! A challenge of zero is not among them: it would be the hash of something nobody can find.

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use bitcoin::secp256k1::Parity;
use bitcoin::secp256k1::constants::{CURVE_ORDER, FIELD_SIZE};
use eots::curve::{Curve as _, GENERATOR, Native, Scalar};
use eots::{PublicKey, PublicRandomness, SecretKey, Signature, Signed, bip340};
use mesh_core::registration;
use serde_json::{Value, json};
use testenv::partner_chain::{PartnerChain, Provider, base64, params};

use super::edges::{
    HIGHEST, ONE, ZERO, bytes, key_of, negated, no_nonces, no_scalars, parity, scalar, x_from,
};
use super::scene::{Scene, VALUE, refusal, told, vote_refusals, votes};

fn bytes_of(object: &Value, name: &str) -> [u8; 32] {
    <[u8; 32]>::from_hex(object[name].as_str().unwrap()).unwrap()
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.to_lower_hex_string()
}

pub(crate) async fn s34_the_edges_of_key_recovery_are_judged_as_natively(chain: &PartnerChain) {
    let keys = [Parity::Even, Parity::Odd, Parity::Odd].map(key_of);
    let scene = Scene::with_providers(chain, &params(), &keys).await;
    scene.one_stake_each().await;
    scene.mesh.govern(json!({ "start": {} })).await.unwrap();
    for provider in &scene.providers[..2] {
        signatures_of_registrations(&scene, provider).await;
    }
    keys_of_registrations(&scene).await;
    signatures_of_votes(&scene).await;
    signatures_of_evidence(&scene).await;
    keys_that_are_shown(&scene).await;
}

/// A registration by this key with this signature; and whether `eots` takes it.
fn registration(scene: &Scene<'_>, pk: [u8; 32], seq: u64, signature: &[u8]) -> (Value, bool) {
    let operator = scene.operator.text();
    let key = PublicKey::from_checked_bytes(pk);
    let digest = registration::digest(&scene.mesh.domain(), &key, seq, operator, 0).unwrap();
    let message = json!({ "register_provider": {
        "pk": hex(&pk),
        "seq": seq,
        "operator": operator,
        "commission": 0,
        "signature": base64(signature),
    }});
    let valid = PublicKey::from_bytes(pk).is_ok()
        && bip340::Signature::from_slice(signature)
            .is_ok_and(|signature| bip340::verify(&Native, &key, &digest, &signature).is_ok());
    (message, valid)
}

async fn keys_of_registrations(scene: &Scene<'_>) {
    let above = x_from(&CURVE_ORDER, true);
    let none = "is not the x coordinate of a point of secp256k1";
    for (pk, words) in [
        // There are such points, though nobody knows the secret key of one.
        (
            above,
            "is not below the group order, which this chain cannot check votes of",
        ),
        (x_from(&CURVE_ORDER, false), none),
        (x_from(&ONE, false), none),
        (FIELD_SIZE, none),
        (HIGHEST, none),
    ] {
        let signature = [GENERATOR.to_bytes(), GENERATOR.to_bytes()].concat();
        let (message, valid) = registration(scene, pk, 1, &signature);
        assert!(!valid);
        let refused = refusal(scene.mesh.execute(message).await);
        assert!(refused.contains(words), "{refused}");
    }
}

async fn signatures_of_registrations(scene: &Scene<'_>, provider: &Provider) {
    let pk = provider.public_key().to_bytes();
    let operator = scene.operator.text();
    // One with an s in the upper half of its range, and one in the lower half: both are as good.
    for (seq, high) in [(2, true), (3, false)] {
        let key = provider.public_key();
        let digest = registration::digest(&scene.mesh.domain(), &key, seq, operator, 0).unwrap();
        let mut made = std::iter::repeat_with(|| {
            let signature = bip340::sign(provider.secret(), &digest, &rand::random());
            let signature = signature.to_bytes();
            let (r, s) = signature.split_at(32);
            [r, s].map(|half| <[u8; 32]>::try_from(half).unwrap())
        });
        let [r, s] = made.find(|[_, s]| (s[0] >= 0x80) == high).unwrap();
        let wrong_nonces = no_nonces().map(|r| [r, s]);
        let wrong_scalars = no_scalars(&s).map(|s| [r, s]);
        let wrong = [wrong_nonces, wrong_scalars].concat();
        for halves in wrong {
            let (message, valid) = registration(scene, pk, seq, &halves.concat());
            let judged = scene.mesh.execute(message).await;
            assert_eq!((judged.is_ok(), valid), (false, false), "{judged:?}");
        }
        let (message, valid) = registration(scene, pk, seq, &[r, s].concat());
        assert!(valid);
        scene.mesh.execute(message).await.unwrap();
    }
}

async fn signatures_of_votes(scene: &Scene<'_>) {
    let checkpoint = scene.mesh.checkpoint(0).await.unwrap();
    let message = checkpoint.message(&checkpoint.hash).unwrap();
    let mut items = Vec::new();
    let mut wrong = 0;
    for provider in &scene.providers[..2] {
        let vote = provider.vote(&checkpoint).unwrap();
        let (r, s) = (bytes_of(&vote, "r"), bytes_of(&vote, "s"));
        let wrong_nonces = no_nonces().map(|r| [r, s]);
        let wrong_scalars = no_scalars(&s).map(|s| [r, s]);
        let all = [wrong_nonces, wrong_scalars].concat();
        for [r, s] in all.into_iter().chain([[r, s]]) {
            let mut item = vote.clone();
            item["r"] = json!(hex(&r));
            item["s"] = json!(hex(&s));
            items.push(item);
            let valid = is_signed(&provider.public_key(), &r, &message, &s);
            wrong += usize::from(!valid);
        }
    }
    assert_eq!(items.len() - wrong, 2);
    let executed = scene.mesh.execute(votes(&items)).await.unwrap();
    assert_eq!(vote_refusals(&executed).len(), wrong, "{executed:?}");
    let tally = scene
        .mesh
        .query(json!({ "tally": { "k": 0 } }))
        .await
        .unwrap();
    assert_eq!(tally["tallies"][0]["weight"], 2 * VALUE);
}

/// Whether `eots` takes it.
fn is_signed(pk: &PublicKey, r: &[u8; 32], message: &[u8], s: &[u8; 32]) -> bool {
    let Ok(randomness) = PublicRandomness::from_bytes(*r) else {
        return false;
    };
    Signature::from_bytes(*s)
        .is_ok_and(|signature| eots::verify(&Native, pk, &randomness, message, &signature).is_ok())
}

/// Two messages with signatures under one randomness.
#[derive(Clone, Copy)]
struct Evidence<'a> {
    pk: PublicKey,
    r: [u8; 32],
    signed: [(&'a [u8], [u8; 32]); 2],
}

impl Evidence<'_> {
    fn message(&self) -> Value {
        let [(first, first_s), (second, second_s)] = &self.signed;
        json!({ "evidence": {
            "pk": self.pk.to_string(),
            "r": hex(&self.r),
            "msg1": base64(first),
            "s1": hex(first_s),
            "msg2": base64(second),
            "s2": hex(second_s),
        }})
    }

    /// The key that `eots` gets out of it.
    fn key(&self) -> Option<SecretKey> {
        let all = &self.signed;
        if !all
            .iter()
            .all(|(message, s)| is_signed(&self.pk, &self.r, message, s))
        {
            return None;
        }
        let randomness = PublicRandomness::from_bytes(self.r).unwrap();
        let [(first, first_s), (second, second_s)] = *all;
        let [first_s, second_s] = [first_s, second_s].map(|s| Signature::from_bytes(s).unwrap());
        let first = Signed {
            message: first,
            signature: &first_s,
        };
        let second = Signed {
            message: second,
            signature: &second_s,
        };
        eots::extract(&Native, &self.pk, &randomness, first, second).ok()
    }
}

async fn signatures_of_evidence(scene: &Scene<'_>) {
    let provider = &scene.providers[1];
    let pk = provider.public_key();
    let (one, other) = (b"one".as_slice(), b"other".as_slice());
    let [first, second] =
        [one, other].map(|message| provider.signed_vote(60, &ZERO, message).unwrap());
    let r = bytes_of(&first, "r");
    let [s1, s2] = [&first, &second].map(|vote| bytes_of(vote, "s"));
    let good = Evidence {
        pk,
        r,
        signed: [(one, s1), (other, s2)],
    };

    let mut cases = Vec::new();
    for r in no_nonces() {
        cases.push(Evidence { r, ..good });
    }
    for s in no_scalars(&s1) {
        cases.push(Evidence {
            signed: [(one, s), (other, s2)],
            ..good
        });
    }
    for s in no_scalars(&s2) {
        cases.push(Evidence {
            signed: [(one, s1), (other, s)],
            ..good
        });
    }
    let infinite = at_infinity(provider.secret(), &r, other);
    cases.extend([
        Evidence {
            signed: [(one, s1), (other, infinite)],
            ..good
        },
        Evidence {
            signed: [(one, negated(&s1)), (other, negated(&s2))],
            ..good
        },
        Evidence {
            signed: [(one, s1), (one, s1)],
            ..good
        },
        Evidence {
            signed: [(one, s1), (other, s1)],
            ..good
        },
        Evidence {
            pk: scene.providers[0].public_key(),
            ..good
        },
    ]);
    for case in &cases {
        let judged = scene.mesh.execute(case.message()).await;
        assert_eq!((judged.is_ok(), case.key()), (false, None), "{judged:?}");
    }
    let executed = scene.mesh.execute(good.message()).await.unwrap();
    let key = good.key().unwrap();
    assert_eq!(key.public_key(), pk);
    assert_eq!(told(&executed, "slashed", "sk"), hex(&key.to_bytes()));
}

/// The s with which s·G − e·P is no point.
fn at_infinity(key: &SecretKey, r: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pk = key.public_key();
    let hash = |bytes: &[u8]| sha256::Hash::hash(bytes).to_byte_array();
    let tag = hash(b"BIP0340/challenge");
    let challenge = [tag, tag, *r, pk.to_bytes(), hash(message)].concat();
    let challenge = scalar(&hash(&challenge));
    let given = scalar(&key.to_bytes());
    let even = match parity(key) {
        Parity::Even => given,
        Parity::Odd => -given,
    };
    let s = challenge * even;
    assert_eq!(Native.linear_combination(&-challenge, &pk, &s), None);
    bytes(s)
}

async fn keys_that_are_shown(scene: &Scene<'_>) {
    let [first, _, third] = &scene.providers[..] else {
        panic!("three providers")
    };
    let own = *third.secret().to_bytes();
    // Where a key were believed because it signs under the nonce 1, this one would be, too, for the message z: it gives
    // the negative of the same s.
    let r = scalar(GENERATOR.as_bytes());
    let inverse = Option::<Scalar>::from(r.invert()).unwrap();
    let forged = |z: Scalar| bytes(-scalar(&own) - (z + z) * inverse);
    let digest = scalar(&sha256::Hash::hash(third.public_key().as_bytes()).to_byte_array());
    for sk in [
        ZERO,
        bytes(Scalar::ONE),
        bytes(-Scalar::ONE),
        CURVE_ORDER,
        HIGHEST,
        forged(r),
        forged(Scalar::ONE),
        forged(digest),
        bytes(scalar(&own) + Scalar::ONE),
        *first.secret().to_bytes(),
    ] {
        assert!(!is_key_of(third, &sk));
        assert_eq!(
            refusal(scene.mesh.execute(slash(third, &sk)).await),
            format!(
                "the key shown is not that of provider {}",
                third.public_key()
            )
        );
    }
    // Both numbers that have the public key's x coordinate are the key.
    let negative = negated(&first.secret().to_bytes());
    for (provider, sk) in [(first, negative), (third, own)] {
        assert!(is_key_of(provider, &sk));
        let executed = scene.mesh.execute(slash(provider, &sk)).await.unwrap();
        assert_eq!(told(&executed, "slashed", "sk"), hex(&sk));
    }
}

/// Whether `eots` takes it for the provider's.
fn is_key_of(provider: &Provider, sk: &[u8; 32]) -> bool {
    SecretKey::from_bytes(sk).is_ok_and(|key| key.public_key() == provider.public_key())
}

fn slash(provider: &Provider, sk: &[u8; 32]) -> Value {
    json!({ "slash": { "pk": provider.public_key().to_string(), "sk": hex(sk) } })
}
