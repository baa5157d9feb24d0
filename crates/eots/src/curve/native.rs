//! The curve by libsecp256k1.

use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, Parity, SECP256K1, SecretKey, XOnlyPublicKey, schnorr};
use zeroize::Zeroizing;

use super::recovery::Inputs;
use super::{Curve, Point, Scalar};
use crate::PublicKey;
use crate::encoding::scalar_bytes;

/// secp256k1 by libsecp256k1; multiplications by secrets are constant time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

impl Curve for Native {
    fn linear_combination(&self, a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point> {
        match Inputs::new(a, p, b) {
            Some(inputs) => recover(&inputs),
            None => combine_products(a, p, b),
        }
    }

    fn multiply_generator(&self, scalar: &Scalar) -> Option<Point> {
        let bytes = Zeroizing::new(scalar_bytes(scalar));
        let mut secret = SecretKey::from_slice(bytes.as_slice()).ok()?;
        let point = export(&secret.public_key(SECP256K1));
        secret.non_secure_erase();
        point
    }

    fn add(&self, a: &Point, b: &Point) -> Option<Point> {
        export(&import(a)?.combine(&import(b)?).ok()?)
    }

    fn lift_x(&self, x: &[u8; 32]) -> Option<Point> {
        export(&XOnlyPublicKey::from_slice(x).ok()?.public_key(Parity::Even))
    }

    fn verify_bip340(
        &self,
        key: &PublicKey,
        message: &[u8; 32],
        r: &[u8; 32],
        s: &[u8; 32],
    ) -> bool {
        let Ok(key) = XOnlyPublicKey::from_slice(key.as_bytes()) else {
            return false;
        };
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(r);
        signature[32..].copy_from_slice(s);
        schnorr::Signature::from_slice(&signature).is_ok_and(|signature| {
            SECP256K1
                .verify_schnorr(&signature, &Message::from_digest(*message), &key)
                .is_ok()
        })
    }
}

fn recover(inputs: &Inputs) -> Option<Point> {
    let id = RecoveryId::from_i32(i32::from(inputs.recovery_id)).ok()?;
    let signature = RecoverableSignature::from_compact(&inputs.signature, id).ok()?;
    export(
        &SECP256K1
            .recover_ecdsa(&Message::from_digest(inputs.hash), &signature)
            .ok()?,
    )
}

/// The slow way, for the few combinations that recovery cannot express.
fn combine_products(a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point> {
    let p = XOnlyPublicKey::from_slice(p.as_bytes())
        .ok()?
        .public_key(Parity::Even);
    let tweak = secp256k1::Scalar::from_be_bytes(scalar_bytes(a)).ok()?;
    // Both refuse zero, which leaves the other product as the sum.
    let a_p = p.mul_tweak(SECP256K1, &tweak).ok();
    let b_g = SecretKey::from_slice(&scalar_bytes(b))
        .ok()
        .map(|b| b.public_key(SECP256K1));
    match (a_p, b_g) {
        (Some(a_p), Some(b_g)) => export(&a_p.combine(&b_g).ok()?),
        (Some(only), None) | (None, Some(only)) => export(&only),
        (None, None) => None,
    }
}

fn import(point: &Point) -> Option<secp256k1::PublicKey> {
    secp256k1::PublicKey::from_slice(&point.to_uncompressed()).ok()
}

fn export(point: &secp256k1::PublicKey) -> Option<Point> {
    Point::from_uncompressed(&point.serialize_uncompressed())
}
