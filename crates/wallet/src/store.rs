//! The wallet's changes on disk: an append-only list in a sled tree.
//!
//! | key | value |
//! |---|---|
//! | `format` | one byte, [`FORMAT`] |
//! | `birthday` | height, 4 bytes big endian |
//! | `change/` + number, 8 bytes big endian | one bdk change set as JSON |
//!
//! All of it is rebuildable (see the crate's documentation), which is why it may be in sled.

use bdk_wallet::chain::Merge as _;
use bdk_wallet::{ChangeSet, WalletPersister};
use staking::units::BitcoinHeight;

use crate::error::WalletError;

const FORMAT: u8 = 1;
const FORMAT_KEY: &[u8] = b"format";
const BIRTHDAY_KEY: &[u8] = b"birthday";
const CHANGE_PREFIX: &[u8] = b"change/";

/// Above so many changes they are merged into one when the wallet is opened.
const MERGE_ABOVE: usize = 256;

/// The wallet's changes in a sled tree that nothing else uses.
#[derive(Debug)]
pub(crate) struct Store {
    tree: sled::Tree,
}

/// Reading or writing the store failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StoreError {
    #[error("{0}")]
    Sled(#[from] sled::Error),
    #[error("change {number} cannot be read: {reason}")]
    Change { number: u64, reason: String },
    #[error("a change cannot be written: {0}")]
    Encode(String),
    #[error("`{key}` is {found:02x?}, which this version does not understand")]
    Meta { key: &'static str, found: Vec<u8> },
}

impl Store {
    /// Uses a tree; writes nothing yet.
    pub(crate) fn new(tree: sled::Tree) -> Self {
        Self { tree }
    }

    /// Notes the height below which the wallet has no coins.
    pub(crate) fn set_birthday(&self, birthday: BitcoinHeight) -> Result<(), StoreError> {
        self.tree.insert(BIRTHDAY_KEY, &birthday.0.to_be_bytes())?;
        self.tree.flush()?;
        Ok(())
    }

    /// The height below which the wallet has no coins; 0 where it was never noted.
    pub(crate) fn birthday(&self) -> Result<BitcoinHeight, StoreError> {
        let Some(value) = self.tree.get(BIRTHDAY_KEY)? else {
            return Ok(BitcoinHeight::default());
        };
        <[u8; 4]>::try_from(value.as_ref())
            .map(|bytes| BitcoinHeight(u32::from_be_bytes(bytes)))
            .map_err(|_| StoreError::Meta {
                key: "birthday",
                found: value.to_vec(),
            })
    }

    fn check_format(&self) -> Result<(), StoreError> {
        match self.tree.get(FORMAT_KEY)? {
            None => {
                self.tree.insert(FORMAT_KEY, &[FORMAT])?;
                Ok(())
            }
            Some(value) if value.as_ref() == [FORMAT] => Ok(()),
            Some(value) => Err(StoreError::Meta {
                key: "format",
                found: value.to_vec(),
            }),
        }
    }

    fn next_number(&self) -> Result<u64, StoreError> {
        match self.tree.scan_prefix(CHANGE_PREFIX).keys().next_back() {
            None => Ok(0),
            Some(key) => Ok(number_of(&key?)?.saturating_add(1)),
        }
    }

    fn load(&self) -> Result<ChangeSet, StoreError> {
        self.check_format()?;
        let mut merged = ChangeSet::default();
        let mut numbers = Vec::new();
        for entry in self.tree.scan_prefix(CHANGE_PREFIX) {
            let (key, value) = entry?;
            let number = number_of(&key)?;
            let change: ChangeSet =
                serde_json::from_slice(&value).map_err(|error| StoreError::Change {
                    number,
                    reason: error.to_string(),
                })?;
            merged.merge(change);
            numbers.push(number);
        }
        if numbers.len() > MERGE_ABOVE {
            self.replace(&numbers, &merged)?;
        }
        Ok(merged)
    }

    /// Puts one change in the place of several, all at once.
    fn replace(&self, numbers: &[u64], merged: &ChangeSet) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for number in numbers {
            batch.remove(change_key(*number));
        }
        batch.insert(change_key(self.next_number()?), encode(merged)?);
        self.tree.apply_batch(batch)?;
        self.tree.flush()?;
        Ok(())
    }

    fn append(&self, change: &ChangeSet) -> Result<(), StoreError> {
        if change.is_empty() {
            return Ok(());
        }
        self.tree
            .insert(change_key(self.next_number()?), encode(change)?)?;
        self.tree.flush()?;
        Ok(())
    }
}

fn encode(change: &ChangeSet) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(change).map_err(|error| StoreError::Encode(error.to_string()))
}

fn change_key(number: u64) -> Vec<u8> {
    [CHANGE_PREFIX, &number.to_be_bytes()].concat()
}

fn number_of(key: &[u8]) -> Result<u64, StoreError> {
    key.strip_prefix(CHANGE_PREFIX)
        .and_then(|number| <[u8; 8]>::try_from(number).ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| StoreError::Meta {
            key: "change/",
            found: key.to_vec(),
        })
}

impl WalletPersister for Store {
    type Error = StoreError;

    fn initialize(store: &mut Self) -> Result<ChangeSet, StoreError> {
        store.load()
    }

    fn persist(store: &mut Self, change: &ChangeSet) -> Result<(), StoreError> {
        store.append(change)
    }
}

impl From<StoreError> for WalletError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bdk_wallet::chain::local_chain;
    use bdk_wallet::persist_test_utils::{
        persist_keychains, persist_multiple_wallet_changesets, persist_network,
        persist_single_keychain, persist_wallet_changeset,
    };
    use bitcoin::Network;
    use bitcoin::hashes::Hash as _;

    use super::*;

    fn create(path: &Path) -> anyhow::Result<Store> {
        Ok(Store::new(sled::open(path)?.open_tree("wallet")?))
    }

    /// bdk's own conformance tests of stores.
    #[test]
    fn the_store_keeps_what_bdk_expects_of_a_store() {
        persist_wallet_changeset("wallet", create);
        persist_network("wallet", create);
        persist_keychains("wallet", create);
        persist_single_keychain("wallet", create);
        persist_multiple_wallet_changesets("wallets", |path| {
            let database = sled::open(path)?;
            Ok((
                Store::new(database.open_tree("first")?),
                Store::new(database.open_tree("second")?),
            ))
        });
    }

    fn block_at(height: u32) -> ChangeSet {
        let hash = bitcoin::BlockHash::hash(&height.to_le_bytes());
        local_chain::ChangeSet {
            blocks: [(height, Some(hash))].into(),
        }
        .into()
    }

    #[test]
    fn many_changes_are_merged_into_one_without_loss() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = create(folder.path()).unwrap();
        Store::initialize(&mut store).unwrap();
        let mut expected = ChangeSet::default();
        for height in 0..300 {
            Store::persist(&mut store, &block_at(height)).unwrap();
            expected.merge(block_at(height));
        }
        assert_eq!(Store::initialize(&mut store).unwrap(), expected);
        assert_eq!(store.tree.scan_prefix(CHANGE_PREFIX).count(), 1);
        Store::persist(&mut store, &block_at(300)).unwrap();
        expected.merge(block_at(300));
        assert_eq!(Store::initialize(&mut store).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = create(folder.path()).unwrap();
        let change = ChangeSet {
            network: Some(Network::Regtest),
            ..ChangeSet::default()
        };
        Store::persist(&mut store, &change).unwrap();
        store.tree.insert(change_key(1), b"{").unwrap();
        let error = Store::initialize(&mut store).unwrap_err().to_string();
        assert!(error.contains("change 1"), "{error}");

        store.tree.insert(FORMAT_KEY, &[9]).unwrap();
        let error = Store::initialize(&mut store).unwrap_err().to_string();
        assert!(error.contains("`format` is [09]"), "{error}");
    }
}
