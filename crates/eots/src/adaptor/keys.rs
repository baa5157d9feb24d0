//! The pair of keys an adaptor signature is encrypted to and decrypted with (spec 4.4).

use core::fmt;

use k256::Scalar;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::curve::{self, Curve, Point};
use crate::encoding::{InvalidSecret, ParseError, canonical_scalar, fixed, scalar_bytes};
use crate::{PublicKey, SecretKey};

const ENCRYPTION_KEY: &str = "encryption key";

/// The point T that a signature is encrypted to. Its parity counts; on Babylon it is always even.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncryptionKey(Point);

impl EncryptionKey {
    /// The point with even y of an x-only key, such as a finality provider's.
    pub fn from_x_only(key: &PublicKey) -> Result<Self, ParseError> {
        curve::DEFAULT
            .lift_x(key.as_bytes())
            .map(Self)
            .ok_or_else(|| ParseError::NotOnCurve {
                what: ENCRYPTION_KEY,
                value: key.to_string(),
            })
    }

    /// Reads a compressed point (SEC1, 33 bytes) and keeps its parity.
    pub fn from_compressed(bytes: &[u8]) -> Result<Self, ParseError> {
        let bytes: [u8; 33] = fixed(ENCRYPTION_KEY, bytes)?;
        let x: [u8; 32] = core::array::from_fn(|i| bytes[1 + i]);
        let even = curve::DEFAULT
            .lift_x(&x)
            .ok_or_else(|| ParseError::NotOnCurve {
                what: ENCRYPTION_KEY,
                value: hex::encode(x),
            })?;
        match bytes[0] {
            0x02 => Ok(Self(even)),
            0x03 => Ok(Self(even.negate())),
            byte => Err(ParseError::Parity {
                what: ENCRYPTION_KEY,
                byte,
            }),
        }
    }

    /// The compressed point (SEC1).
    pub fn to_compressed(&self) -> [u8; 33] {
        self.0.to_compressed()
    }

    pub(super) const fn point(&self) -> &Point {
        &self.0
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({self})")
    }
}

impl fmt::Display for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_compressed()))
    }
}

/// The discrete logarithm t of an encryption key. Zeroised when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct DecryptionKey {
    scalar: Scalar,
    #[zeroize(skip)]
    encryption_key: EncryptionKey,
}

impl DecryptionKey {
    /// The decryption key of signatures that are encrypted to the x-only key of this secret key: t or n − t.
    pub fn from_secret_key(key: &SecretKey) -> Self {
        Self {
            scalar: *key.even(),
            encryption_key: EncryptionKey(key.even_point()),
        }
    }

    /// Reads t, 32 bytes big endian, and keeps the parity of its point.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidSecret> {
        const WHAT: InvalidSecret = InvalidSecret {
            what: "decryption key",
        };
        let mut scalar = canonical_scalar(bytes).ok_or(WHAT)?;
        let point = curve::DEFAULT.multiply_generator(&scalar).ok_or(WHAT)?;
        let key = Self {
            scalar,
            encryption_key: EncryptionKey(point),
        };
        scalar.zeroize();
        Ok(key)
    }

    /// Takes a scalar whose product with G was found to be this key.
    pub(super) const fn from_parts(scalar: Scalar, encryption_key: EncryptionKey) -> Self {
        Self {
            scalar,
            encryption_key,
        }
    }

    /// The key that signatures are encrypted to.
    pub const fn encryption_key(&self) -> EncryptionKey {
        self.encryption_key
    }

    /// The same number as a secret key: what selective slashing discloses of a finality provider (spec 4.13).
    pub fn to_secret_key(&self) -> SecretKey {
        SecretKey::from_parts(&self.scalar, self.encryption_key.point())
    }

    /// t, 32 bytes big endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(scalar_bytes(&self.scalar))
    }

    pub(super) const fn scalar(&self) -> &Scalar {
        &self.scalar
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DecryptionKey(of encryption key {})",
            self.encryption_key
        )
    }
}
