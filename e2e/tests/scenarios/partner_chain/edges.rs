//! Numbers at the edges of the curve, 32 bytes big endian, and arithmetic with them.

use bitcoin::secp256k1::constants::{CURVE_ORDER, FIELD_SIZE};
use bitcoin::secp256k1::{self, Parity, SECP256K1};
use eots::curve::Scalar;
use eots::{PublicKey, SecretKey};

use super::scene::fresh_key;

/// Above every number that is in range.
pub(crate) const HIGHEST: [u8; 32] = [0xff; 32];

pub(crate) const ZERO: [u8; 32] = [0; 32];

pub(crate) const ONE: [u8; 32] = {
    let mut one = [0; 32];
    one[31] = 1;
    one
};

/// The parity of a secret key's point.
pub(crate) fn parity(key: &SecretKey) -> Parity {
    let key = secp256k1::SecretKey::from_slice(key.to_bytes().as_slice()).unwrap();
    key.x_only_public_key(SECP256K1).1
}

/// A key whose point has this parity.
pub(crate) fn key_of(wanted: Parity) -> SecretKey {
    let mut keys = std::iter::repeat_with(fresh_key);
    keys.find(|key| parity(key) == wanted).unwrap()
}

/// Such a number modulo the group order.
pub(crate) fn scalar(bytes: &[u8; 32]) -> Scalar {
    let half = |range| u128::from_be_bytes(<[u8; 16]>::try_from(&bytes[range]).unwrap());
    let high = Scalar::from(half(0..16)) * (Scalar::from(u128::MAX) + Scalar::ONE);
    high + Scalar::from(half(16..32))
}

/// The number of a scalar.
pub(crate) fn bytes(scalar: Scalar) -> [u8; 32] {
    scalar.to_bytes().into()
}

/// The group order less this number.
pub(crate) fn negated(number: &[u8; 32]) -> [u8; 32] {
    bytes(-scalar(number))
}

/// The first x coordinate from this one on that a point has, or that none has.
pub(crate) fn x_from(start: &[u8; 32], of_a_point: bool) -> [u8; 32] {
    let mut x = *start;
    while PublicKey::from_bytes(x).is_ok() != of_a_point {
        x[31] += 1;
    }
    x
}

/// What is no nonce: two x coordinates that no point has, and two numbers above the field.
pub(crate) fn no_nonces() -> [[u8; 32]; 4] {
    [x_from(&ONE, false), ZERO, FIELD_SIZE, HIGHEST]
}

/// What is no s of the message that this one signs.
pub(crate) fn no_scalars(s: &[u8; 32]) -> [[u8; 32]; 4] {
    [ZERO, CURVE_ORDER, HIGHEST, negated(s)]
}
