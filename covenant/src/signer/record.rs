//! Which transactions were signed for each staking output, for ever: the unbonding transaction and both slashing transactions.
//!
//! Two different unbonding transactions would let the staker choose after the fact, and the watchtowers know only the
//! registered one; two different slashing transactions would let it show chains the one that burns less. The record is
//! durable before a signature exists, the check and the entry are one transaction, and any doubt (a missing, locked or
//! damaged file, a failed write) means that nothing is signed.

mod outdated;
mod transactions;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bitcoin::OutPoint;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    Table, TableDefinition,
};
use staking::keys::CovenantKey;

pub use outdated::OutdatedRecord;
pub use transactions::{NotPermitted, SignedTransactions};

/// Version of the tables below; of others only the one before is read.
const FORMAT: &[u8] = &[2];

/// What the record is about: [`FORMAT_ENTRY`] and [`KEY_ENTRY`].
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
const FORMAT_ENTRY: &str = "format";
const KEY_ENTRY: &str = "covenant key";

/// From an outpoint (txid, then index in little endian) to the ids of the transactions signed for it.
const SIGNED: TableDefinition<'_, [u8; 36], [u8; 96]> = TableDefinition::new("signed");

/// From an outpoint to the id of the unbonding transaction signed for it, where the slashing transactions are not known.
const UNBONDING: TableDefinition<'_, [u8; 36], [u8; 32]> = TableDefinition::new("unbonding");

/// The record of one covenant key. Only one process can have it open.
#[derive(Debug)]
pub struct SigningRecord {
    database: Database,
}

/// What the record knew about transactions that may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing; it does now, durably.
    New,
    /// The same transactions were signed before.
    Repeated,
}

/// A record as it was found.
#[derive(Debug)]
pub enum Opened {
    /// Ready for use.
    Current(SigningRecord),
    /// It must learn first which slashing transactions were signed.
    Outdated(OutdatedRecord),
}

/// Why nothing may be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It was said to be new, but is there.
    #[error("there is a signing record already: {}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It is not where it should be.
    #[error("the signing record {} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error("the signing record {} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to another key.
    #[error("the signing record {} belongs to covenant key {found}, not to {expected}", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// Key of the record, hex.
        found: String,
        /// Key of the signer.
        expected: CovenantKey,
    },
    /// It was written by another version of the program.
    #[error("the signing record {} has format {found:?}; this program knows {FORMAT:?}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Format of the record.
        found: Vec<u8>,
    },
    /// The file system says no.
    #[error("the signing record {} cannot be created: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be read or written.
    #[error("the signing record cannot be read or written: {0}")]
    Storage(#[source] Box<redb::Error>),
    /// See [`NotPermitted`].
    #[error(transparent)]
    Refused(#[from] NotPermitted),
}

impl<E: Into<redb::Error>> From<E> for RecordError {
    fn from(error: E) -> Self {
        Self::Storage(Box::new(error.into()))
    }
}

impl SigningRecord {
    /// Creates the record of a key that has signed these transactions (none, for a new key), and opens it.
    ///
    /// Refuses a path that exists, and two unbonding transactions for one staking output. Of two slashing transactions,
    /// which earlier versions of this program could sign, the first stands. After a crash the record is there whole or not
    /// at all.
    pub fn create(
        path: &Path,
        key: CovenantKey,
        signed: impl IntoIterator<Item = (OutPoint, SignedTransactions)>,
    ) -> Result<Self, RecordError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists {
                path: path.to_owned(),
            },
            _ => RecordError::File {
                path: path.to_owned(),
                source,
            },
        };
        let unfinished = path.with_extension("unfinished");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(failed)?;
        let database = Builder::new().create_with_backend(FileBackend::new(file)?)?;
        let transaction = database.begin_write()?;
        {
            let mut about = transaction.open_table(ABOUT)?;
            about.insert(FORMAT_ENTRY, FORMAT)?;
            about.insert(KEY_ENTRY, key.to_bytes().as_slice())?;
            let mut table = transaction.open_table(SIGNED)?;
            for (staking_output, signed) in signed {
                match permit(&mut table, staking_output, signed) {
                    Err(RecordError::Refused(error @ NotPermitted::OtherSlashing { .. })) => {
                        tracing::warn!(%error, "the first of them stands");
                    }
                    permitted => {
                        permitted?;
                    }
                }
            }
            transaction.open_table(UNBONDING)?;
        }
        transaction.commit()?;
        drop(database);
        // A link, unlike a rename, never replaces what is there.
        fs::hard_link(&unfinished, path).map_err(failed)?;
        fs::remove_file(&unfinished).map_err(failed)?;
        if let Some(directory) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(failed)?;
        }
        match Self::open(path, key)? {
            Opened::Current(record) => Ok(record),
            Opened::Outdated(_) => Err(RecordError::Format {
                path: path.to_owned(),
                found: outdated::FORMAT.to_vec(),
            }),
        }
    }

    /// Opens the record of `key`; never creates one.
    pub fn open(path: &Path, key: CovenantKey) -> Result<Opened, RecordError> {
        if !path.exists() {
            return Err(RecordError::Missing {
                path: path.to_owned(),
            });
        }
        let database = Builder::new()
            // Damage is an error, not a panic.
            .set_check_integrity_on_open(true)
            .open(path)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => RecordError::InUse {
                    path: path.to_owned(),
                },
                other => other.into(),
            })?;
        let transaction = database.begin_read()?;
        let about = transaction.open_table(ABOUT)?;
        let entry = |name| -> Result<Vec<u8>, RecordError> {
            Ok(about
                .get(name)?
                .map_or_else(Vec::new, |value| value.value().to_vec()))
        };
        let format = entry(FORMAT_ENTRY)?;
        if format != FORMAT && format != outdated::FORMAT {
            return Err(RecordError::Format {
                path: path.to_owned(),
                found: format,
            });
        }
        let found = entry(KEY_ENTRY)?;
        if found != key.to_bytes() {
            return Err(RecordError::OtherKey {
                path: path.to_owned(),
                found: hex::encode(found),
                expected: key,
            });
        }
        drop((about, transaction));
        let record = Self { database };
        Ok(if format == FORMAT {
            Opened::Current(record)
        } else {
            Opened::Outdated(OutdatedRecord(record))
        })
    }

    /// Says whether these may be signed for `staking_output`, after making sure that nothing else ever will be.
    pub fn check_and_record(
        &self,
        staking_output: OutPoint,
        transactions: SignedTransactions,
    ) -> Result<Permission, RecordError> {
        let mut write = self.database.begin_write()?;
        // The entries are chosen by stakers; with one phase, crafted ones could survive a crash as a forged commit.
        write.set_two_phase_commit(true);
        if let Some(unbonding) = write
            .open_table(UNBONDING)?
            .get(outpoint_bytes(staking_output))?
        {
            return Err(transactions
                .beside_unbonding(staking_output, unbonding.value())
                .into());
        }
        let permission = permit(&mut write.open_table(SIGNED)?, staking_output, transactions)?;
        match permission {
            Permission::New => write.commit()?,
            Permission::Repeated => write.abort()?,
        }
        Ok(permission)
    }

    /// Number of staking outputs for which transactions were signed.
    pub fn signed(&self) -> Result<u64, RecordError> {
        let read = self.database.begin_read()?;
        let known = read.open_table(SIGNED)?.len()?;
        Ok(known.saturating_add(read.open_table(UNBONDING)?.len()?))
    }
}

/// Enters transactions, unless others are there.
fn permit(
    table: &mut Table<'_, [u8; 36], [u8; 96]>,
    staking_output: OutPoint,
    transactions: SignedTransactions,
) -> Result<Permission, RecordError> {
    let key = outpoint_bytes(staking_output);
    let recorded = table
        .get(key)?
        .map(|ids| SignedTransactions::from_bytes(&ids.value()));
    let Some(recorded) = recorded else {
        table.insert(key, transactions.to_bytes())?;
        return Ok(Permission::New);
    };
    transactions.check_same(staking_output, &recorded)?;
    Ok(Permission::Repeated)
}

fn outpoint_bytes(outpoint: OutPoint) -> [u8; 36] {
    let mut bytes = [0; 36];
    let (txid, index) = bytes.split_at_mut(32);
    txid.copy_from_slice(outpoint.txid.as_ref());
    index.copy_from_slice(&outpoint.vout.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
