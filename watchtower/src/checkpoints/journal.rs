//! Transactions under way, durable before they are sent: what was made for an epoch is never made twice.

use bitcoin::{OutPoint, Transaction};
use serde::{Deserialize, Serialize};

use crate::store::{StoreError, Table};

/// The transactions of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// With the first part, signed.
    pub(super) first: Transaction,
    /// With the second part, signed, once it is made.
    pub(super) second: Option<Transaction>,
}

impl Entry {
    /// The coins that its transactions spend.
    pub(super) fn coins(&self) -> impl Iterator<Item = OutPoint> {
        [Some(&self.first), self.second.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|transaction| &transaction.input)
            .map(|input| input.previous_output)
    }
}

/// Entries by epoch.
#[derive(Debug)]
pub(super) struct Journal(Table<Entry>);

impl Journal {
    /// Opens the journal.
    pub(super) fn open(database: &sled::Db) -> Result<Self, StoreError> {
        Ok(Self(Table::open(database, "checkpoints")?))
    }

    /// What was made for an epoch.
    pub(super) fn get(&self, epoch: u64) -> Result<Option<Entry>, StoreError> {
        self.0.get(&epoch.to_be_bytes())
    }

    /// Notes what was made for an epoch.
    pub(super) fn put(&self, epoch: u64, entry: &Entry) -> Result<(), StoreError> {
        self.0.put(&epoch.to_be_bytes(), entry)
    }

    /// Forgets an epoch.
    pub(super) fn remove(&self, epoch: u64) -> Result<(), StoreError> {
        self.0.remove(&epoch.to_be_bytes())
    }

    /// Forgets all epochs up to one that no reorg brings back.
    pub(super) fn forget_to(&self, epoch: u64) -> Result<(), StoreError> {
        for (key, _) in self.0.all()? {
            if key.as_slice() <= epoch.to_be_bytes().as_slice() {
                self.0.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Every coin that a transaction under way spends.
    pub(super) fn coins(&self) -> Result<Vec<OutPoint>, StoreError> {
        let entries = self.0.all()?;
        Ok(entries
            .iter()
            .flat_map(|(_, entry)| entry.coins())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{TxIn, Txid, absolute, transaction};

    use super::*;

    fn entry(byte: u8) -> Entry {
        let previous_output = OutPoint::new(Txid::from_byte_array([byte; 32]), 0);
        Entry {
            first: Transaction {
                version: transaction::Version::TWO,
                lock_time: absolute::LockTime::ZERO,
                input: vec![TxIn {
                    previous_output,
                    ..TxIn::default()
                }],
                output: Vec::new(),
            },
            second: None,
        }
    }

    #[test]
    fn entries_outlive_the_process_until_their_epoch_is_final() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Journal::open(&crate::store::open(folder.path()).unwrap()).unwrap();
        let journal = open();
        for epoch in [1, 2, 300] {
            journal.put(epoch, &entry(1)).unwrap();
        }
        drop(journal);

        let journal = open();
        journal.forget_to(2).unwrap();
        assert_eq!(journal.get(2).unwrap(), None);
        assert_eq!(journal.get(300).unwrap(), Some(entry(1)));
        assert_eq!(
            journal.coins().unwrap(),
            entry(1).coins().collect::<Vec<_>>()
        );
        journal.remove(300).unwrap();
        assert!(journal.coins().unwrap().is_empty());
    }
}
