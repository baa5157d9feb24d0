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
    /// Its transactions.
    pub(super) fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        [Some(&self.first), self.second.as_ref()]
            .into_iter()
            .flatten()
    }

    /// The coins that its transactions spend.
    pub(super) fn coins(&self) -> impl Iterator<Item = OutPoint> {
        self.transactions()
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

    /// What was made for the epochs up to one, ascending.
    pub(super) fn up_to(&self, epoch: u64) -> Result<Vec<(u64, Entry)>, StoreError> {
        let entries = self.0.all()?.into_iter();
        Ok(entries
            .filter_map(|(key, entry)| {
                let key = u64::from_be_bytes(key.try_into().ok()?);
                (key <= epoch).then_some((key, entry))
            })
            .collect())
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
    fn entries_outlive_the_process_and_are_found_by_their_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Journal::open(&crate::store::open(folder.path()).unwrap()).unwrap();
        let journal = open();
        for epoch in [1, 2, 300] {
            journal.put(epoch, &entry(1)).unwrap();
        }
        drop(journal);

        let journal = open();
        assert_eq!(
            journal.up_to(2).unwrap(),
            [(1, entry(1)), (2, entry(1))],
            "300 is above, whatever its last byte"
        );
        for epoch in [1, 2] {
            journal.remove(epoch).unwrap();
        }
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
