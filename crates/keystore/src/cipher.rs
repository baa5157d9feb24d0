//! From a passphrase to a key (Argon2id), and the encryption under it (XChaCha20-Poly1305).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::KeyFileError;
use crate::passphrase::Passphrase;

/// What deriving the key costs whoever has, or guesses, the passphrase. Recorded in each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KdfCost {
    /// Memory in KiB.
    memory_kib: u32,
    /// Number of passes over the memory.
    passes: u32,
    /// Number of lanes.
    lanes: u32,
}

/// Most that a file may ask for, so that a forged header cannot exhaust the machine.
const LIMIT: KdfCost = KdfCost {
    memory_kib: 1 << 20,
    passes: 16,
    lanes: 16,
};

impl KdfCost {
    /// For real keys: 64 MiB, three passes, four lanes, the second recommendation of RFC 9106.
    pub const PRODUCTION: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };

    /// For keys without value in tests: next to nothing.
    pub const INSECURE_FOR_TESTS: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn argon2(self) -> Result<Argon2<'static>, KeyFileError> {
        let Self {
            memory_kib,
            passes,
            lanes,
        } = self;
        let refused = || KeyFileError::Cost {
            memory_kib,
            passes,
            lanes,
        };
        if memory_kib > LIMIT.memory_kib || passes > LIMIT.passes || lanes > LIMIT.lanes {
            return Err(refused());
        }
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| refused())?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    fn derive(
        self,
        passphrase: &Passphrase,
        salt: &[u8; 16],
    ) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
        let argon2 = self.argon2()?;
        let mut memory = Zeroizing::new(vec![Block::default(); argon2.params().block_count()]);
        let mut key = Zeroizing::new([0; 32]);
        argon2
            .hash_password_into_with_memory(
                passphrase.as_bytes(),
                salt,
                key.as_mut_slice(),
                memory.as_mut_slice(),
            )
            .map_err(|_| KeyFileError::Cost {
                memory_kib: self.memory_kib,
                passes: self.passes,
                lanes: self.lanes,
            })?;
        Ok(key)
    }
}

/// One encryption's parameters: everything but the passphrase and the data.
pub(crate) struct Sealing<'a> {
    pub(crate) cost: KdfCost,
    pub(crate) salt: &'a [u8; 16],
    pub(crate) nonce: &'a [u8; 24],
    /// Authenticated but not encrypted.
    pub(crate) associated: &'a [u8],
}

impl Sealing<'_> {
    pub(crate) fn seal(
        &self,
        passphrase: &Passphrase,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyFileError> {
        let payload = Payload {
            msg: plaintext,
            aad: self.associated,
        };
        #[expect(clippy::expect_used, reason = "fails only beyond 256 GiB of plaintext")]
        let ciphertext = self
            .cipher(passphrase)?
            .encrypt(XNonce::from_slice(self.nonce), payload)
            .expect("a secret is far below the cipher's limit");
        Ok(ciphertext)
    }

    /// `None` where the key or any authenticated byte is another one.
    pub(crate) fn unseal(
        &self,
        passphrase: &Passphrase,
        ciphertext: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFileError> {
        let payload = Payload {
            msg: ciphertext,
            aad: self.associated,
        };
        let plaintext = self
            .cipher(passphrase)?
            .decrypt(XNonce::from_slice(self.nonce), payload);
        Ok(plaintext.ok().map(Zeroizing::new))
    }

    fn cipher(&self, passphrase: &Passphrase) -> Result<XChaCha20Poly1305, KeyFileError> {
        let key = self.cost.derive(passphrase, self.salt)?;
        Ok(XChaCha20Poly1305::new(key.as_slice().into()))
    }
}
