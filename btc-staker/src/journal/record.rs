//! The record of stakes without a hub: durable before anything of them leaves.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format` | the number [`FORMAT`] |
//! | `stakes` | staking txid, internal byte order | one [`Entry`] as JSON, with every signature of the stake |
//!
//! Until a chain is shown such a stake, neither the seed nor a chain leads to it. So it is written here before it is written
//! into the journal, which is brought up to date from here whenever it is opened. The lock of the home keeps it to one
//! process.

use bitcoin::hashes::Hash as _;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::entry::{Entry, Intent};
use super::hubless::Hubless;
use super::store::{Journal, JournalError};
use crate::durable::{self, DurableError};
use crate::home::Home;

/// Format of the file.
const FORMAT: u32 = 1;

const META: TableDefinition<&str, u32> = TableDefinition::new("meta");
const STAKES: TableDefinition<[u8; 32], &[u8]> = TableDefinition::new("stakes");

/// The record of one home, open.
#[derive(Debug)]
pub struct StakeRecord(Database);

impl StakeRecord {
    /// Opens the record of a home; makes an empty one where there is none.
    ///
    /// # Errors
    ///
    /// Refuses a record of another format.
    pub fn open(home: &Home) -> Result<Self, JournalError> {
        let database = durable::open(&home.stakes(), |transaction| {
            transaction.open_table(META)?.insert("format", FORMAT)?;
            transaction.open_table(STAKES)?;
            Ok(())
        })?;
        let record = Self(database);
        match record.read(|database| {
            let meta = database.begin_read()?.open_table(META)?;
            Ok(meta.get("format")?.map(|format| format.value()))
        })? {
            Some(FORMAT) => Ok(record),
            other => Err(JournalError::Format(
                other.unwrap_or_default().to_be_bytes().to_vec(),
            )),
        }
    }

    /// Writes a stake down, in place of what was there of it; durable when this returns.
    pub fn put(&self, entry: &Entry) -> Result<(), JournalError> {
        let txid = entry.staking_txid();
        let text = serde_json::to_vec(entry).map_err(|error| JournalError::Encode {
            txid,
            reason: error.to_string(),
        })?;
        let write = || -> Result<(), redb::Error> {
            let transaction = durable::begin_write(&self.0)?;
            transaction
                .open_table(STAKES)?
                .insert(txid.to_byte_array(), text.as_slice())?;
            Ok(transaction.commit()?)
        };
        Ok(write().map_err(DurableError::from)?)
    }

    /// What is in the record of a home, if it has one.
    ///
    /// # Errors
    ///
    /// [`JournalError::DamagedRecord`] where one of its stakes cannot be read.
    pub fn recorded(home: &Home) -> Result<Vec<Entry>, JournalError> {
        if home.stakes().exists() {
            Self::open(home)?.all()
        } else {
            Ok(Vec::new())
        }
    }

    /// All stakes.
    pub fn all(&self) -> Result<Vec<Entry>, JournalError> {
        let texts = self.read(|database| {
            let stakes = database.begin_read()?.open_table(STAKES)?;
            let entries = stakes.iter()?.map(|entry| {
                let (key, text) = entry?;
                Ok((key.value(), text.value().to_vec()))
            });
            entries.collect::<Result<Vec<_>, redb::Error>>()
        })?;
        texts
            .into_iter()
            .map(|(key, text)| {
                serde_json::from_slice(&text).map_err(|error| JournalError::DamagedRecord {
                    key: hex::encode(key),
                    reason: error.to_string(),
                })
            })
            .collect()
    }

    fn read<T>(
        &self,
        ask: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        Ok(ask(&self.0).map_err(DurableError::from)?)
    }
}

impl Journal {
    /// Takes all stakes of a home's record over into a journal that is new: what was wanted of them since the record was
    /// copied is not known.
    ///
    /// # Errors
    ///
    /// Fails where one of them cannot be written.
    pub fn take_over(&self, recorded: Vec<Entry>) -> Result<(), JournalError> {
        for recorded in recorded {
            self.put(&Entry {
                intent: Intent::Unknown,
                ..recorded
            })?;
        }
        Ok(())
    }

    /// Takes over what the record of a home has and the journal lacks, as after a power cut. No signature is lost where the
    /// record is an older copy.
    ///
    /// # Errors
    ///
    /// Fails where one of them cannot be read.
    pub fn catch_up(&self, home: &Home) -> Result<(), JournalError> {
        for recorded in StakeRecord::recorded(home)? {
            let Some(known) = self.get(recorded.staking_txid())? else {
                self.put(&recorded)?;
                continue;
            };
            let hubless = joined(recorded.hubless, known.hubless.as_deref());
            if known.hubless != hubless {
                self.put(&Entry { hubless, ..known })?;
            }
        }
        Ok(())
    }
}

/// What the record has of a stake, with the signatures of those members besides of whom only the journal has some.
fn joined(recorded: Option<Box<Hubless>>, known: Option<&Hubless>) -> Option<Box<Hubless>> {
    let mut joined = recorded?;
    if let Some(known) = known
        && known.params == joined.params
        && known.staker_signatures == joined.staker_signatures
    {
        joined.take_in(&known.covenant_signatures, |_| true);
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::hubless::tests::hubless;
    use crate::journal::store::tests::entry;

    fn journal(folder: &std::path::Path) -> Journal {
        let database = sled::open(folder.join("data")).unwrap();
        Journal::open(database.open_tree("journal").unwrap(), None).unwrap()
    }

    #[test]
    fn what_the_journal_lost_is_taken_over_from_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let mut unsigned = Entry {
            hubless: Some(Box::new(hubless())),
            ..entry(1)
        };
        let signed = unsigned.clone();
        if let Some(hubless) = &mut unsigned.hubless {
            hubless.covenant_signatures.clear();
        }
        let lost = Entry {
            hubless: Some(Box::new(hubless())),
            ..entry(2)
        };
        let journal = journal(folder.path());
        journal.catch_up(&home).unwrap();
        assert!(!home.stakes().exists(), "a home of a hub's stakes has none");

        let record = StakeRecord::open(&home).unwrap();
        record.put(&unsigned).unwrap();
        journal.put(&unsigned).unwrap();
        record.put(&signed).unwrap();
        record.put(&lost).unwrap();
        drop(record);
        let unbonding = Entry {
            intent: Intent::Unbond,
            ..unsigned
        };
        journal.put(&unbonding).unwrap();
        journal.catch_up(&home).unwrap();
        let caught_up = Entry {
            intent: Intent::Unbond,
            ..signed
        };
        let txid = caught_up.staking_txid();
        assert_eq!(journal.get(txid).unwrap(), Some(caught_up));
        let txid = lost.staking_txid();
        assert_eq!(journal.get(txid).unwrap(), Some(lost.clone()));
        // A restored home: the record may be an old copy.
        let recorded = StakeRecord::recorded(&home).unwrap();
        journal.take_over(recorded).unwrap();
        let found = Entry {
            intent: Intent::Unknown,
            ..lost
        };
        assert_eq!(journal.get(txid).unwrap(), Some(found));
    }

    #[test]
    fn an_older_record_takes_no_signature_from_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let signed = Entry {
            hubless: Some(Box::new(hubless())),
            ..entry(1)
        };
        let mut unsigned = signed.clone();
        if let Some(hubless) = &mut unsigned.hubless {
            hubless.covenant_signatures.clear();
        }
        StakeRecord::open(&home).unwrap().put(&unsigned).unwrap();
        let journal = journal(folder.path());
        journal.put(&signed).unwrap();
        journal.catch_up(&home).unwrap();
        let txid = signed.staking_txid();
        assert_eq!(journal.get(txid).unwrap(), Some(signed));
    }

    #[test]
    fn a_damaged_record_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let record = StakeRecord::open(&home).unwrap();
        let transaction = record.0.begin_write().unwrap();
        let mut stakes = transaction.open_table(STAKES).unwrap();
        stakes.insert([7; 32], b"{".as_slice()).unwrap();
        drop(stakes);
        transaction.commit().unwrap();
        drop(record);
        let error = journal(folder.path()).catch_up(&home).unwrap_err();
        assert!(
            matches!(&error, JournalError::DamagedRecord { key, .. } if *key == "07".repeat(32)),
            "{error}"
        );
        let error = daemon::output::CommandError::from(crate::error::Error::from(error));
        assert!(format!("{error:?}").contains("--find-stakes"), "{error:?}");
    }
}
