//! Randomness of votes: one secret nonce for each height, published beforehand as the x coordinate of its point.
//!
//! Nothing is stored: a nonce is derived from the secret key whenever it is needed, and so is the public randomness from
//! which [commitments](crate::commitment) are built.

#[cfg(feature = "native")]
mod secret;

#[cfg(feature = "native")]
pub use secret::{SecretRandomness, derive, derive_for_checkpoint, public_range};

use crate::encoding::{ParseError, check_field, fixed, hex_text};

const PUBLIC_RANDOMNESS: &str = "public randomness";

/// Public randomness: the x coordinate of a nonce point, 32 bytes big endian, below the field prime.
///
/// Whether a point has this x shows when a vote is verified: no vote fits one that none has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicRandomness([u8; 32]);

impl PublicRandomness {
    /// Reads an x coordinate; refuses one at or above the field prime.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseError> {
        check_field(PUBLIC_RANDOMNESS, &bytes)?;
        Ok(Self(bytes))
    }

    /// Reads an x coordinate from a slice of 32 bytes; refuses one at or above the field prime.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_bytes(fixed(PUBLIC_RANDOMNESS, bytes)?)
    }

    /// Takes the x coordinate of a point.
    #[cfg(feature = "native")]
    const fn from_coordinate(x: [u8; 32]) -> Self {
        Self(x)
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

hex_text!(PublicRandomness, 32, PUBLIC_RANDOMNESS);
