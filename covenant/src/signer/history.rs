//! What a signer remembers on disk: the record of transactions and the audit log, always both.

use std::io;

use bitcoin::OutPoint;
use staking::keys::CovenantKey;

use super::{Opened, RecordError, SignedTransactions, SigningRecord};
use crate::audit::{AuditError, AuditLog, BrokenChain, signed};
use crate::home::Home;

/// The open memory of one covenant key. Only one process has it.
#[derive(Debug)]
pub struct SigningHistory {
    pub(super) record: SigningRecord,
    pub(super) audit: AuditLog,
}

/// Why a signer's memory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The directory cannot be made.
    #[error("the data directory cannot be made: {0}")]
    Directory(#[from] io::Error),
}

impl SigningHistory {
    /// Opens the memory of `key`; never creates one.
    pub fn open(home: &Home, key: CovenantKey) -> Result<Self, HistoryError> {
        // The record first: its lock keeps other processes away from the log too.
        let opened = SigningRecord::open(&home.signing_record(), key)?;
        let audit = AuditLog::open(&home.audit_log())?;
        let record = match opened {
            Opened::Current(record) => record,
            Opened::Outdated(outdated) => {
                let signed = signed(&home.audit_log()).map_err(AuditError::from)?;
                outdated.complete(signed.map(|signed| signed.map_err(Self::unread)))?
            }
        };
        Ok(Self { record, audit })
    }

    /// Creates the memory of a key that has never signed.
    ///
    /// A log that is there already, such as one restored from a backup, is kept.
    pub fn create(home: &Home, key: CovenantKey) -> Result<Self, HistoryError> {
        Self::rebuild(home, key, [])
    }

    /// Creates the memory of a key that has signed these transactions, each for its staking output.
    pub fn rebuild(
        home: &Home,
        key: CovenantKey,
        signed: impl IntoIterator<Item = (OutPoint, SignedTransactions)>,
    ) -> Result<Self, HistoryError> {
        std::fs::create_dir_all(home.data())?;
        let record = SigningRecord::create(&home.signing_record(), key, signed)?;
        let path = home.audit_log();
        let audit = if path.exists() {
            AuditLog::open(&path)?
        } else {
            AuditLog::create(&path)?
        };
        Ok(Self { record, audit })
    }

    fn unread(error: BrokenChain) -> HistoryError {
        AuditError::from(error).into()
    }
}
