//! The command line.

use clap::{Args, Subcommand};
use daemon::output::{Answer, CommandError};
use daemon::parked::{self, ParkedCommand};
use daemon::program::{Context, Program};
use keystore::PassphraseSource;
use staking::keys::FinalityProviderKey;

use crate::commands;
use crate::config::{Config, PROGRAM, TEMPLATE};
use crate::home::Home;

/// The program.
pub struct Watchtower;

impl Program for Watchtower {
    const NAME: &'static str = PROGRAM;
    const ABOUT: &'static str =
        "Keeps secured chains and Bitcoin informed of each other, and slashes equivocation";
    const CONFIG_TEMPLATE: &'static str = TEMPLATE;
    type Command = Command;
    type Config = Config;

    async fn execute(command: Command, context: Context) -> Result<Answer, CommandError> {
        match command {
            Command::Init => commands::init::run(&context),
            Command::Wallet { command } => commands::wallet::run(&context, command).await,
            Command::Start(options) => commands::start::run(&context, options).await,
            Command::Status => commands::status::run(&context).await,
            Command::Slash { provider } => commands::slash::run(&context, &provider).await,
            Command::Parked { command } => {
                parked::execute(command, &Home::new(context.home()?).parked())
            }
        }
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the home directory with a commented configuration
    ///
    /// Example: watchtower init --home ~/watchtower
    Init,

    /// Make and look at the wallet that pays for checkpoints, and the account that reports
    Wallet {
        /// What to do with the wallet.
        #[command(subcommand)]
        command: WalletCommand,
    },

    /// Run the roles that the configuration switches on, until stopped
    ///
    /// Example: watchtower start --passphrase-source file:/run/secrets/watchtower
    Start(StartOptions),

    /// Show what the running watchtower does; where it does not run, what the nodes say
    ///
    /// Example: watchtower status --json
    Status,

    /// Slash the stakes of a finality provider now, from the evidence on any chain
    ///
    /// Example: watchtower slash 8d2f…
    Slash {
        /// Its EOTS key, 64 hex digits
        provider: FinalityProviderKey,
    },

    /// List what was given up on, and try it again
    Parked {
        /// What to do with them.
        #[command(subcommand)]
        command: ParkedCommand,
    },
}

/// `wallet …`.
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Make a seed and show its words once
    ///
    /// Example: watchtower wallet new
    New {
        /// Of the new seed file.
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// Restore from the words of a seed, read from stdin
    ///
    /// Example: watchtower wallet restore < words.txt
    Restore {
        /// Of the new seed file.
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// Show where the wallet receives coins, and the account that pays the chains' fees
    ///
    /// Example: watchtower wallet address
    Address {
        /// Of the seed file.
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// Show the wallet's coins
    ///
    /// Example: watchtower wallet balance --json
    Balance {
        /// Of the seed file.
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
}

/// Where a passphrase comes from.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct PassphraseOptions {
    /// Where the seed's passphrase comes from instead of the configuration: prompt, file:/path, fd:3, credential:name
    #[arg(long, value_name = "SOURCE")]
    pub passphrase_source: Option<PassphraseSource>,
}

/// `start …`.
#[derive(Debug, Args)]
pub struct StartOptions {
    /// Of the seed file.
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
}
