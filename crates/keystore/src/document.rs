//! The key file as text: what stands in it, in which spelling.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cipher::KdfCost;

/// Says what the file is to whoever opens it in an editor.
const FORMAT: &str = "btc-mesh key file";

/// The version written and read.
pub(crate) const VERSION: u32 = 1;

/// What kind of secret a key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A seed phrase.
    Seed,
    /// A 32-byte secret key.
    SecretKey,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seed => "seed",
            Self::SecretKey => "secret key",
        })
    }
}

/// What is in clear and authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) kind: Kind,
    pub(crate) label: String,
    pub(crate) public: String,
    pub(crate) argon2id: KdfCost,
    pub(crate) salt: HexBytes<16>,
    pub(crate) nonce: HexBytes<24>,
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) header: Header,
    ciphertext: String,
    checksum: HexBytes<32>,
}

/// Text that is no key file of this version.
pub(crate) enum DocumentError {
    Damaged(String),
    Version(u32),
}

/// Bytes of a fixed length, spelled in lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HexBytes<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> TryFrom<String> for HexBytes<N> {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

impl<const N: usize> From<HexBytes<N>> for String {
    fn from(bytes: HexBytes<N>) -> Self {
        hex::encode(bytes.0)
    }
}

impl Header {
    pub(crate) fn new(
        kind: Kind,
        label: String,
        public: String,
        cost: KdfCost,
        salt: [u8; 16],
        nonce: [u8; 24],
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            kind,
            label,
            public,
            argon2id: cost,
            salt: HexBytes(salt),
            nonce: HexBytes(nonce),
        }
    }

    /// The bytes that the cipher authenticates.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "strings and numbers have a JSON form")]
        serde_json::to_vec(self).expect("a header is plain data")
    }
}

impl Document {
    pub(crate) fn new(header: Header, ciphertext: &[u8]) -> Self {
        let checksum = HexBytes(checksum(&header, ciphertext));
        Self {
            header,
            ciphertext: hex::encode(ciphertext),
            checksum,
        }
    }

    pub(crate) fn to_text(&self) -> String {
        #[expect(clippy::expect_used, reason = "strings and numbers have a JSON form")]
        let text = serde_json::to_string_pretty(self).expect("a document is plain data");
        text + "\n"
    }

    /// Reads a document and its ciphertext, in the spelling of [`Self::to_text`] only.
    pub(crate) fn parse(text: &str) -> Result<(Self, Vec<u8>), DocumentError> {
        let damaged = |reason: &str| DocumentError::Damaged(reason.to_owned());
        let versioned: Versioned = serde_json::from_str(text).map_err(|error| misread(&error))?;
        if versioned.header.format != FORMAT {
            return Err(damaged("it does not call itself one"));
        }
        if versioned.header.version != VERSION {
            return Err(DocumentError::Version(versioned.header.version));
        }
        let document: Self = serde_json::from_str(text).map_err(|error| misread(&error))?;
        let ciphertext = hex::decode(&document.ciphertext)
            .map_err(|_| damaged("the ciphertext is not hexadecimal"))?;
        let rebuilt = Self::new(document.header, &ciphertext);
        if rebuilt.checksum != document.checksum {
            return Err(damaged("the checksum does not match"));
        }
        if rebuilt.to_text() != text {
            return Err(damaged("it is not spelled as it was written"));
        }
        Ok((rebuilt, ciphertext))
    }
}

/// What any version has, to tell a later version from damage.
#[derive(Deserialize)]
struct Versioned {
    header: VersionedHeader,
}

#[derive(Deserialize)]
struct VersionedHeader {
    format: String,
    version: u32,
}

/// Where the text goes wrong. What stands there is not repeated: it may be a key in clear, given by mistake.
fn misread(error: &serde_json::Error) -> DocumentError {
    DocumentError::Damaged(format!(
        "it is not one in line {}, column {}",
        error.line(),
        error.column()
    ))
}

fn checksum(header: &Header, ciphertext: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(header.to_bytes())
        .chain_update(ciphertext)
        .finalize()
        .into()
}
