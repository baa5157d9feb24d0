//! Ordinary Schnorr signatures (BIP-0340) of 32-byte messages, which the keys of this crate also make.
//!
//! Commitments and proofs of possession are signed this way, and a decrypted adaptor signature is one.

use crate::PublicKey;
use crate::curve::Curve;
use crate::encoding::{ParseError, check_field, check_order, fixed, hex_text};

const SIGNATURE: &str = "BIP-0340 signature";

/// A BIP-0340 signature, 64 bytes: r below the field prime, s below the group order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Reads `r ‖ s`; refuses r at or above the field prime and s at or above the group order.
    pub fn from_bytes(bytes: [u8; 64]) -> Result<Self, ParseError> {
        let signature = Self(bytes);
        check_field(SIGNATURE, &signature.r())?;
        check_order(SIGNATURE, &signature.s())?;
        Ok(signature)
    }

    /// Reads `r ‖ s` from a slice of 64 bytes; refuses r at or above the field prime and s at or above the group order.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_bytes(fixed(SIGNATURE, bytes)?)
    }

    /// Puts together two halves that are in range already.
    pub(crate) fn from_halves(r: &[u8; 32], s: &[u8; 32]) -> Self {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(r);
        bytes[32..].copy_from_slice(s);
        Self(bytes)
    }

    /// `r ‖ s`, both big endian.
    pub const fn to_bytes(self) -> [u8; 64] {
        self.0
    }

    /// `r ‖ s`, both big endian.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    pub(crate) fn r(&self) -> [u8; 32] {
        core::array::from_fn(|i| self.0[i])
    }

    pub(crate) fn s(&self) -> [u8; 32] {
        core::array::from_fn(|i| self.0[32 + i])
    }
}

hex_text!(Signature, 64, SIGNATURE);

#[cfg(feature = "native")]
impl From<Signature> for secp256k1::schnorr::Signature {
    #[expect(
        clippy::expect_used,
        reason = "only the length is checked, and it is in the type"
    )]
    fn from(signature: Signature) -> Self {
        Self::from_slice(&signature.0).expect("only the length is checked, and it is in the type")
    }
}

#[cfg(feature = "native")]
impl TryFrom<secp256k1::schnorr::Signature> for Signature {
    type Error = ParseError;

    fn try_from(signature: secp256k1::schnorr::Signature) -> Result<Self, ParseError> {
        Self::from_bytes(signature.serialize())
    }
}

/// A signature that does not fit its key and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the BIP-0340 signature does not fit the public key `{0}` and the message")]
pub struct InvalidSignature(pub PublicKey);

/// Signs a 32-byte message as it is, with 32 bytes of fresh randomness that only harden the signing.
///
/// A caller must have made the message itself: a digest chosen by somebody else may be a transaction's or a vote's.
/// The result is not verified here; whoever lets it out does that first (spec 6.9).
#[cfg(feature = "native")]
pub fn sign(key: &crate::SecretKey, message: &[u8; 32], aux: &[u8; 32]) -> Signature {
    use secp256k1::{Message, SECP256K1};

    let mut pair = key.key_pair();
    let signature =
        SECP256K1.sign_schnorr_with_aux_rand(&Message::from_digest(*message), &pair, aux);
    pair.non_secure_erase();
    Signature(signature.serialize())
}

/// Verifies a signature of a 32-byte message.
pub fn verify(
    curve: &impl Curve,
    key: &PublicKey,
    message: &[u8; 32],
    signature: &Signature,
) -> Result<(), InvalidSignature> {
    if curve.verify_bip340(key, message, &signature.r(), &signature.s()) {
        Ok(())
    } else {
        Err(InvalidSignature(*key))
    }
}
