//! One line of the log and the hash that binds it to the line before.

use std::fmt;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};

use crate::signer::Origin;

/// What comes between the content of a line and its hash, which is always last.
const HASH_FIELD: &str = ",\"hash\":\"";

/// What ends a line, but for the line break.
const END: &str = "\"}";

/// Something the signer did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The signer began to serve.
    Started {
        /// Its key.
        covenant: CovenantKey,
        /// Bitcoin network that it serves.
        network: String,
    },
    /// It signed everything that a delegation needs.
    Signed {
        /// Who asked for it.
        #[serde(default)]
        origin: Origin,
        /// The staking output.
        staking_output: OutPoint,
        /// The only unbonding transaction ever signed for that output.
        unbonding_txid: Txid,
        /// Signed for each finality provider, encrypted to its key.
        slashing_txid: Txid,
        /// Signed for each finality provider, encrypted to its key.
        unbonding_slashing_txid: Txid,
        /// Owner of the stake.
        staker: StakerKey,
        /// In the order of the signatures.
        finality_providers: Vec<FinalityProviderKey>,
        /// Version of the parameters that the delegation was checked against.
        params_version: u32,
        /// Fingerprint of these parameters.
        params_fingerprint: sha256::Hash,
    },
    /// It refused to sign.
    Refused {
        /// Who asked for it.
        #[serde(default)]
        origin: Origin,
        /// Transaction that was called the staking transaction.
        staking_txid: Txid,
        /// Identifier of the broken rule.
        rule: String,
        /// The value and the rule, for people.
        message: String,
    },
}

/// Where a log ends: how many lines there are and the hash of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of lines.
    pub entries: u64,
    /// Hash of the last; zeros where there is none.
    pub hash: sha256::Hash,
}

impl Head {
    /// The head of a log without lines.
    pub fn empty() -> Self {
        Self {
            entries: 0,
            hash: sha256::Hash::all_zeros(),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} entries)", self.hash, self.entries)
    }
}

/// The content of a line, hash aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of the line, from 1.
    pub sequence: u64,
    /// When it was written, in seconds since 1970.
    pub time: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Hash of the line before; zeros in the first.
    pub previous: sha256::Hash,
}

/// An entry together with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The content.
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash of the content as it stands in the line.
    pub hash: sha256::Hash,
}

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("it does not end with the hash of its content")]
    NoHash,
    #[error("its hash is {written}, but that of its content is {actual}")]
    WrongHash {
        written: sha256::Hash,
        actual: sha256::Hash,
    },
    #[error("its content is no entry: {0}")]
    Content(#[from] serde_json::Error),
}

impl Entry {
    /// The line, with line break, and the hash in it: SHA-256 of all bytes of the line before `,"hash"`.
    pub(super) fn to_line(&self) -> Result<(String, sha256::Hash), serde_json::Error> {
        let mut line = serde_json::to_string(self)?;
        // The closing brace; it comes back after the hash.
        line.pop();
        let hash = sha256::Hash::hash(line.as_bytes());
        line += &[HASH_FIELD, &hash.to_string(), END, "\n"].concat();
        Ok((line, hash))
    }
}

impl Recorded {
    /// Reads a line without its line break; the content must have the hash that the line says.
    pub(super) fn from_line(line: &str) -> Result<Self, LineError> {
        let (content, written) = line
            .strip_suffix(END)
            .and_then(|line| line.rsplit_once(HASH_FIELD))
            .and_then(|(content, hash)| Some((content, hash.parse::<sha256::Hash>().ok()?)))
            .ok_or(LineError::NoHash)?;
        let actual = sha256::Hash::hash(content.as_bytes());
        if actual != written {
            return Err(LineError::WrongHash { written, actual });
        }
        Ok(Self {
            entry: serde_json::from_str(&format!("{content}}}"))?,
            hash: actual,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_of_a_line_can_be_computed_with_common_tools() {
        let entry = Entry {
            sequence: 1,
            time: 1_795_000_000,
            event: Event::Refused {
                origin: Origin::Staker,
                staking_txid: Txid::all_zeros(),
                rule: "unbonding-fee".into(),
                message: "says \"no\"".into(),
            },
            previous: Head::empty().hash,
        };
        let (line, hash) = entry.to_line().unwrap();
        let content = line.split(",\"hash\"").next().unwrap();
        assert_eq!(sha256::Hash::hash(content.as_bytes()), hash);
        let read = Recorded::from_line(line.trim_end()).unwrap();
        assert_eq!(read, Recorded { entry, hash });
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panicking(line in ".*") {
            prop_assert!(Recorded::from_line(&line).is_err());
        }

        #[test]
        fn any_message_survives_the_line(rule in ".*", message in ".*") {
            let event = Event::Refused { origin: Origin::Chain, staking_txid: Txid::all_zeros(), rule, message };
            let entry = Entry { sequence: 1, time: 0, event, previous: Head::empty().hash };
            let (line, hash) = entry.to_line().unwrap();
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(
                Recorded::from_line(line.trim_end_matches('\n')).unwrap(),
                Recorded { entry, hash }
            );
        }
    }
}
