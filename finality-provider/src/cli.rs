//! The command line.

use std::path::PathBuf;

use chain::babylon::Decimal;
use clap::{Args, Subcommand};
use daemon::output::{Answer, CommandError};
use daemon::parked::{self, ParkedCommand};
use daemon::program::{Context, Program};

use crate::commands;
use crate::config::{Config, PROGRAM, TEMPLATE};
use crate::record::UnknownVotes;
use crate::reporting;

/// The program.
pub struct FinalityProvider;

impl Program for FinalityProvider {
    const NAME: &'static str = PROGRAM;
    const ABOUT: &'static str =
        "Commits public randomness and votes for blocks, never for two at one height";
    const CONFIG_TEMPLATE: &'static str = TEMPLATE;
    type Command = Command;
    type Config = Config;

    async fn execute(command: Command, context: Context) -> Result<Answer, CommandError> {
        match command {
            Command::Init => commands::init::run(&context),
            Command::Keys { command } => commands::keys::run(&context, command),
            Command::Register(details) => commands::register::run(&context, details).await,
            Command::Start(options) => commands::start::run(&context, options).await,
            Command::Signer(options) => commands::signer::run(&context, options).await,
            Command::Status => commands::status::run(&context).await,
            Command::Unjail { name, chain } => {
                commands::unjail::run(&context, &name, chain.as_deref()).await
            }
            Command::Rewards {
                name,
                chain,
                withdraw,
            } => commands::rewards::run(&context, &name, chain.as_deref(), withdraw).await,
            Command::Parked { command } => {
                parked::execute(command, &reporting::parked(context.home()?))
            }
            Command::ExtractKey => commands::extract_key::run(),
        }
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the home directory with a commented configuration
    ///
    /// Example: finality-provider init --home ~/fp
    Init,

    /// Make, import and list keys
    Keys {
        #[command(subcommand)]
        /// What to do with keys.
        command: KeysCommand,
    },

    /// Register a provider on a chain; on a partner chain again, to change operator or commission
    ///
    /// Example: finality-provider register --name main --moniker "My provider" --commission 0.05
    /// Example: finality-provider register --name main --chain x --commission 0.05
    Register(RegisterDetails),

    /// Commit public randomness, vote and report stake, until stopped
    ///
    /// Example: finality-provider start --home ~/fp
    Start(StartOptions),

    /// Hold the EOTS keys in a process of their own, at `signer.endpoint`
    ///
    /// Example: finality-provider signer --home ~/fp-signer
    Signer(SignerOptions),

    /// Show standing, power, votes, runway, rewards, reported stakes and problems of every provider on every chain
    ///
    /// Example: finality-provider status --json
    Status,

    /// Return a jailed provider to the active set once its time is over
    ///
    /// Example: finality-provider unjail --name main
    Unjail {
        /// Name of the provider in the configuration
        #[arg(long)]
        name: String,
        /// Name of the chain in the configuration; Babylon where it is left out
        #[arg(long)]
        chain: Option<String>,
    },

    /// Show a provider's rewards, or withdraw them to its account
    ///
    /// Example: finality-provider rewards --name main --withdraw
    Rewards {
        /// Name of the provider in the configuration
        #[arg(long)]
        name: String,
        /// Name of the chain in the configuration; Babylon where it is left out
        #[arg(long)]
        chain: Option<String>,
        /// Withdraw them
        #[arg(long)]
        withdraw: bool,
    },

    /// List the stakes that were given up on, and have them reported again
    ///
    /// Example: finality-provider parked list
    Parked {
        /// What to do with them.
        #[command(subcommand)]
        command: ParkedCommand,
    },

    /// Compute the key that two votes at one height reveal; reads them as JSON on stdin
    ///
    /// Example: finality-provider extract-key --json < votes.json
    ExtractKey,
}

/// `keys …`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a provider's two keys: the EOTS key and its account's
    ///
    /// Example: finality-provider keys new --name main
    New {
        /// Name of the provider in the configuration
        #[arg(long)]
        name: String,
    },
    /// Import an existing EOTS key as 64 hex digits from a file, and make an account key
    ///
    /// Example: finality-provider keys import --name main --secret-file /secure/key.hex
    Import {
        /// Name of the provider in the configuration
        #[arg(long)]
        name: String,
        /// File with the secret key, readable by its owner only; `-` for stdin
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
    },
    /// Show a provider's public key and account
    ///
    /// Example: finality-provider keys show --name main
    Show {
        /// Name of the provider in the configuration
        #[arg(long)]
        name: String,
    },
    /// List all providers with their public keys and accounts
    ///
    /// Example: finality-provider keys list --json
    List,
}

/// `register …`.
#[derive(Debug, Args)]
pub struct RegisterDetails {
    /// Name of the provider in the configuration
    #[arg(long)]
    pub name: String,
    /// Name of the chain in the configuration; Babylon where it is left out
    #[arg(long)]
    pub chain: Option<String>,
    /// Name that people see, on Babylon only; 1 to 70 bytes
    #[arg(long, default_value = "")]
    pub moniker: String,
    /// Commission rate, such as 0.05 for 5 %
    #[arg(long, value_name = "RATE")]
    pub commission: Decimal,
    /// Rate that the commission may never exceed; can never be changed
    #[arg(long, value_name = "RATE", default_value = "0.2")]
    pub max_commission: Decimal,
    /// Most that the rate may change in a day; can never be changed
    #[arg(long, value_name = "RATE", default_value = "0.01")]
    pub max_commission_change: Decimal,
    /// Web site
    #[arg(long, default_value = "")]
    pub website: String,
    /// Anything else people should know
    #[arg(long, default_value = "")]
    pub details: String,
}

/// `start …`.
#[derive(Debug, Args)]
pub struct StartOptions {
    #[command(flatten)]
    /// What to do about a missing signing record.
    pub record: RecordOptions,
}

/// `signer …`.
#[derive(Debug, Args)]
pub struct SignerOptions {
    #[command(flatten)]
    /// What to do about a missing signing record.
    pub record: RecordOptions,
}

/// What to do about a missing signing record.
#[derive(Debug, Clone, Copy, Args)]
pub struct RecordOptions {
    /// Sign with keys whose earlier votes this home has no record of: above the chain's present height only
    ///
    /// For a key whose record is lost and that no other machine uses any more, once and by hand. Votes between the last
    /// one on the chain and its present height are lost.
    #[arg(long)]
    pub adopt_chain_watermark: bool,
}

impl From<RecordOptions> for UnknownVotes {
    fn from(options: RecordOptions) -> Self {
        if options.adopt_chain_watermark {
            Self::AdoptChainWatermark
        } else {
            Self::Refuse
        }
    }
}
