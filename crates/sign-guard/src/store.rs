//! Tables and transactions: what is on disk, and the one decision about a vote.

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};

use crate::error::StorageError;
use crate::vote::{ChainDomainError, Identity, Vote};

/// Format of the store.
pub(crate) const FORMAT: u32 = 1;

type RecordKey = ([u8; 32], &'static str, u64);
type IdentityKey = ([u8; 32], &'static str);
/// App hash, and the signature once it is known.
type Record = ([u8; 32], Option<[u8; 32]>);

const META: TableDefinition<&str, u32> = TableDefinition::new("meta");
/// What was signed, by key, chain and height.
const RECORDS: TableDefinition<RecordKey, Record> = TableDefinition::new("records");
/// Height up to which records are gone, for each registered key and chain.
const WATERMARKS: TableDefinition<IdentityKey, u64> = TableDefinition::new("watermarks");

/// What the record says of one vote.
#[derive(Clone, Copy)]
pub(crate) enum Decision {
    New,
    Same(Option<[u8; 32]>),
    Conflict([u8; 32]),
    BelowWatermark(u64),
    Unregistered,
}

/// What is known of one identity.
pub(crate) struct Extent {
    pub(crate) watermark: u64,
    pub(crate) highest_record: Option<u64>,
}

/// A transaction that is durable, with two syncs, once committed.
fn begin(database: &Database) -> Result<WriteTransaction, StorageError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Makes the tables of a new store.
pub(crate) fn initialise(database: &Database) -> Result<(), StorageError> {
    let transaction = begin(database)?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(WATERMARKS)?;
    transaction.commit()?;
    Ok(())
}

/// Format of an existing store.
pub(crate) fn format(database: &Database) -> Result<u32, StorageError> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(meta.get("format")?.map_or(0, |format| format.value()))
}

/// The tables of one transaction in which votes are decided about.
pub(crate) struct Recorder<'transaction> {
    records: Table<'transaction, RecordKey, Record>,
    watermarks: Table<'transaction, IdentityKey, u64>,
    wrote: bool,
}

/// Lets `decide` decide about votes; what it recorded is durable when this returns.
pub(crate) fn record<T>(
    database: &Database,
    decide: impl FnOnce(&mut Recorder<'_>) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let transaction = begin(database)?;
    let mut recorder = Recorder {
        records: transaction.open_table(RECORDS)?,
        watermarks: transaction.open_table(WATERMARKS)?,
        wrote: false,
    };
    let decisions = decide(&mut recorder)?;
    let wrote = recorder.wrote;
    drop(recorder);
    if wrote {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(decisions)
}

impl Recorder<'_> {
    /// Decides about one vote, and writes it down where it is new.
    pub(crate) fn decide(&mut self, vote: &Vote) -> Result<Decision, StorageError> {
        let identity = identity_key(&vote.identity);
        let watermark = self.watermarks.get(identity)?.map(|height| height.value());
        // Before the record: a watermark that was raised over it says that others may have signed there since.
        match watermark {
            None => return Ok(Decision::Unregistered),
            Some(watermark) if vote.height <= watermark => {
                return Ok(Decision::BelowWatermark(watermark));
            }
            Some(_) => {}
        }
        let key = record_key(vote);
        let recorded = self.records.get(key)?.map(|record| record.value());
        Ok(match recorded {
            Some((content, signature)) if content == vote.content => Decision::Same(signature),
            Some((content, _)) => Decision::Conflict(content),
            None => {
                self.records.insert(key, (vote.content, None))?;
                self.wrote = true;
                Decision::New
            }
        })
    }
}

/// Adds signatures to their records, without a sync of their own (crate docs, case 5).
pub(crate) fn add_signatures(
    database: &Database,
    signed: &[(&Vote, [u8; 32])],
) -> Result<(), StorageError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::None)?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for (vote, signature) in signed {
            let key = record_key(vote);
            let unsigned = (vote.content, None);
            // A record that was pruned meanwhile stays away, a signature that is known stays the one.
            if records
                .get(key)?
                .is_some_and(|record| record.value() == unsigned)
            {
                records.insert(key, (vote.content, Some(*signature)))?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Registers identities, or raises their watermarks; never lowers one.
pub(crate) fn raise_watermarks<'a>(
    database: &Database,
    watermarks: impl IntoIterator<Item = (&'a Identity, u64)>,
) -> Result<(), StorageError> {
    let transaction = begin(database)?;
    {
        let mut table = transaction.open_table(WATERMARKS)?;
        for (identity, asked) in watermarks {
            let present = table
                .get(identity_key(identity))?
                .map(|height| height.value());
            table.insert(identity_key(identity), asked.max(present.unwrap_or(0)))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Deletes records up to a height and raises the watermark over them, but never over the newest record.
pub(crate) fn prune(
    database: &Database,
    identity: &Identity,
    up_to: u64,
) -> Result<(), StorageError> {
    let transaction = begin(database)?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        let mut watermarks = transaction.open_table(WATERMARKS)?;
        let key = identity_key(identity);
        let watermark = watermarks.get(key)?.map(|height| height.value());
        if let (Some(watermark), Some(highest)) = (watermark, highest_record(&records, identity)?) {
            let up_to = up_to.min(highest);
            records.retain_in(records_of(identity, up_to), |_, _| false)?;
            watermarks.insert(key, watermark.max(up_to))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// What is known of one identity; `None` where it is not registered.
pub(crate) fn extent(
    database: &Database,
    identity: &Identity,
) -> Result<Option<Extent>, StorageError> {
    let transaction = database.begin_read()?;
    let watermark = transaction
        .open_table(WATERMARKS)?
        .get(identity_key(identity))?;
    let Some(watermark) = watermark.map(|height| height.value()) else {
        return Ok(None);
    };
    let highest_record = highest_record(&transaction.open_table(RECORDS)?, identity)?;
    Ok(Some(Extent {
        watermark,
        highest_record,
    }))
}

/// All registered keys and chains.
pub(crate) fn identities(database: &Database) -> Result<Vec<Identity>, StorageError> {
    let table = database.begin_read()?.open_table(WATERMARKS)?;
    let mut identities = Vec::new();
    for entry in table.iter()? {
        let (key, _) = entry?;
        let (public_key, chain) = key.value();
        let chain = chain
            .parse()
            .map_err(|error: ChainDomainError| redb::Error::Corrupted(error.to_string()))?;
        identities.push(Identity { public_key, chain });
    }
    Ok(identities)
}

fn highest_record(
    records: &impl ReadableTable<RecordKey, Record>,
    identity: &Identity,
) -> Result<Option<u64>, StorageError> {
    let last = records
        .range(records_of(identity, u64::MAX))?
        .next_back()
        .transpose()?;
    Ok(last.map(|(key, _)| key.value().2))
}

fn records_of(identity: &Identity, up_to: u64) -> std::ops::RangeInclusive<([u8; 32], &str, u64)> {
    let (public_key, chain) = identity_key(identity);
    (public_key, chain, 0)..=(public_key, chain, up_to)
}

fn identity_key(identity: &Identity) -> ([u8; 32], &str) {
    (identity.public_key, identity.chain.as_str())
}

fn record_key(vote: &Vote) -> ([u8; 32], &str, u64) {
    let (public_key, chain) = identity_key(&vote.identity);
    (public_key, chain, vote.height)
}
