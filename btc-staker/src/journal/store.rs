//! The journal on disk: a sled tree.
//!
//! | key | value |
//! |---|---|
//! | `format` | one byte, [`FORMAT`] |
//! | `chain` | id of the hub that the stakes are on, once one was configured |
//! | `stake/` + staking txid, 32 bytes as displayed | one [`Entry`] as JSON |

use bitcoin::hashes::Hash as _;
use bitcoin::{Transaction, Txid};

use super::entry::{Entry, Withdrawal};
use crate::durable::DurableError;

const FORMAT: u8 = 1;
const FORMAT_KEY: &[u8] = b"format";
const CHAIN_KEY: &[u8] = b"chain";
const STAKE_PREFIX: &[u8] = b"stake/";

/// The stakes of one seed, on one hub at most.
#[derive(Debug, Clone)]
pub struct Journal {
    tree: sled::Tree,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("journal: {0}")]
    Store(#[from] sled::Error),
    /// The record of stakes without a hub cannot be used.
    #[error("record of stakes: {0}")]
    Record(#[from] DurableError),
    /// An entry cannot be written.
    #[error("journal: stake {txid} cannot be written: {reason}")]
    Encode {
        /// The stake.
        txid: Txid,
        /// Why.
        reason: String,
    },
    /// An entry cannot be read.
    #[error(
        "journal: the entry `{key}` cannot be read: {reason}; move the data directory away and run `wallet restore` to \
         rebuild it from the seed and the chain"
    )]
    Damaged {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
    /// A stake of the record of stakes without a hub cannot be read.
    #[error("record of stakes: the entry `{key}` of `stakes.redb` cannot be read: {reason}")]
    DamagedRecord {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
    /// A later version of this program wrote it.
    #[error("journal: format {0:?} is not the {FORMAT} that this program reads; upgrade it")]
    Format(Vec<u8>),
    /// The stakes are on another chain.
    #[error(
        "the stakes in this home are on chain `{stored}`, the configuration says `{configured}`; use another --home for \
         another chain"
    )]
    OtherChain {
        /// Of the journal.
        stored: String,
        /// Of the configuration.
        configured: String,
    },
}

impl JournalError {
    /// Whether it is the record of stakes without a hub that cannot be read, rather than in use or out of reach.
    pub fn is_of_record(&self) -> bool {
        match self {
            Self::DamagedRecord { .. } => true,
            Self::Record(DurableError::Store(error)) => {
                !matches!(error, redb::Error::DatabaseAlreadyOpen)
            }
            _ => false,
        }
    }
}

impl Journal {
    /// Opens the journal of stakes on the hub called `chain_id`, or of those without any; empty at first.
    ///
    /// # Errors
    ///
    /// Refuses a journal of another chain or format.
    pub fn open(tree: sled::Tree, chain_id: Option<&str>) -> Result<Self, JournalError> {
        match tree.get(FORMAT_KEY)? {
            None => drop(tree.insert(FORMAT_KEY, &[FORMAT])?),
            Some(format) if format.as_ref() == [FORMAT] => {}
            Some(format) => return Err(JournalError::Format(format.to_vec())),
        }
        if let Some(chain_id) = chain_id {
            match tree.get(CHAIN_KEY)? {
                None => drop(tree.insert(CHAIN_KEY, chain_id)?),
                Some(stored) if stored.as_ref() == chain_id.as_bytes() => {}
                Some(stored) => {
                    return Err(JournalError::OtherChain {
                        stored: String::from_utf8_lossy(&stored).into_owned(),
                        configured: chain_id.to_owned(),
                    });
                }
            }
        }
        tree.flush()?;
        Ok(Self { tree })
    }

    /// Writes an entry, in place of the one that was there, durably.
    pub fn put(&self, entry: &Entry) -> Result<(), JournalError> {
        let txid = entry.staking_txid();
        let text = serde_json::to_vec(entry).map_err(|error| JournalError::Encode {
            txid,
            reason: error.to_string(),
        })?;
        self.tree.insert(key(txid), text)?;
        self.tree.flush()?;
        Ok(())
    }

    /// The stake of a staking transaction.
    pub fn get(&self, txid: Txid) -> Result<Option<Entry>, JournalError> {
        let key = key(txid);
        self.tree
            .get(&key)?
            .map(|text| read(&key, &text))
            .transpose()
    }

    /// Notes that a transaction has taken a stake's coins back for good; whatever else was written of the stake since it
    /// was looked at is kept.
    pub fn note_burial(&self, txid: Txid, transaction: &Transaction) -> Result<(), JournalError> {
        let Some(entry) = self.get(txid)? else {
            return Ok(());
        };
        self.put(&Entry {
            withdrawal: Some(Withdrawal {
                transaction: transaction.clone(),
                buried: true,
                replaced: None,
            }),
            ..entry
        })
    }

    /// All stakes, by their ids.
    pub fn all(&self) -> Result<Vec<Entry>, JournalError> {
        self.tree
            .scan_prefix(STAKE_PREFIX)
            .map(|item| {
                let (key, text) = item?;
                read(&key, &text)
            })
            .collect()
    }
}

fn key(txid: Txid) -> Vec<u8> {
    let mut displayed = txid.to_byte_array();
    displayed.reverse();
    [STAKE_PREFIX, &displayed].concat()
}

fn read(key: &[u8], text: &[u8]) -> Result<Entry, JournalError> {
    let damaged = |reason: String| JournalError::Damaged {
        key: String::from_utf8_lossy(STAKE_PREFIX).into_owned()
            + &hex::encode(key.strip_prefix(STAKE_PREFIX).unwrap_or(key)),
        reason,
    };
    let entry: Entry = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    if self::key(entry.staking_txid()) == key {
        Ok(entry)
    } else {
        Err(damaged(format!("it holds stake {}", entry.staking_txid())))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, TxOut};
    use staking::units::BlockInterval;

    use super::*;
    use crate::journal::Intent;

    fn transaction(lock_time: u32) -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(lock_time),
            input: vec![bitcoin::TxIn::default()],
            output: vec![TxOut::NULL],
        }
    }

    pub(in crate::journal) fn entry(lock_time: u32) -> Entry {
        Entry {
            staking_tx: transaction(lock_time),
            staking_output_index: 0,
            finality_provider: "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115"
                .parse()
                .unwrap(),
            staking_time: BlockInterval::new(1_000).unwrap(),
            staking_value: Amount::from_sat(50_000),
            params_version: 3,
            intent: Intent::Stake,
            withdrawal: None,
            hubless: None,
        }
    }

    fn database() -> sled::Db {
        sled::Config::new().temporary(true).open().unwrap()
    }

    #[test]
    fn entries_are_there_again_after_a_restart_of_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let database = sled::open(folder.path()).unwrap();
            Journal::open(database.open_tree("journal").unwrap(), Some("bbn-1")).unwrap()
        };
        let (first, mut second) = (entry(1), entry(2));
        let journal = open();
        journal.put(&first).unwrap();
        journal.put(&second).unwrap();
        second.intent = Intent::Unbond;
        second.withdrawal = Some(Withdrawal::replacing(None, transaction(3)));
        journal.put(&second).unwrap();
        drop(journal);

        let journal = open();
        assert_eq!(
            journal.get(first.staking_txid()).unwrap(),
            Some(first.clone())
        );
        assert_eq!(journal.get(entry(9).staking_txid()).unwrap(), None);
        let all = journal.all().unwrap();
        assert_eq!(all.len(), 2);
        assert!(all.contains(&first) && all.contains(&second));
    }

    #[test]
    fn a_burial_ends_the_attempts_and_takes_nothing_back_that_was_written_meanwhile() {
        let database = database();
        let journal = Journal::open(database.open_tree("journal").unwrap(), None).unwrap();
        let first = Withdrawal::replacing(None, transaction(3));
        let seen = Entry {
            withdrawal: Some(Withdrawal::replacing(Some(first), transaction(4))),
            ..entry(1)
        };
        journal.put(&seen).unwrap();
        let meanwhile = Entry {
            intent: Intent::Unbond,
            ..seen
        };
        journal.put(&meanwhile).unwrap();
        let txid = meanwhile.staking_txid();
        journal.note_burial(txid, &transaction(3)).unwrap();
        let buried = journal.get(txid).unwrap().unwrap();
        assert_eq!(buried.intent, Intent::Unbond);
        let withdrawal = buried.withdrawal.unwrap();
        assert!(withdrawal.buried);
        assert_eq!(withdrawal.attempts().count(), 1);
        assert_eq!(withdrawal.transaction, transaction(3));
    }

    #[test]
    fn a_journal_of_another_chain_or_format_is_refused() {
        let database = database();
        let tree = database.open_tree("journal").unwrap();
        Journal::open(tree.clone(), None).unwrap();
        Journal::open(tree.clone(), Some("bbn-1")).unwrap();
        Journal::open(tree.clone(), None).unwrap();
        let error = Journal::open(tree.clone(), Some("bbn-test-6"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`bbn-1`") && error.contains("`bbn-test-6`"),
            "{error}"
        );
        tree.insert(FORMAT_KEY, &[FORMAT + 1]).unwrap();
        assert!(matches!(
            Journal::open(tree, Some("bbn-1")),
            Err(JournalError::Format(_))
        ));
    }

    #[test]
    fn a_damaged_entry_is_named() {
        let database = database();
        let tree = database.open_tree("journal").unwrap();
        let journal = Journal::open(tree.clone(), Some("bbn-1")).unwrap();
        let (one, other) = (entry(1), entry(2));
        journal.put(&one).unwrap();
        let text = tree.get(key(one.staking_txid())).unwrap().unwrap();
        tree.insert(key(other.staking_txid()), text).unwrap();
        for broken in [
            journal.get(other.staking_txid()).map(drop),
            journal.all().map(drop),
        ] {
            let error = broken.unwrap_err().to_string();
            assert!(error.contains(&other.staking_txid().to_string()), "{error}");
            assert!(error.contains("wallet restore"), "{error}");
        }
    }
}
