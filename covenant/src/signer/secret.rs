//! The secret key of a committee member, and the only two things it can sign.

use bitcoin::secp256k1::schnorr;
use eots::adaptor::{AdaptorSignature, EncryptionKey};
use eots::{InvalidSecret, SecretKey, bip340};
use rand::RngCore;
use rand::rngs::OsRng;
use staking::keys::{CovenantKey, FinalityProviderKey, KeyError};
use staking::sighash::{SlashingSighash, UnbondingPathSighash};

/// Why a key cannot be used or a signature not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The bytes are no secret key.
    #[error(transparent)]
    Invalid(#[from] InvalidSecret),
    /// Its public key cannot be read.
    #[error(transparent)]
    Public(#[from] KeyError),
    /// The finality provider's key is on no curve.
    #[error(transparent)]
    EncryptionKey(#[from] eots::ParseError),
    /// The adaptor signature failed, its own check included.
    #[error(transparent)]
    Adaptor(#[from] eots::adaptor::SignError),
    /// A signature just made does not verify; it is not given out, it might disclose the key.
    #[error("the signature just made does not verify, so this machine computes wrongly")]
    SelfCheck,
}

/// The secret key of a committee member. Wiped when dropped, never shown.
#[derive(Debug)]
pub struct CovenantSecret {
    secret: SecretKey,
    key: CovenantKey,
}

impl CovenantSecret {
    /// Takes the 32 bytes of a secret key, big endian.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SecretError> {
        let secret = SecretKey::from_bytes(bytes)?;
        let key = CovenantKey::from_slice(secret.public_key().as_bytes())?;
        Ok(Self { secret, key })
    }

    /// Its public key.
    pub fn key(&self) -> CovenantKey {
        self.key
    }

    /// Signs unbonding, plainly. The result was verified.
    pub fn sign_unbonding(
        &self,
        sighash: UnbondingPathSighash,
    ) -> Result<schnorr::Signature, SecretError> {
        let signature = bip340::sign(&self.secret, &sighash.to_bytes(), &fresh()).into();
        if sighash.is_signed_by(&self.key.0, &signature) {
            Ok(signature)
        } else {
            Err(SecretError::SelfCheck)
        }
    }

    /// Signs slashing so that only the secret key of `finality_provider` brings the signature out. It was verified.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one door to a signature of slashing: a type says that nothing else is signed"
    )]
    pub fn sign_slashing(
        &self,
        sighash: SlashingSighash,
        finality_provider: FinalityProviderKey,
    ) -> Result<AdaptorSignature, SecretError> {
        let encryption_key = EncryptionKey::from_x_only(&finality_provider.0.into())?;
        Ok(eots::adaptor::sign(
            &self.secret,
            &encryption_key,
            &sighash.to_bytes(),
            &fresh(),
        )?)
    }
}

/// Auxiliary randomness of a nonce (BIP-0340, spec 4.5).
fn fresh() -> [u8; 32] {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
