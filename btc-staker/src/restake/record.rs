//! Every consent that this home signed: durable before a signature leaves.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format`, `restored` | the number [`FORMAT`]; 1 where consents may have been signed elsewhere |
//! | `consents` | outpoint (txid in internal byte order, BE32 of the index), number | list and signature as JSON |
//!
//! Nothing rebuilds it, and an old copy is worse than none: a home without it takes itself for restored, which costs a
//! wait. So it is neither in the wallet's data nor to be backed up.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use bitcoin::OutPoint;
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::schnorr::Signature;
use chain::mesh::{SignedConsent, WrittenShare};
use mesh_core::consent::Share;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::number::Origin;
use crate::durable::{self, DurableError};
use crate::home::Home;

/// Format of the file.
const FORMAT: u32 = 1;

type Key = ([u8; 36], u32);

const META: TableDefinition<&str, u32> = TableDefinition::new("meta");
const CONSENTS: TableDefinition<Key, &[u8]> = TableDefinition::new("consents");

/// How long to wait for another command that has it open.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// The record of one home, open; no other command has it meanwhile.
#[derive(Debug)]
pub struct ConsentRecord {
    database: Database,
}

/// Why the record cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be made.
    #[error("record of consents: {0}")]
    File(#[from] io::Error),
    /// The store inside cannot be read or written.
    #[error("record of consents: {0}")]
    Store(#[from] redb::Error),
    /// A later version of this program wrote it.
    #[error(
        "record of consents: format {0} is not the {FORMAT} that this program reads; upgrade it"
    )]
    Format(u32),
    /// A consent cannot be read.
    #[error(
        "record of consents: number {number} of stake {outpoint} cannot be read: {reason}; move the file `consents.redb` \
         away: the next consent then waits on every chain as after a restore"
    )]
    Damaged {
        /// The stake.
        outpoint: OutPoint,
        /// The consent's number.
        number: u32,
        /// Why.
        reason: String,
    },
    /// A number that is not above all that were used.
    #[error(
        "record of consents: stake {outpoint} has number {newest} already; {number} is not signed"
    )]
    NotNewer {
        /// The stake.
        outpoint: OutPoint,
        /// What was to be signed.
        number: u32,
        /// What was.
        newest: u32,
    },
}

/// A consent as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    shares: Vec<WrittenShare>,
    signature: Signature,
}

impl From<DurableError> for RecordError {
    fn from(error: DurableError) -> Self {
        match error {
            DurableError::File(error) => error.into(),
            DurableError::Store(error) => error.into(),
        }
    }
}

impl ConsentRecord {
    /// Opens the record of a home, waiting a while for another command that has it. Where there is none, consents may
    /// have been signed elsewhere: it is made as that of a restored home.
    pub async fn open(home: &Home) -> Result<Self, RecordError> {
        Self::begin(home, Origin::Restored).await
    }

    /// As [`Self::open`], but a record that is made is that of a home of this origin. One that is there keeps its own.
    pub async fn begin(home: &Home, origin: Origin) -> Result<Self, RecordError> {
        let path = home.consents();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::begin_now(&path, origin) {
                Err(RecordError::Store(redb::Error::DatabaseAlreadyOpen))
                    if Instant::now() < deadline =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// As [`Self::begin`], without waiting for anybody.
    pub fn begin_now(path: &Path, origin: Origin) -> Result<Self, RecordError> {
        let database = durable::open(path, |transaction| {
            let mut meta = transaction.open_table(META)?;
            meta.insert("format", FORMAT)?;
            meta.insert("restored", u32::from(origin == Origin::Restored))?;
            transaction.open_table(CONSENTS)?;
            Ok(())
        })?;
        let record = Self { database };
        match record.meta("format")? {
            FORMAT => Ok(record),
            other => Err(RecordError::Format(other)),
        }
    }

    /// How the home came to its stakes.
    pub fn origin(&self) -> Result<Origin, RecordError> {
        Ok(match self.meta("restored")? {
            0 => Origin::Made,
            _ => Origin::Restored,
        })
    }

    /// Notes, durably, that consents of this home's stakes may have been signed elsewhere.
    pub fn mark_restored(&self) -> Result<(), RecordError> {
        if self.origin()? == Origin::Restored {
            return Ok(());
        }
        let transaction = durable::begin_write(&self.database)?;
        write(&transaction, |transaction| {
            transaction.open_table(META)?.insert("restored", 1)?;
            Ok(())
        })?;
        Ok(transaction.commit().map_err(redb::Error::from)?)
    }

    /// The newest consent of a stake.
    pub fn newest(&self, outpoint: OutPoint) -> Result<Option<SignedConsent>, RecordError> {
        let key = key(outpoint);
        let newest = read(|| {
            let table = self.database.begin_read()?.open_table(CONSENTS)?;
            let newest = table.range((key, 0)..=(key, u32::MAX))?.next_back();
            Ok(match newest {
                Some(entry) => {
                    let (key, value) = entry?;
                    Some((key.value().1, value.value().to_vec()))
                }
                None => None,
            })
        })?;
        newest
            .map(|(number, bytes)| {
                parse(number, &bytes).map_err(|reason| RecordError::Damaged {
                    outpoint,
                    number,
                    reason,
                })
            })
            .transpose()
    }

    /// Writes a consent down; when this returns, it is durable and may leave.
    ///
    /// # Errors
    ///
    /// Refuses a number that is not above all of the stake's: whatever was decided before, this holds.
    pub fn add(&self, outpoint: OutPoint, consent: &SignedConsent) -> Result<(), RecordError> {
        let (key, number) = (key(outpoint), consent.number);
        let bytes = store(consent).map_err(|reason| RecordError::Damaged {
            outpoint,
            number,
            reason,
        })?;
        let transaction = durable::begin_write(&self.database)?;
        let newest = write(&transaction, |transaction| {
            let mut table = transaction.open_table(CONSENTS)?;
            let newest = match table.range((key, 0)..=(key, u32::MAX))?.next_back() {
                Some(entry) => Some(entry?.0.value().1),
                None => None,
            };
            if newest.is_none_or(|newest| newest < number) {
                table.insert((key, number), bytes.as_slice())?;
                return Ok(None);
            }
            Ok(newest)
        })?;
        if let Some(newest) = newest {
            transaction.abort().map_err(redb::Error::from)?;
            return Err(RecordError::NotNewer {
                outpoint,
                number,
                newest,
            });
        }
        Ok(transaction.commit().map_err(redb::Error::from)?)
    }

    fn meta(&self, name: &str) -> Result<u32, RecordError> {
        read(|| {
            let table = self.database.begin_read()?.open_table(META)?;
            Ok(table.get(name)?.map_or(0, |value| value.value()))
        })
    }
}

fn read<T>(ask: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, RecordError> {
    Ok(ask()?)
}

fn write<T>(
    transaction: &WriteTransaction,
    change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
) -> Result<T, RecordError> {
    Ok(change(transaction)?)
}

fn key(outpoint: OutPoint) -> [u8; 36] {
    let mut key = [0; 36];
    let (txid, vout) = key.split_at_mut(32);
    txid.copy_from_slice(outpoint.txid.as_byte_array());
    vout.copy_from_slice(&outpoint.vout.to_be_bytes());
    key
}

fn store(consent: &SignedConsent) -> Result<Vec<u8>, String> {
    let shares = consent.shares.iter().cloned().map(WrittenShare::from);
    let stored = Stored {
        shares: shares.collect(),
        signature: consent.signature,
    };
    serde_json::to_vec(&stored).map_err(|error| error.to_string())
}

fn parse(number: u32, bytes: &[u8]) -> Result<SignedConsent, String> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let shares = stored.shares.into_iter().map(Share::try_from);
    Ok(SignedConsent {
        number,
        shares: shares.collect::<Result<_, String>>()?,
        signature: stored.signature,
    })
}

#[cfg(test)]
mod tests {
    use mesh_core::consent::Target;

    use super::*;

    fn consent(number: u32, kind: u8) -> SignedConsent {
        SignedConsent {
            number,
            shares: vec![Share {
                target: Target::from_bytes([kind; 32]),
                basis_points: 1,
                reward_address: "wasm1".to_owned(),
            }],
            signature: Signature::from_slice(&[kind; 64]).unwrap(),
        }
    }

    #[test]
    fn the_newest_is_there_again_and_no_number_is_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consents.redb");
        let open = || ConsentRecord::begin_now(&path, Origin::Made).unwrap();
        let outpoint = |vout| OutPoint {
            vout,
            ..OutPoint::null()
        };
        let (stake, other) = (outpoint(1), outpoint(2));
        let record = open();
        assert_eq!(record.newest(stake).unwrap(), None);
        record.add(stake, &consent(1, 1)).unwrap();
        record.add(other, &consent(9, 1)).unwrap();
        drop(record);
        let record = open();
        assert_eq!(record.newest(stake).unwrap(), Some(consent(1, 1)));
        record.add(stake, &consent(300, 2)).unwrap();
        assert_eq!(record.newest(stake).unwrap(), Some(consent(300, 2)));
        for number in [1, 2, 300] {
            let refused = record.add(stake, &consent(number, 3));
            assert!(
                matches!(refused, Err(RecordError::NotNewer { newest: 300, .. })),
                "{refused:?}"
            );
        }
        assert_eq!(record.newest(stake).unwrap(), Some(consent(300, 2)));
    }

    #[test]
    fn a_home_is_fresh_only_if_it_was_made_so_and_never_again_after_a_restore() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made.redb");
        let open = |path: &Path, origin| ConsentRecord::begin_now(path, origin).unwrap();
        assert_eq!(open(&made, Origin::Made).origin().unwrap(), Origin::Made);
        assert_eq!(
            open(&made, Origin::Restored).origin().unwrap(),
            Origin::Made
        );
        open(&made, Origin::Made).mark_restored().unwrap();
        assert_eq!(
            open(&made, Origin::Made).origin().unwrap(),
            Origin::Restored
        );
        let missing = folder.path().join("missing.redb");
        let found = open(&missing, Origin::Restored).origin().unwrap();
        assert_eq!(found, Origin::Restored);
    }

    #[test]
    fn a_consent_is_stored_as_ever() {
        let text = format!(
            r#"{{"shares":[{{"target":"{}","basis_points":1,"reward_address":"wasm1"}}],"signature":"{}"}}"#,
            "07".repeat(32),
            "07".repeat(64)
        );
        let stored = store(&consent(5, 7)).unwrap();
        assert_eq!(String::from_utf8(stored).unwrap(), text);
        assert_eq!(parse(5, text.as_bytes()).unwrap(), consent(5, 7));
        let short = text.replacen("07", "", 1);
        assert_eq!(
            parse(5, short.as_bytes()).unwrap_err(),
            format!("target `{}`: Invalid string length", "07".repeat(31))
        );
    }

    #[test]
    fn one_command_at_a_time_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consents.redb");
        let record = ConsentRecord::begin_now(&path, Origin::Made).unwrap();
        let second = ConsentRecord::begin_now(&path, Origin::Made);
        assert!(
            matches!(
                second,
                Err(RecordError::Store(redb::Error::DatabaseAlreadyOpen))
            ),
            "{second:?}"
        );
        drop(record);
    }
}
