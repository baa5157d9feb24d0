//! The errors of our own crates as every command reports them: the same failure has the same code everywhere.

use bitcoin_source::SourceError;
use chain::ChainError;
use keystore::{KeyFileError, PassphraseError, SecretError};

use super::{CommandError, Exit};

impl From<KeyFileError> for CommandError {
    fn from(error: KeyFileError) -> Self {
        let (exit, code) = match error {
            KeyFileError::WrongPassphrase { .. } => (Exit::Unauthorized, "wrong-passphrase"),
            KeyFileError::ShortPassphrase => (Exit::Unauthorized, "short-passphrase"),
            KeyFileError::Exists { .. } => (Exit::Refused, "key-exists"),
            KeyFileError::Permissions { .. } => (Exit::Refused, "key-permissions"),
            KeyFileError::Missing { .. } => (Exit::Configuration, "key-missing"),
            _ => (Exit::Failed, "key-file"),
        };
        Self::caused_by(exit, code, &error)
    }
}

impl From<PassphraseError> for CommandError {
    fn from(error: PassphraseError) -> Self {
        Self::caused_by(Exit::Unauthorized, "no-passphrase", &error).with_hint(
            "a passphrase comes from `prompt`, `file:/path`, `fd:N` or `credential:NAME`, never from the command line",
        )
    }
}

impl From<SecretError> for CommandError {
    fn from(error: SecretError) -> Self {
        Self::caused_by(Exit::Failed, "key-unusable", &error)
    }
}

impl From<ChainError> for CommandError {
    fn from(error: ChainError) -> Self {
        let (exit, code) = match error {
            ChainError::Unreachable { .. } => (Exit::Unreachable, "chain-unreachable"),
            ChainError::Behind { .. } => (Exit::Unreachable, "chain-behind"),
            ChainError::WrongChain { .. } => (Exit::Configuration, "wrong-chain"),
            ChainError::Rejected(_) => (Exit::Failed, "refused-by-chain"),
            ChainError::InsufficientFunds { .. } => (Exit::Failed, "insufficient-funds"),
            ChainError::Timeout { .. } => (Exit::Pending, "not-in-a-block-yet"),
            _ => (Exit::Failed, "chain"),
        };
        Self::caused_by(exit, code, &error)
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        let (exit, code) = match error {
            SourceError::Unreachable { .. } => (Exit::Unreachable, "bitcoin-unreachable"),
            SourceError::Auth { .. } => (Exit::Unauthorized, "bitcoin-credentials"),
            SourceError::WrongNetwork { .. } => (Exit::Configuration, "wrong-network"),
            SourceError::Config(_) => (Exit::Configuration, "config-invalid"),
            SourceError::Rejected(_) => (Exit::Failed, "refused-by-bitcoin"),
            _ => (Exit::Failed, "bitcoin"),
        };
        Self::caused_by(exit, code, &error)
    }
}
