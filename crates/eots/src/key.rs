//! Keys: the x-only public key and the secret key behind it.

use core::fmt;

use k256::Scalar;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::curve::{self, Curve, Point};
use crate::encoding::{InvalidSecret, ParseError, canonical_scalar, fixed, hex_text, scalar_bytes};

const PUBLIC_KEY: &str = "public key";

/// An x-only public key (BIP-0340): the x coordinate of a curve point whose y is taken as even, 32 bytes big endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads an x coordinate; refuses one that no curve point has.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseError> {
        match curve::DEFAULT.lift_x(&bytes) {
            Some(_) => Ok(Self(bytes)),
            None => Err(ParseError::NotOnCurve {
                what: PUBLIC_KEY,
                value: hex::encode(bytes),
            }),
        }
    }

    /// Reads an x coordinate from a slice of 32 bytes; refuses one that no curve point has.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_bytes(fixed(PUBLIC_KEY, bytes)?)
    }

    /// Takes bytes that were checked before, such as a contract's own storage, and spares the square root.
    ///
    /// Bytes that are not on the curve make a key under which nothing verifies.
    pub const fn from_checked_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The x coordinate, big endian.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The x coordinate, big endian.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

hex_text!(PublicKey, 32, PUBLIC_KEY);

#[cfg(feature = "native")]
impl From<secp256k1::XOnlyPublicKey> for PublicKey {
    fn from(key: secp256k1::XOnlyPublicKey) -> Self {
        Self(key.serialize())
    }
}

/// A secret key: a number d from 1 to n − 1, with its public key.
///
/// Signing uses the representative of ±d whose point has even y, so both give the same signatures; randomness is
/// derived from the bytes as given (spec 3.3). Zeroised when dropped; equality is constant time.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey {
    given: Scalar,
    even: Scalar,
    #[zeroize(skip)]
    even_point: Point,
}

impl SecretKey {
    /// Reads a secret key, 32 bytes big endian, and computes its public key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidSecret> {
        Self::from_bytes_on(&curve::DEFAULT, bytes)
    }

    /// Reads as [`Self::from_bytes`] a key that need not be kept secret from whoever computes on `curve`.
    pub fn from_bytes_on(curve: &impl Curve, bytes: &[u8; 32]) -> Result<Self, InvalidSecret> {
        const WHAT: InvalidSecret = InvalidSecret { what: "secret key" };
        let mut given = canonical_scalar(bytes).ok_or(WHAT)?;
        let point = curve.multiply_generator(&given).ok_or(WHAT)?;
        let key = Self::from_parts(&given, &point);
        given.zeroize();
        Ok(key)
    }

    /// Takes a scalar whose product with G is known already.
    pub(crate) fn from_parts(given: &Scalar, point: &Point) -> Self {
        Self {
            given: *given,
            even: even_y(given, point),
            even_point: if point.is_y_odd() {
                point.negate()
            } else {
                *point
            },
        }
    }

    /// The key as it was given, 32 bytes big endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(scalar_bytes(&self.given))
    }

    /// The x-only public key.
    pub const fn public_key(&self) -> PublicKey {
        PublicKey::from_checked_bytes(*self.even_point.x())
    }

    /// The representative of ±d whose point has even y.
    pub(crate) const fn even(&self) -> &Scalar {
        &self.even
    }

    /// The key as libsecp256k1 wants it; the caller erases it.
    #[cfg(feature = "native")]
    #[expect(clippy::expect_used, reason = "both ends take numbers from 1 to n - 1")]
    pub(crate) fn key_pair(&self) -> secp256k1::Keypair {
        let bytes = self.to_bytes();
        secp256k1::Keypair::from_seckey_slice(secp256k1::SECP256K1, bytes.as_slice())
            .expect("both ends take numbers from 1 to n - 1")
    }

    /// The point with even y: [`Self::public_key`] lifted.
    pub(crate) const fn even_point(&self) -> Point {
        self.even_point
    }
}

/// The scalar or its negative, whichever makes a point with even y; `point` is the scalar's product with G.
pub(crate) fn even_y(scalar: &Scalar, point: &Point) -> Scalar {
    let odd = Choice::from(u8::from(point.is_y_odd()));
    Scalar::conditional_select(scalar, &-scalar, odd)
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.given.ct_eq(&other.given).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of public key {})", self.public_key())
    }
}
