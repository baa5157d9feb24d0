//! The library's errors as commands report them: one code, exit code and hint for each kind.

use std::error::Error;

use daemon::output::{CommandError, Exit};

use crate::audit::{AuditError, BrokenChain};
use crate::signer::{HistoryError, RecordError, SignerError};
use crate::stakers::ParamsSetsError;

/// A key file that holds something else than a usable key.
pub(super) fn key(error: &(dyn Error + 'static)) -> CommandError {
    CommandError::caused_by(Exit::Configuration, "key-unusable", error)
}

/// A file that cannot be read or written.
pub(super) fn file(what: &str, error: &std::io::Error) -> CommandError {
    CommandError::new(Exit::Failed, "file", format!("{what}: {error}"))
}

impl From<SignerError> for CommandError {
    fn from(error: SignerError) -> Self {
        match error {
            SignerError::Refused(_) => Self::caused_by(Exit::Refused, "signer-refused", &error),
            SignerError::Unavailable(_) => {
                Self::caused_by(Exit::Unreachable, "signer-unavailable", &error)
                    .with_hint("is `covenant signer` running at the configured endpoint?")
            }
        }
    }
}

impl From<ParamsSetsError> for CommandError {
    fn from(error: ParamsSetsError) -> Self {
        Self::caused_by(Exit::Configuration, "config-invalid", &error)
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Record(error) => error.into(),
            HistoryError::Audit(error) => error.into(),
            HistoryError::Directory(_) => Self::caused_by(Exit::Failed, "data", &error),
        }
    }
}

impl From<RecordError> for CommandError {
    fn from(error: RecordError) -> Self {
        let refused = |code| Self::caused_by(Exit::Refused, code, &error);
        match error {
            RecordError::Missing { .. } => refused("record-missing").with_hint(
                "restore it from the newest backup; where there is none, `covenant record rebuild`",
            ),
            RecordError::Exists { .. } => refused("record-exists"),
            RecordError::InUse { .. } => {
                refused("already-running").with_hint("stop the other process first")
            }
            RecordError::OtherKey { .. } => refused("record-of-another-key")
                .with_hint("every covenant key needs a home directory of its own"),
            RecordError::Refused(ref not_permitted) => refused(not_permitted.rule()),
            _ => Self::caused_by(Exit::Failed, "record", &error),
        }
    }
}

impl From<AuditError> for CommandError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Broken(error) => error.into(),
            _ => Self::caused_by(Exit::Failed, "audit-log", &error),
        }
    }
}

impl From<BrokenChain> for CommandError {
    fn from(error: BrokenChain) -> Self {
        match error {
            BrokenChain::Line { .. } => Self::caused_by(Exit::Refused, "audit-log-changed", &error)
                .with_hint(
                    "find out who changed it; keep the file as evidence and restore a backup",
                ),
            BrokenChain::Unreadable { .. } => {
                Self::caused_by(Exit::Failed, "audit-log-unreadable", &error).with_hint(
                    "a key's log is made together with the key; restore it from a backup",
                )
            }
        }
    }
}
