//! Every curve gives the same answers, among them one that can only recover ECDSA keys, as hosts of contracts can.

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![expect(
    clippy::disallowed_methods,
    reason = "signing itself is tested, with keys of no value"
)]

use eots::adaptor::{self, AdaptorSignature, EncryptionKey};
use eots::curve::recovery::Inputs;
use eots::curve::{Curve, GENERATOR, Native, Point, Pure, Scalar};
use eots::{PublicKey, PublicRandomness, SecretKey, Signature, bip340, randomness, sign, verify};
use k256::U256;
use k256::elliptic_curve::bigint::Encoding;
use k256::elliptic_curve::ops::Reduce;
use proptest::prelude::*;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1};

const GROUP_ORDER: U256 =
    U256::from_be_hex("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141");

/// A curve as a contract has it: key recovery by the host, the rest from the trait.
struct Host;

impl Curve for Host {
    fn linear_combination(&self, a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point> {
        let inputs = Inputs::new(a, p, b)?;
        let id = RecoveryId::from_i32(i32::from(inputs.recovery_id)).ok()?;
        let signature = RecoverableSignature::from_compact(&inputs.signature, id).ok()?;
        let point = SECP256K1
            .recover_ecdsa(&Message::from_digest(inputs.hash), &signature)
            .ok()?;
        Point::from_uncompressed(&point.serialize_uncompressed())
    }

    fn multiply_generator(&self, scalar: &Scalar) -> Option<Point> {
        self.linear_combination(scalar, &GENERATOR, &Scalar::ZERO)
    }
}

fn reduce(bytes: [u8; 32]) -> Scalar {
    Scalar::reduce(U256::from_be_bytes(bytes))
}

fn key(bytes: [u8; 32]) -> SecretKey {
    SecretKey::from_bytes(&bytes).unwrap()
}

/// Secret keys; 32 random bytes are in range but for one in 2¹²⁸.
fn secret_bytes() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_filter("in range", |bytes| SecretKey::from_bytes(bytes).is_ok())
}

/// What all three curves say, which must be one thing.
fn agreed<T: PartialEq + core::fmt::Debug>(verdicts: [T; 3]) -> T {
    let [native, pure, host] = verdicts;
    assert_eq!(native, pure, "native and pure");
    assert_eq!(native, host, "native and host");
    native
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn linear_combinations_agree(a: [u8; 32], d in secret_bytes(), b: [u8; 32]) {
        let (a, p, b) = (reduce(a), key(d).public_key(), reduce(b));
        let sum = agreed([
            Native.linear_combination(&a, &p, &b),
            Pure.linear_combination(&a, &p, &b),
            Host.linear_combination(&a, &p, &b),
        ]);
        prop_assert!(sum.is_some());
    }

    #[test]
    fn multiples_of_the_generator_agree(bytes: [u8; 32]) {
        let scalar = reduce(bytes);
        let point = agreed([
            Native.multiply_generator(&scalar),
            Pure.multiply_generator(&scalar),
            Host.multiply_generator(&scalar),
        ]);
        prop_assert!(point.is_some());
    }

    #[test]
    fn lifting_agrees_on_arbitrary_bytes(x: [u8; 32]) {
        let point = agreed([Native.lift_x(&x), Pure.lift_x(&x), Host.lift_x(&x)]);
        if let Some(point) = point {
            prop_assert!(!point.is_y_odd());
            prop_assert_eq!(point.x(), &x);
            prop_assert!(point.negate().is_y_odd());
            prop_assert_eq!(point.negate().negate(), point);
            prop_assert_eq!(Native.add(&point, &point.negate()), None);
            prop_assert_eq!(Pure.add(&point, &point.negate()), None);
        }
    }

    #[test]
    fn sums_agree_also_when_they_double(a in secret_bytes(), b in secret_bytes()) {
        let a = Native.multiply_generator(&reduce(a)).unwrap();
        let b = Native.multiply_generator(&reduce(b)).unwrap();
        for (a, b) in [(a, b), (a, a), (a, a.negate())] {
            agreed([Native.add(&a, &b), Pure.add(&a, &b), Host.add(&a, &b)]);
        }
    }

    #[test]
    fn votes_are_judged_alike_and_any_flipped_bit_is_refused(
        d in secret_bytes(), height: u64, message: Vec<u8>, bit in 0_usize..768,
    ) {
        let key = key(d);
        let nonce = randomness::derive(&key, "chain-test", height);
        let public = nonce.public();
        let signature = sign(&key, nonce, &message).unwrap();
        let judge = |key: &PublicKey, public: &PublicRandomness, signature: &Signature| {
            agreed([
                verify(&Native, key, public, &message, signature),
                verify(&Pure, key, public, &message, signature),
                verify(&Host, key, public, &message, signature),
            ])
        };
        prop_assert!(judge(&key.public_key(), &public, &signature).is_ok());

        let mut parts = [key.public_key().to_bytes(), public.to_bytes(), signature.to_bytes()];
        parts[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
        // A key that is not on the curve must be refused too, so it is not parsed here.
        let tampered_key = PublicKey::from_checked_bytes(parts[0]);
        let tampered_public = PublicRandomness::from_bytes(parts[1]);
        let tampered_signature = Signature::from_bytes(parts[2]);
        if let (Ok(public), Ok(signature)) = (tampered_public, tampered_signature) {
            prop_assert!(judge(&tampered_key, &public, &signature).is_err());
        }
    }

    #[test]
    fn adaptor_signatures_are_judged_alike_and_any_flipped_bit_is_refused(
        d in secret_bytes(), t in secret_bytes(), message: [u8; 32], aux: [u8; 32], bit in 0_usize..520,
    ) {
        let signer = key(d);
        let encryption_key = EncryptionKey::from_x_only(&key(t).public_key()).unwrap();
        let signature = adaptor::sign(&signer, &encryption_key, &message, &aux).unwrap();
        let judge = |key: &PublicKey, message: &[u8; 32], signature: &AdaptorSignature| {
            agreed([
                adaptor::verify(&Native, key, &encryption_key, message, signature),
                adaptor::verify(&Pure, key, &encryption_key, message, signature),
                adaptor::verify(&Host, key, &encryption_key, message, signature),
            ])
        };
        prop_assert!(judge(&signer.public_key(), &message, &signature).is_ok());

        let mut tampered = signature.to_bytes();
        tampered[bit / 8] ^= 1 << (bit % 8);
        if let Ok(tampered) = AdaptorSignature::from_bytes(tampered) {
            prop_assert!(judge(&signer.public_key(), &message, &tampered).is_err());
        }
        let mut tampered = message;
        tampered[bit % 256 / 8] ^= 1 << (bit % 8);
        prop_assert!(judge(&signer.public_key(), &tampered, &signature).is_err());
        let mut tampered = signer.public_key().to_bytes();
        tampered[bit % 256 / 8] ^= 1 << (bit % 8);
        let tampered = PublicKey::from_checked_bytes(tampered);
        prop_assert!(judge(&tampered, &message, &signature).is_err());
    }

    #[test]
    fn bip340_signatures_are_judged_alike(d in secret_bytes(), message: [u8; 32], aux: [u8; 32], bit in 0_usize..512) {
        let key = key(d);
        let signature = bip340::sign(&key, &message, &aux);
        let judge = |signature: &bip340::Signature| {
            agreed([
                bip340::verify(&Native, &key.public_key(), &message, signature),
                bip340::verify(&Pure, &key.public_key(), &message, signature),
                bip340::verify(&Host, &key.public_key(), &message, signature),
            ])
        };
        prop_assert!(judge(&signature).is_ok());
        let mut tampered = signature.to_bytes();
        tampered[bit / 8] ^= 1 << (bit % 8);
        if let Ok(tampered) = bip340::Signature::from_bytes(tampered) {
            prop_assert!(judge(&tampered).is_err());
        }
    }
}

#[test]
fn zero_factors_leave_the_other_product() {
    let p = key([7; 32]).public_key();
    let seven = Scalar::from(7_u64);
    let zero = Scalar::ZERO;
    for (a, b) in [(zero, seven), (seven, zero), (zero, zero)] {
        let sum = Native.linear_combination(&a, &p, &b);
        assert_eq!(sum, Pure.linear_combination(&a, &p, &b));
        assert_eq!(sum.is_some(), a != b);
    }
    assert_eq!(Native.multiply_generator(&zero), None);
    assert_eq!(Pure.multiply_generator(&zero), None);
}

#[test]
fn sums_at_infinity_are_no_point() {
    let mut bytes = [0; 32];
    bytes[31] = 6;
    let p = key(bytes).public_key();
    // 6·G has odd y, so its x-only key is −6·G.
    let six = Scalar::from(6_u64);
    let sum = agreed([
        Native.linear_combination(&Scalar::ONE, &p, &six),
        Pure.linear_combination(&Scalar::ONE, &p, &six),
        Host.linear_combination(&Scalar::ONE, &p, &six),
    ]);
    assert_eq!(sum, None);
}

#[test]
fn the_generator_is_the_generator() {
    let one = Native.multiply_generator(&Scalar::ONE).unwrap();
    assert_eq!(one.x(), GENERATOR.as_bytes());
    assert_eq!(Native.lift_x(GENERATOR.as_bytes()), Some(one));
}

/// Such keys exist, though nobody can make one: recovery needs another id for them, or cannot take them at all.
#[test]
fn keys_whose_x_is_not_below_the_group_order_are_handled() {
    let mut on_curve = 0;
    for offset in 0..16_u64 {
        let x = GROUP_ORDER.wrapping_add(&U256::from(offset)).to_be_bytes();
        let p = PublicKey::from_checked_bytes(x);
        assert_eq!(Native.lift_x(&x), Pure.lift_x(&x));
        let (a, b) = (Scalar::from(1_000_003_u64), Scalar::from(5_u64));
        let sum = Native.linear_combination(&a, &p, &b);
        assert_eq!(sum, Pure.linear_combination(&a, &p, &b), "offset {offset}");
        assert_eq!(sum.is_some(), Native.lift_x(&x).is_some());
        on_curve += u32::from(sum.is_some());
    }
    assert!(on_curve > 0);
}
