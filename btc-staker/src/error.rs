//! Everything that can go wrong, and how a command ends because of it.

use bitcoin_source::{RejectionKind, SourceError};
use chain::ChainError;
use daemon::output::{CommandError, Exit};
use keystore::{KeyFileError, PassphraseError, SecretError};
use staking::delegation::PlanError;
use wallet::WalletError;

use crate::journal::JournalError;
use crate::ledger::LedgerError;
use crate::life::LifeError;
use crate::nodes::NodesError;
use crate::proposal::ProposalError;
use crate::restake::{RecordError, RestakeError};
use crate::seed::SeedError;
use crate::withdrawal::WithdrawalError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The seed.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// Wallet and journal on disk.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The nodes.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// The stake cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The stake cannot be made as asked.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// A step of a stake's life.
    #[error(transparent)]
    Life(#[from] LifeError),
    /// A stake cannot be shown to partner chains.
    #[error(transparent)]
    Restake(#[from] RestakeError),
    /// The coins cannot be taken back.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
}

impl From<WalletError> for Error {
    fn from(error: WalletError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        Self::Restake(error.into())
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Self::Nodes(error.into())
    }
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        Self::Nodes(error.into())
    }
}

impl Error {
    /// Whether the same may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        let of_bitcoin = SourceError::is_transient;
        match self {
            Self::Nodes(NodesError::Bitcoin(error))
            | Self::Ledger(LedgerError::Wallet(WalletError::Source(error))) => of_bitcoin(error),
            Self::Nodes(NodesError::Chain(error)) => matches!(
                error,
                ChainError::Unreachable { .. } | ChainError::Timeout { .. } | ChainError::Stopped
            ),
            Self::Life(LifeError::NotYetSigned { .. })
            | Self::Ledger(LedgerError::Lock(daemon::lock::LockError::Held { .. })) => true,
            _ => false,
        }
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        match error {
            Error::Ledger(LedgerError::Lock(error)) => error.into(),
            Error::Life(error) => error.into(),
            Error::Proposal(error) => error.into(),
            Error::Withdrawal(error) => error.into(),
            Error::Restake(error) => error.into(),
            error => {
                let (exit, code, hint) = ending(&error);
                let error = Self::caused_by(exit, code, &error);
                match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }
            }
        }
    }
}

type Ending = (Exit, &'static str, Option<&'static str>);

fn ending(error: &Error) -> Ending {
    match error {
        Error::Seed(error) => of_seed(error),
        Error::Ledger(LedgerError::Wallet(error)) => of_wallet(error),
        Error::Ledger(LedgerError::Journal(JournalError::OtherChain { .. })) => {
            (Exit::Configuration, "wrong-chain", None)
        }
        Error::Ledger(LedgerError::Journal(error)) if error.is_of_record() => (
            Exit::Failed,
            "storage",
            Some(
                "if `stakes.redb` is damaged, move it out of the home (keep it) and run \
                 `btc-staker wallet sync --find-stakes`: chains have the stakes that they were shown",
            ),
        ),
        Error::Nodes(NodesError::Bitcoin(error)) => of_bitcoin(error),
        Error::Nodes(NodesError::Chain(error)) => of_chain(error),
        Error::Nodes(NodesError::OtherBitcoin { .. }) => {
            (Exit::Configuration, "wrong-network", None)
        }
        Error::Nodes(NodesError::NoParams(_)) => (Exit::Failed, "no-params", None),
        Error::Nodes(NodesError::NoBabylon) => (
            Exit::Configuration,
            "no-babylon",
            Some(
                "add [babylon], or name partner chains: `stake --chain`, `params --chain`, `providers --chain`",
            ),
        ),
        Error::Plan(error) => of_plan(error),
        _ => (Exit::Failed, "storage", None),
    }
}

fn of_seed(error: &SeedError) -> Ending {
    match error {
        SeedError::File(error) => match error {
            KeyFileError::WrongPassphrase { .. } => (Exit::Unauthorized, "wrong-passphrase", None),
            KeyFileError::Missing { .. } => (
                Exit::Failed,
                "no-seed",
                Some("run `btc-staker wallet new`, or `wallet restore` if you have the words"),
            ),
            KeyFileError::Exists { .. } => (Exit::Refused, "seed-exists", None),
            KeyFileError::Permissions { .. } => (Exit::Refused, "open-permissions", None),
            KeyFileError::ShortPassphrase => (Exit::Usage, "short-passphrase", None),
            _ => (Exit::Failed, "key-file", None),
        },
        SeedError::Passphrase(error) => match error {
            PassphraseError::Short | PassphraseError::Differs { .. } => {
                (Exit::Usage, "short-passphrase", None)
            }
            PassphraseError::Source => (Exit::Usage, "passphrase-source", None),
            PassphraseError::Permissions { .. } => (Exit::Refused, "open-permissions", None),
            _ => (
                Exit::Unauthorized,
                "locked",
                Some("say where the passphrase is with --passphrase-source"),
            ),
        },
        SeedError::Secret(SecretError::Phrase { .. }) => (Exit::Usage, "malformed-phrase", None),
        SeedError::Wallet(error) => of_wallet(error),
        SeedError::OtherIdentity { .. } => (Exit::Configuration, "wrong-network", None),
        _ => (Exit::Failed, "seed", None),
    }
}

fn of_wallet(error: &WalletError) -> Ending {
    match error {
        WalletError::Source(error) => of_bitcoin(error),
        WalletError::Locked | WalletError::WrongSeed => (Exit::Unauthorized, "locked", None),
        WalletError::InsufficientFunds { .. } => (
            Exit::Failed,
            "insufficient-funds",
            Some("send bitcoin to the address that `btc-staker wallet address` shows"),
        ),
        WalletError::Dust { .. } => (Exit::Failed, "dust", None),
        WalletError::FeeRateAboveCap { .. } => (Exit::Refused, "fee-above-cap", None),
        WalletError::FeeAboveCap { .. } => (
            Exit::Refused,
            "fee-above-cap",
            Some("ask for a lower --fee-rate, or raise `staking.max_fee_sat` if you mean it"),
        ),
        WalletError::Exists => (Exit::Refused, "wallet-exists", None),
        WalletError::Missing => (
            Exit::Failed,
            "no-wallet",
            Some("run `btc-staker wallet new`, or `wallet restore` to rebuild it from the seed"),
        ),
        WalletError::WrongNetwork { .. } => (Exit::Configuration, "wrong-network", None),
        WalletError::UnknownCoin(_) => (
            Exit::Failed,
            "coins-gone",
            Some("the coins were spent or taken by another stake meanwhile; run the command again"),
        ),
        _ => (Exit::Failed, "wallet", None),
    }
}

pub(crate) fn of_bitcoin(error: &SourceError) -> Ending {
    match error {
        SourceError::Unreachable { .. } => (Exit::Unreachable, "bitcoin-unreachable", None),
        SourceError::Auth { .. } => (Exit::Unauthorized, "bitcoin-credentials", None),
        SourceError::WrongNetwork { .. } => (Exit::Configuration, "wrong-network", None),
        SourceError::Config(_) => (Exit::Configuration, "config", None),
        SourceError::Rejected(rejection) => {
            let hint = match rejection.kind() {
                RejectionKind::FeeTooLow => Some(
                    "blocks are in demand: `resume` later, or `cancel` a stake that is not broadcast and stake again \
                     with a higher --fee-rate",
                ),
                RejectionKind::MissingInputs => Some(
                    "its coins were spent by another transaction; a stake that was not broadcast can only be cancelled",
                ),
                _ => None,
            };
            (Exit::Failed, "bitcoin-rejected", hint)
        }
        _ => (Exit::Failed, "bitcoin", None),
    }
}

pub(crate) fn of_chain(error: &ChainError) -> Ending {
    match error {
        ChainError::Unreachable { .. } => (Exit::Unreachable, "chain-unreachable", None),
        ChainError::WrongChain { .. } => (Exit::Configuration, "wrong-chain", None),
        ChainError::Rejected(_) => (Exit::Failed, "chain-rejected", None),
        ChainError::InsufficientFunds { .. } => (
            Exit::Failed,
            "account-empty",
            Some("send coins for gas to the account that `btc-staker wallet address` shows"),
        ),
        ChainError::FeeAboveCap { .. } => (Exit::Refused, "fee-above-cap", None),
        ChainError::Timeout { .. } | ChainError::Stopped => (
            Exit::Pending,
            "chain-timeout",
            Some("run `btc-staker resume` to go on"),
        ),
        _ => (Exit::Failed, "chain", None),
    }
}

fn of_plan(error: &PlanError) -> Ending {
    match error {
        PlanError::StakingTime(_) => (
            Exit::Failed,
            "staking-time",
            Some("`btc-staker params` shows the bounds"),
        ),
        PlanError::StakingValue(_) => (
            Exit::Failed,
            "staking-value",
            Some("`btc-staker params` shows the bounds"),
        ),
        _ => (Exit::Failed, "invalid-delegation", None),
    }
}
