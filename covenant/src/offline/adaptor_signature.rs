//! Is an adaptor signature valid?

use eots::PublicKey;
use eots::adaptor::{self, AdaptorSignature, EncryptionKey};
use eots::curve::Native;
use serde::Deserialize;

use super::Hex;

/// An adaptor signature and what it should be of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptorSignatureQuestion {
    /// X-only key of the signer.
    signer_public: Hex,
    /// X-only key that the signature is encrypted to, or a compressed point whose parity counts.
    encryption_key: Hex,
    /// The signed 32 bytes.
    message: Hex,
    /// 65 bytes, or 66 in the old form.
    adaptor_signature: Hex,
}

impl AdaptorSignatureQuestion {
    /// Whether the signature is the signer's, of the message, and encrypted to the key.
    ///
    /// What is no key, message or signature at all is not valid either.
    pub fn is_valid(&self) -> bool {
        self.verify().unwrap_or(false)
    }

    fn verify(&self) -> Option<bool> {
        let signer = PublicKey::from_slice(&self.signer_public.0).ok()?;
        let encryption_key = self.encryption_key()?;
        let message: [u8; 32] = self.message.0.as_slice().try_into().ok()?;
        let signature = AdaptorSignature::from_slice(&self.adaptor_signature.0).ok()?;
        Some(adaptor::verify(&Native, &signer, &encryption_key, &message, &signature).is_ok())
    }

    fn encryption_key(&self) -> Option<EncryptionKey> {
        const COMPRESSED: usize = 33;
        let bytes = &self.encryption_key.0;
        if bytes.len() == COMPRESSED {
            EncryptionKey::from_compressed(bytes).ok()
        } else {
            EncryptionKey::from_x_only(&PublicKey::from_slice(bytes).ok()?).ok()
        }
    }
}
