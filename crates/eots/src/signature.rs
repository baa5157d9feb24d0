//! EOTS: one signature for one nonce; two of them under the same nonce give the secret key away (spec 3.2).
//!
//! A vote is BIP-0340 with three changes: the nonce is chosen beforehand and its x is published, the message is hashed
//! with SHA-256 first, and only s travels. So public randomness and s together are a BIP-0340 signature of the
//! message's hash.

use k256::elliptic_curve::ops::Invert;
use zeroize::Zeroizing;

use crate::curve::{Curve, Scalar};
use crate::encoding::{ParseError, canonical_scalar, check_order, fixed, hex_text, reduced_scalar};
use crate::hash::{challenge, sha256};
use crate::{PublicKey, PublicRandomness, SecretKey};

const SIGNATURE: &str = "EOTS signature";

/// An EOTS signature: the scalar s, 32 bytes big endian, below the group order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads s; refuses a number at or above the group order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseError> {
        check_order(SIGNATURE, &bytes)?;
        Ok(Self(bytes))
    }

    /// Reads s from a slice of 32 bytes; refuses a number at or above the group order.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_bytes(fixed(SIGNATURE, bytes)?)
    }

    /// The scalar s, big endian.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The scalar s, big endian.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

hex_text!(Signature, 32, SIGNATURE);

/// A challenge at or above the group order, which EOTS refuses where BIP-0340 reduces it. Never seen: its odds are 2⁻¹²⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the challenge of this message is not below the group order, so EOTS cannot sign it (spec 3.2)"
)]
pub struct ChallengeOverflow;

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No signature fits such a message.
    #[error(transparent)]
    ChallengeOverflow(#[from] ChallengeOverflow),
    /// Another key, randomness or message was signed, or none.
    #[error("the EOTS signature does not fit the public key, public randomness and message")]
    Invalid,
}

/// Why two signatures do not give a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// No signature fits such a message.
    #[error(transparent)]
    ChallengeOverflow(#[from] ChallengeOverflow),
    /// Two messages are needed.
    #[error("both signatures are of the same message, which is no equivocation")]
    SameMessage,
    /// Two signatures are needed.
    #[error("both signatures are equal, so at least one of them is not of its message")]
    SameSignature,
    /// One of the signatures is not by this key under this randomness.
    #[error(
        "the two signatures do not give the secret key of `{0}`: at least one is not by it under this randomness"
    )]
    OtherKey(PublicKey),
}

/// A message with a signature that is said to be of it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// What was signed.
    pub message: &'a [u8],
    /// Its signature.
    pub signature: &'a Signature,
}

/// The SHA-256 hash of a message with a signature that is said to be of it.
#[derive(Debug, Clone, Copy)]
pub struct SignedHash<'a> {
    /// Hash of what was signed.
    pub hash: [u8; 32],
    /// Its signature.
    pub signature: &'a Signature,
}

impl<'a> From<Signed<'a>> for SignedHash<'a> {
    fn from(signed: Signed<'a>) -> Self {
        Self {
            hash: sha256(&[signed.message]),
            signature: signed.signature,
        }
    }
}

/// Signs a message under randomness that must never sign another.
///
/// The same key, randomness and message give the same signature. Nothing here remembers what was signed, and nothing
/// verifies the result: whoever lets it out [verifies](verify) it first, for a wrong one might disclose the key.
#[cfg(feature = "native")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "one signature uses a nonce up"
)]
pub fn sign(
    key: &SecretKey,
    randomness: crate::SecretRandomness,
    message: &[u8],
) -> Result<Signature, ChallengeOverflow> {
    let e = vote_challenge(&key.public_key(), &randomness.public(), &sha256(&[message]))?;
    let product = Zeroizing::new(e * key.even());
    let s = *product + randomness.even();
    Ok(Signature(crate::encoding::scalar_bytes(&s)))
}

/// Verifies a signature of a message under published randomness.
pub fn verify(
    curve: &impl Curve,
    key: &PublicKey,
    randomness: &PublicRandomness,
    message: &[u8],
    signature: &Signature,
) -> Result<(), VerifyError> {
    let hash = sha256(&[message]);
    vote_challenge(key, randomness, &hash)?;
    if curve.verify_bip340(key, &hash, randomness.as_bytes(), signature.as_bytes()) {
        Ok(())
    } else {
        Err(VerifyError::Invalid)
    }
}

/// Computes the secret key from signatures of two messages under one randomness.
///
/// The key returned is the one whose point has even y: the signer's own or its negative. It was found to belong to the
/// public key, so it is right whatever the signatures are worth; where evidence is judged, [`verify`] them as well.
pub fn extract(
    curve: &impl Curve,
    key: &PublicKey,
    randomness: &PublicRandomness,
    first: Signed<'_>,
    second: Signed<'_>,
) -> Result<SecretKey, ExtractError> {
    extract_from_hashes(curve, key, randomness, first.into(), second.into())
}

/// Computes the secret key as [`extract`] does, for whoever kept only the hashes of the messages.
pub fn extract_from_hashes(
    curve: &impl Curve,
    key: &PublicKey,
    randomness: &PublicRandomness,
    first: SignedHash<'_>,
    second: SignedHash<'_>,
) -> Result<SecretKey, ExtractError> {
    if first.hash == second.hash {
        return Err(ExtractError::SameMessage);
    }
    if first.signature == second.signature {
        return Err(ExtractError::SameSignature);
    }
    let other_key = ExtractError::OtherKey(*key);
    let e = vote_challenge(key, randomness, &first.hash)?
        - vote_challenge(key, randomness, &second.hash)?;
    let s =
        reduced_scalar(first.signature.as_bytes()) - reduced_scalar(second.signature.as_bytes());
    // Both challenges are public, so nothing leaks by the time, and a contract pays for each step.
    let inverse: Scalar = Option::from(e.invert_vartime()).ok_or(other_key)?;
    let secret = Zeroizing::new(s * inverse);
    let point = curve.multiply_generator(&secret).ok_or(other_key)?;
    if point.x() != key.as_bytes() || point.is_y_odd() {
        return Err(other_key);
    }
    Ok(SecretKey::from_parts(&secret, &point))
}

/// What a finality vote signs: `BE64(height) ‖ app hash` (spec 3.5).
pub fn vote_message(height: u64, app_hash: &[u8; 32]) -> [u8; 40] {
    let mut message = [0; 40];
    message[..8].copy_from_slice(&height.to_be_bytes());
    message[8..].copy_from_slice(app_hash);
    message
}

fn vote_challenge(
    key: &PublicKey,
    randomness: &PublicRandomness,
    message_hash: &[u8; 32],
) -> Result<Scalar, ChallengeOverflow> {
    let e = challenge(randomness.as_bytes(), key.as_bytes(), message_hash);
    canonical_scalar(&e).ok_or(ChallengeOverflow)
}
