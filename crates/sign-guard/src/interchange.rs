//! Moving a key to another signer without its history: the highest height of each chain, as JSON.
//!
//! The shape follows EIP-3076's minimal form. What is not told cannot be misused: no app hashes, no signatures.

use serde::{Deserialize, Serialize};

use crate::error::StorageError;
use crate::guard::Status;
use crate::vote::{ChainDomain, Identity};

/// The version written and read.
const VERSION: u32 = 1;

/// What one signer hands to the next; serialises to JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interchange {
    metadata: Metadata,
    data: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    interchange_format_version: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    eots_public_key: String,
    chain: ChainDomain,
    /// Nothing may be signed at or below this height.
    watermark: u64,
}

/// Why an export cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Written by a later version of this software.
    #[error(
        "slashing protection has interchange version {found}, this program reads version {VERSION}"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// A public key that is none.
    #[error("`{0}` is no public key: 64 hex digits are needed")]
    PublicKey(String),
    /// The storage failed; nothing was taken over.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Interchange {
    pub(crate) fn new(statuses: &[Status]) -> Self {
        let entry = |status: &Status| Entry {
            eots_public_key: hex::encode(status.identity.public_key),
            chain: status.identity.chain.clone(),
            watermark: status.highest(),
        };
        Self {
            metadata: Metadata {
                interchange_format_version: VERSION,
            },
            data: statuses.iter().map(entry).collect(),
        }
    }

    pub(crate) fn watermarks(&self) -> Result<Vec<(Identity, u64)>, ImportError> {
        let found = self.metadata.interchange_format_version;
        if found != VERSION {
            return Err(ImportError::Version { found });
        }
        self.data
            .iter()
            .map(|entry| {
                let mut public_key = [0; 32];
                hex::decode_to_slice(&entry.eots_public_key, &mut public_key)
                    .map_err(|_| ImportError::PublicKey(entry.eots_public_key.clone()))?;
                Ok((
                    Identity {
                        public_key,
                        chain: entry.chain.clone(),
                    },
                    entry.watermark,
                ))
            })
            .collect()
    }
}
