//! The two kinds of secret that a key file holds.

use std::fmt;

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::document::Kind;
use crate::error::SecretError;

/// A seed phrase (BIP-0039, English) from which keys are derived; wiped when dropped.
#[derive(Clone)]
pub struct Seed(Mnemonic);

/// The 32 bytes of a secret key; wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

/// What a key file holds.
#[derive(Clone)]
pub enum Secret {
    /// A seed phrase.
    Seed(Seed),
    /// A secret key.
    Key(SecretKey),
}

impl Seed {
    /// Makes a new seed of 24 words from the operating system's randomness.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "32 bytes are a length that BIP-0039 allows"
    )]
    pub fn generate() -> Self {
        let mut entropy = Zeroizing::new([0; 32]);
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, entropy.as_mut_slice());
        let mnemonic = Mnemonic::from_entropy(entropy.as_slice()).expect("32 bytes of entropy");
        Self(mnemonic)
    }

    /// Reads a phrase that somebody wrote down; spaces around and between the words do not matter.
    ///
    /// # Errors
    ///
    /// Says which word is unknown, never what it is.
    pub fn from_phrase(phrase: &str) -> Result<Self, SecretError> {
        Mnemonic::parse_in(Language::English, phrase)
            .map(Self)
            .map_err(|error| SecretError::Phrase {
                unknown: match error {
                    bip39::Error::UnknownWord(position) => Some(position + 1),
                    _ => None,
                },
            })
    }

    /// The phrase, to derive keys from or to show to its owner once.
    pub fn expose(&self) -> &Mnemonic {
        &self.0
    }
}

impl SecretKey {
    /// Takes the bytes of a secret key, big endian. Whether they are a valid scalar is for their user to judge.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The bytes, big endian.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Secret {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Seed(_) => Kind::Seed,
            Self::Key(_) => Kind::SecretKey,
        }
    }

    /// The seed, where it is one.
    ///
    /// # Errors
    ///
    /// Says what it is instead.
    pub fn into_seed(self) -> Result<Seed, SecretError> {
        match self {
            Self::Seed(seed) => Ok(seed),
            Self::Key(_) => Err(SecretError::Kind {
                expected: Kind::Seed,
                found: Kind::SecretKey,
            }),
        }
    }

    /// The secret key, where it is one.
    ///
    /// # Errors
    ///
    /// Says what it is instead.
    pub fn into_key(self) -> Result<SecretKey, SecretError> {
        match self {
            Self::Key(key) => Ok(key),
            Self::Seed(_) => Err(SecretError::Kind {
                expected: Kind::SecretKey,
                found: Kind::Seed,
            }),
        }
    }

    /// What is encrypted: a seed's entropy, a key's bytes.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Seed(seed) => seed.0.to_entropy(),
            Self::Key(key) => key.0.to_vec(),
        })
    }

    pub(crate) fn from_bytes(kind: Kind, bytes: &[u8]) -> Result<Self, SecretError> {
        let refused = || SecretError::Length {
            kind,
            length: bytes.len(),
        };
        match kind {
            Kind::Seed => Mnemonic::from_entropy(bytes)
                .map(|seed| Self::Seed(Seed(seed)))
                .map_err(|_| refused()),
            Kind::SecretKey => <[u8; 32]>::try_from(bytes)
                .map(|key| Self::Key(SecretKey(Zeroizing::new(key))))
                .map_err(|_| refused()),
        }
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(redacted)")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}, redacted)", self.kind())
    }
}
