//! Schnorr adaptor signatures: a BIP-0340 signature encrypted to a point (spec 4).
//!
//! A covenant member signs a slashing transaction encrypted to the finality provider's key. Whoever learns the
//! provider's secret key can [`decrypt`] it and burn the stake; whoever sees it both encrypted and decrypted can
//! [`extract`] the key. For the point T and the nonce point R the decrypted signature has the nonce point R0 = R + T.

mod keys;
mod signature;

pub use keys::{DecryptionKey, EncryptionKey};
pub use signature::AdaptorSignature;

use k256::Scalar;

use crate::PublicKey;
use crate::bip340;
use crate::curve::Curve;
use crate::encoding::{reduced_scalar, scalar_bytes};
use crate::hash::challenge;

/// An adaptor signature that does not fit its key, encryption key and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the adaptor signature does not fit the public key `{public_key}`, the encryption key `{encryption_key}` and the message"
)]
pub struct InvalidAdaptorSignature {
    /// Who should have signed.
    pub public_key: PublicKey,
    /// What it should be encrypted to.
    pub encryption_key: EncryptionKey,
}

/// Why an adaptor signature was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The nonce is zero or cancels the encryption key; the odds are 2⁻¹²⁸. Other auxiliary randomness helps.
    #[error(
        "the nonce cannot be used with the encryption key `{0}`; sign again with other randomness"
    )]
    Nonce(EncryptionKey),
    /// The signature made does not verify: a fault of the machine. It is not returned, it might disclose the key.
    #[error(
        "the adaptor signature just made does not verify, so this machine computes wrongly: {0}"
    )]
    SelfCheck(#[from] InvalidAdaptorSignature),
}

/// Why no signature came out of a decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// s is zero, which verification refuses too.
    #[error("the adaptor signature has s = 0")]
    ZeroScalar,
    /// What came out is not a signature of the message: another key, message, or encryption key.
    #[error(
        "the decrypted adaptor signature is not valid, or not encrypted to `{encryption_key}`: {source}"
    )]
    Invalid {
        /// What the decryption key belongs to.
        encryption_key: EncryptionKey,
        /// What does not fit.
        source: bip340::InvalidSignature,
    },
}

/// Why a pair of signatures does not give the decryption key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The signatures have different nonce points.
    #[error(
        "the signature was not decrypted from this adaptor signature: their nonce points differ"
    )]
    OtherNonce,
    /// They give a key, but another one.
    #[error("the two signatures do not give the decryption key of `{0}`")]
    OtherKey(EncryptionKey),
}

/// Signs a 32-byte message, encrypted to a key, with 32 bytes of fresh randomness.
///
/// The result was verified before it is returned.
#[cfg(feature = "native")]
pub fn sign(
    key: &crate::SecretKey,
    encryption_key: &EncryptionKey,
    message: &[u8; 32],
    aux: &[u8; 32],
) -> Result<AdaptorSignature, SignError> {
    use subtle::{Choice, ConditionallySelectable};
    use zeroize::Zeroizing;

    use crate::curve::Native;

    let public_key = key.public_key();
    let nonce = Zeroizing::new(nonce(key, encryption_key, message, aux));
    let signature = Native
        .multiply_generator(&nonce)
        .and_then(|point| Native.add(&point, encryption_key.point()))
        .map(|decrypted_nonce| {
            let odd = Choice::from(u8::from(decrypted_nonce.is_y_odd()));
            let nonce = Zeroizing::new(Scalar::conditional_select(&nonce, &-*nonce, odd));
            let e = reduced_scalar(&challenge(
                decrypted_nonce.x(),
                public_key.as_bytes(),
                message,
            ));
            let product = Zeroizing::new(e * key.even());
            let s = *nonce + *product;
            AdaptorSignature::from_parts(&decrypted_nonce.to_compressed(), &s)
        })
        .ok_or(SignError::Nonce(*encryption_key))?;
    verify(&Native, &public_key, encryption_key, message, &signature)?;
    Ok(signature)
}

/// The nonce of a signature; zero once in 2²⁵⁶. The x-only key goes in, as in the reference vectors (spec 4.8).
#[cfg(feature = "native")]
fn nonce(
    key: &crate::SecretKey,
    encryption_key: &EncryptionKey,
    message: &[u8; 32],
    aux: &[u8; 32],
) -> Scalar {
    use zeroize::Zeroizing;

    use crate::hash::tagged;

    let mut masked = Zeroizing::new(scalar_bytes(key.even()));
    for (byte, mask) in masked.iter_mut().zip(tagged("SchnorrAdaptor/aux", &[aux])) {
        *byte ^= mask;
    }
    let hash = Zeroizing::new(tagged(
        "SchnorrAdaptor/nonce",
        &[
            masked.as_slice(),
            &encryption_key.to_compressed(),
            key.public_key().as_bytes(),
            message,
        ],
    ));
    reduced_scalar(&hash)
}

/// Verifies that decrypting the signature with the discrete logarithm of the encryption key gives a BIP-0340 signature
/// of the message, and that the two together give that logarithm away.
pub fn verify(
    curve: &impl Curve,
    key: &PublicKey,
    encryption_key: &EncryptionKey,
    message: &[u8; 32],
    signature: &AdaptorSignature,
) -> Result<(), InvalidAdaptorSignature> {
    let e = reduced_scalar(&challenge(&signature.x(), key.as_bytes(), message));
    let s = signature.s();
    // With odd R0 the signer's nonce was negated, so s·G − e·P is −R.
    let nonce = if signature.is_nonce_odd() {
        curve.linear_combination(&e, key, &-s)
    } else {
        curve.linear_combination(&-e, key, &s)
    };
    nonce
        .filter(|_| !bool::from(s.is_zero()))
        .and_then(|nonce| curve.add(&nonce, encryption_key.point()))
        .filter(|decrypted_nonce| decrypted_nonce.to_compressed() == signature.nonce())
        .map(|_| ())
        .ok_or(InvalidAdaptorSignature {
            public_key: *key,
            encryption_key: *encryption_key,
        })
}

/// Decrypts an adaptor signature of a message by a key. The BIP-0340 signature was verified before it is returned.
pub fn decrypt(
    curve: &impl Curve,
    key: &PublicKey,
    decryption_key: &DecryptionKey,
    message: &[u8; 32],
    signature: &AdaptorSignature,
) -> Result<bip340::Signature, DecryptError> {
    let s = signature.s();
    if bool::from(s.is_zero()) {
        return Err(DecryptError::ZeroScalar);
    }
    let s = if signature.is_nonce_odd() {
        s - decryption_key.scalar()
    } else {
        s + decryption_key.scalar()
    };
    let decrypted = bip340::Signature::from_halves(&signature.x(), &scalar_bytes(&s));
    bip340::verify(curve, key, message, &decrypted).map_err(|source| DecryptError::Invalid {
        encryption_key: decryption_key.encryption_key(),
        source,
    })?;
    Ok(decrypted)
}

/// Computes the decryption key from an adaptor signature and its decrypted form, and checks that it belongs to
/// `encryption_key`.
pub fn extract(
    curve: &impl Curve,
    encryption_key: &EncryptionKey,
    signature: &AdaptorSignature,
    decrypted: &bip340::Signature,
) -> Result<DecryptionKey, ExtractError> {
    if decrypted.r() != signature.x() {
        return Err(ExtractError::OtherNonce);
    }
    let difference: Scalar = reduced_scalar(&decrypted.s()) - signature.s();
    let scalar = if signature.is_nonce_odd() {
        -difference
    } else {
        difference
    };
    if curve.multiply_generator(&scalar).as_ref() == Some(encryption_key.point()) {
        Ok(DecryptionKey::from_parts(scalar, *encryption_key))
    } else {
        Err(ExtractError::OtherKey(*encryption_key))
    }
}
