//! Records of the format before this one, which knew the unbonding transaction of a staking output only.

use bitcoin::OutPoint;
use bitcoin::hashes::Hash;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::{
    ABOUT, FORMAT_ENTRY, NotPermitted, Opened, RecordError, SIGNED, SignedTransactions,
    SigningRecord, UNBONDING, outpoint_bytes, permit,
};

/// That format.
pub(super) const FORMAT: &[u8] = &[1];

/// A record that does not know which slashing transactions were signed. Nothing is signed with it.
#[derive(Debug)]
pub struct OutdatedRecord(pub(super) SigningRecord);

impl OutdatedRecord {
    /// Brings the record to the present format, with what is known to have been `signed`, oldest first. Nothing more is
    /// ever signed for an output of the record that is not among it.
    ///
    /// It is one transaction: after a crash the record is as it was.
    ///
    /// # Errors
    ///
    /// Ends with the first error of `signed`, and where the record cannot be written.
    pub fn complete<E: From<RecordError>>(
        self,
        signed: impl IntoIterator<Item = Result<(OutPoint, SignedTransactions), E>>,
    ) -> Result<SigningRecord, E> {
        let Self(record) = self;
        record.learn(signed)?;
        Ok(record)
    }
}

impl Opened {
    fn record(&self) -> &SigningRecord {
        match self {
            Self::Current(record) | Self::Outdated(OutdatedRecord(record)) => record,
        }
    }

    /// For how many outputs nothing is signed any more, since it is not known which slashing transactions were.
    pub fn closed(&self) -> Result<u64, RecordError> {
        let read = self.record().database.begin_read()?;
        Ok(read.open_table(UNBONDING)?.len()?)
    }

    /// Enters what is known to have been `signed`, oldest first, for such outputs. The record forgets nothing, learns of no
    /// other outputs, and has the present format then.
    ///
    /// It is one transaction: after a crash the record is as it was.
    ///
    /// # Errors
    ///
    /// Ends with the first error of `signed`, and where the record cannot be written.
    pub fn learn<E: From<RecordError>>(
        &self,
        signed: impl IntoIterator<Item = Result<(OutPoint, SignedTransactions), E>>,
    ) -> Result<(), E> {
        self.record().learn(signed)
    }
}

impl SigningRecord {
    /// See [`Opened::learn`].
    fn learn<E: From<RecordError>>(
        &self,
        signed: impl IntoIterator<Item = Result<(OutPoint, SignedTransactions), E>>,
    ) -> Result<(), E> {
        let mut write = self.database.begin_write().map_err(RecordError::from)?;
        write.set_two_phase_commit(true);
        for signed in signed {
            let (staking_output, transactions) = signed?;
            enter(&write, staking_output, transactions)?;
        }
        let unknown = finish(&write)?;
        write.commit().map_err(RecordError::from)?;
        tracing::info!(
            unknown,
            "the signing record knows slashing transactions now"
        );
        Ok(())
    }
}

/// Enters what was signed for an output, if it is one of the record's.
fn enter(
    write: &redb::WriteTransaction,
    staking_output: OutPoint,
    transactions: SignedTransactions,
) -> Result<(), RecordError> {
    let key = outpoint_bytes(staking_output);
    let mut signed = write.open_table(SIGNED)?;
    let mut unbonding = write.open_table(UNBONDING)?;
    let recorded = unbonding.get(key)?.map(|recorded| recorded.value());
    if recorded == Some(transactions.unbonding.to_byte_array()) {
        permit(&mut signed, staking_output, transactions)?;
        unbonding.remove(key)?;
    } else if let Some(entered) = signed.get(key)? {
        let entered = SignedTransactions::from_bytes(&entered.value());
        if let Err(error @ NotPermitted::OtherSlashing { .. }) =
            transactions.check_same(staking_output, &entered)
        {
            tracing::warn!(%error, "the first of them stands");
        }
    }
    Ok(())
}

/// Writes the present format down; returns of how many outputs the slashing transactions stay unknown.
fn finish(write: &redb::WriteTransaction) -> Result<u64, RecordError> {
    write.open_table(SIGNED)?;
    write
        .open_table(ABOUT)?
        .insert(FORMAT_ENTRY, super::FORMAT)?;
    Ok(write.open_table(UNBONDING)?.len()?)
}
