//! What the contracts answer, as far as it is used. Everything here is hostile: what does not parse is an error that names
//! the field, and what does is checked where it is used.

use bitcoin::BlockHash;
use bitcoin::hashes::Hash as _;
use eots::PublicKey;
use eots::commitment::Commitment;
use mesh_core::Domain;
use mesh_core::commit::Commit;
use mesh_core::table::{Entry, Table as SignedTable, Term};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::Listed;
use crate::ChainError;

/// Longest address that can be registered: what is signed has its length in one byte.
const LONGEST_ADDRESS: usize = 255;

/// Commitments of a provider that the contract keeps.
const MOST_COMMITS: usize = 2;

/// An address as its chain writes it. Nothing but its length is checked.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    if text.len() > LONGEST_ADDRESS {
        return Err(D::Error::custom(format!(
            "an address of {} bytes, it has at most {LONGEST_ADDRESS}",
            text.len()
        )));
    }
    Ok(text.into_owned())
}

/// Some items, of which the contract keeps so many at most.
#[derive(Debug, Clone)]
pub(super) struct Few<T, const MOST: usize>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        if items.len() > MOST {
            return Err(D::Error::custom(format!(
                "{} items, there can be {MOST} at most",
                items.len()
            )));
        }
        Ok(Self(items))
    }
}

/// 32 bytes as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes32(pub(super) [u8; 32]);

impl Serialize for Bytes32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut bytes).map_err(|_| {
            D::Error::custom(format!(
                "{} bytes of text are not 64 hex digits",
                text.len()
            ))
        })?;
        Ok(Self(bytes))
    }
}

/// A number above 64 bits, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub(super) u128);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom("is not an amount"))
    }
}

/// What was fixed at the beginning, and the parameters.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    pub(super) domain: Bytes32,
    pub(super) height: u64,
    pub(super) time: u64,
    pub(super) light: String,
    pub(super) denom: String,
    pub(super) params: Params,
}

/// The numbers of an instance that our programs go by.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Params {
    pub(super) depth_min: u32,
    pub(super) challenge: u32,
    pub(super) max_age: u32,
    pub(super) slash_margin: u32,
    pub(super) epoch_len: u32,
    pub(super) window: u32,
    pub(super) participation_floor: u16,
}

/// Where finality stands.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) started: bool,
    pub(super) era: u32,
    pub(super) epoch: u64,
    pub(super) next: u64,
    pub(super) next_table_ready: bool,
}

/// A provider.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Provider {
    pub(super) pk: Bytes32,
    #[serde(deserialize_with = "address")]
    pub(super) operator: String,
    /// Basis points.
    pub(super) commission: u16,
    pub(super) status: ProviderStatus,
    pub(super) registration_seq: u64,
    pub(super) commit_seq: u64,
    pub(super) commits: Few<CommitInfo, MOST_COMMITS>,
    pub(super) earned: Amount,
}

/// Standing of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProviderStatus {
    Active,
    Jailed {},
    Slashed,
}

/// Some providers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Providers {
    providers: Vec<Provider>,
}

impl Listed for Provider {
    type Place = Bytes32;
    type Answer = Providers;
    const LIST: &'static str = "providers";
    /// A hundred of them are in a table. Anybody may register more, for the gas of a transaction each; no chain has seen a
    /// hundredth of so many.
    const MOST: usize = 100_000;

    fn on(page: Providers) -> Vec<Self> {
        page.providers
    }

    fn place(&self) -> Bytes32 {
        self.pk
    }
}

/// A commit to public randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct CommitInfo {
    pub(super) start: u64,
    pub(super) num: u64,
    pub(super) root: Bytes32,
}

/// A table.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Table {
    era: u32,
    epoch: u64,
    first_k: u64,
    first_height: u64,
    interval: u32,
    count: u32,
    btc_cut: u32,
    btc_cut_hash: BlockHash,
    at_risk: u64,
    root: Bytes32,
    entries: Vec<TableEntry>,
}

#[derive(Debug, Clone, Deserialize)]
struct TableEntry {
    pk: Bytes32,
    weight: u64,
    commit: CommitInfo,
}

impl Table {
    /// The table with its root computed anew.
    ///
    /// # Errors
    ///
    /// Refuses one that breaks a rule of tables, or whose root is another.
    pub(super) fn rebuilt(self, domain: &Domain) -> Result<SignedTable, ChainError> {
        let term = Term {
            era: self.era,
            epoch: self.epoch,
            first_checkpoint: self.first_k,
            first_height: self.first_height,
            interval: self.interval,
            checkpoints: self.count,
            cut_height: self.btc_cut,
            cut_hash: self.btc_cut_hash.to_byte_array(),
        };
        let invalid = |reason: String| ChainError::InvalidAnswer {
            query: "table",
            reason,
        };
        let entries = self
            .entries
            .iter()
            .map(|entry| {
                let CommitInfo { start, num, root } = entry.commit;
                Ok(Entry {
                    provider: PublicKey::from_bytes(entry.pk.0)
                        .map_err(|error| error.to_string())?,
                    weight: entry.weight,
                    commit: Commit::new(start, num, Commitment::from_bytes(root.0))
                        .map_err(|error| error.to_string())?,
                })
            })
            .collect::<Result<_, String>>()
            .map_err(invalid)?;
        let table = SignedTable::new(domain, term, self.at_risk, entries)
            .map_err(|error| invalid(error.to_string()))?;
        if table.head().root == self.root.0 {
            Ok(table)
        } else {
            Err(invalid(format!(
                "the table of epoch {} has root {}, it is said to have {}",
                self.epoch,
                hex::encode(table.head().root),
                hex::encode(self.root.0)
            )))
        }
    }
}

/// The votes of a provider that are kept.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Votes {
    pub(super) votes: Vec<KeptVote>,
}

/// A vote that is kept.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct KeptVote {
    pub(super) k: u64,
}

/// A provider's key that is out.
#[derive(Clone, Deserialize)]
pub(super) struct Slashed {
    pub(super) sk: Bytes32,
    pub(super) height: u64,
}

/// A Bitcoin header of `btc-light`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Header {
    pub(super) height: u32,
    pub(super) raw: String,
}

/// What `btc-light` was begun with.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LightConfig {
    pub(super) base_height: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn provider(change: impl FnOnce(&mut Value)) -> Result<Provider, String> {
        let mut provider = json!({
            "pk": "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "operator": "wasm1",
            "commission": 500,
            "status": "active",
            "registration_seq": 1,
            "commit_seq": 1,
            "commits": [],
            "earned": "0",
        });
        change(&mut provider);
        serde_json::from_value(provider).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_provider_takes_of_memory_has_a_bound() {
        let commit = json!({ "start": 0, "num": 1, "root": "00".repeat(32) });
        let longest = "w".repeat(LONGEST_ADDRESS);
        let read = provider(|provider| {
            provider["operator"] = longest.clone().into();
            provider["commits"] = json!([commit, commit]);
        });
        let read = read.unwrap();
        assert_eq!((read.operator, read.commits.0.len()), (longest.clone(), 2));
        for (field, value, named) in [
            (
                "operator",
                json!(longest + "w"),
                "an address of 256 bytes, it has at most 255",
            ),
            (
                "commits",
                json!([commit, commit, commit]),
                "3 items, there can be 2 at most",
            ),
        ] {
            let error = provider(|provider| provider[field] = value).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
