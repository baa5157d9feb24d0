//! The database of progress: what can be rebuilt from the seed and the two chains.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reading or writing progress failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database.
    #[error(
        "the database of progress: {0}; it can be deleted while the watchtower is stopped, it is rebuilt"
    )]
    Database(#[from] sled::Error),
    /// A record is not of this version.
    #[error(
        "record {key} of `{table}` cannot be read: {reason}; delete data/state while the watchtower is stopped"
    )]
    Record {
        /// Its table.
        table: String,
        /// Its key, hex.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Opens the database at `path`, which is created where it is missing.
pub fn open(path: &Path) -> Result<sled::Db, StoreError> {
    Ok(sled::open(path)?)
}

/// Records of one kind by key, as JSON.
#[derive(Debug, Clone)]
pub struct Table<T> {
    name: String,
    tree: sled::Tree,
    records: std::marker::PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// Opens a table.
    pub fn open(database: &sled::Db, name: impl Into<String>) -> Result<Self, StoreError> {
        let name = name.into();
        Ok(Self {
            tree: database.open_tree(&name)?,
            name,
            records: std::marker::PhantomData,
        })
    }

    /// The record of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let value = self.tree.get(key)?;
        value.map(|value| self.read(key, &value)).transpose()
    }

    /// All records by key, ascending.
    pub fn all(&self) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        self.tree
            .iter()
            .map(|entry| {
                let (key, value) = entry?;
                Ok((key.to_vec(), self.read(&key, &value)?))
            })
            .collect()
    }

    /// Writes a record and waits until it is on disk.
    pub fn put(&self, key: &[u8], record: &T) -> Result<(), StoreError> {
        let value = serde_json::to_vec(record).map_err(|error| self.unreadable(key, &error))?;
        self.tree.insert(key, value)?;
        self.tree.flush()?;
        Ok(())
    }

    /// Removes a record.
    pub fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        self.tree.remove(key)?;
        self.tree.flush()?;
        Ok(())
    }

    fn read(&self, key: &[u8], value: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(value).map_err(|error| self.unreadable(key, &error))
    }

    fn unreadable(&self, key: &[u8], error: &serde_json::Error) -> StoreError {
        StoreError::Record {
            table: self.name.clone(),
            key: hex::encode(key),
            reason: error.to_string(),
        }
    }
}
