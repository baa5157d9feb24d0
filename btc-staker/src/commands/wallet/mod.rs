//! `wallet …`: the seed and the coins.

mod address;
mod balance;
mod new;
mod restore;
mod sync;
mod words;

use clap::Subcommand;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;

/// What can be done with the wallet.
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Make a new seed and show its words once
    #[command(after_help = "Example:\n  btc-staker wallet new --passphrase-source file:passphrase")]
    New(new::New),

    /// Restore a seed from its words, or wallet and journal from the seed that is here
    #[command(
        after_help = "Examples:\n  btc-staker wallet restore --words-source file:words\n  btc-staker wallet restore --birthday 870000"
    )]
    Restore(restore::Restore),

    /// Show where to send bitcoin, and the account that pays for gas on the chain
    #[command(after_help = "Example:\n  btc-staker wallet address")]
    Address,

    /// Show what the wallet and the account have
    #[command(after_help = "Example:\n  btc-staker wallet balance --json")]
    Balance,

    /// Read new blocks, and with --find-stakes all stakes of this seed on the chain
    #[command(after_help = "Example:\n  btc-staker wallet sync --find-stakes")]
    Sync(sync::Sync),
}

impl WalletCommand {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        match self {
            Self::New(new) => new.execute(context).await,
            Self::Restore(restore) => restore.execute(context).await,
            Self::Address => address::execute(context).await,
            Self::Balance => balance::execute(context).await,
            Self::Sync(sync) => sync.execute(context).await,
        }
    }
}
