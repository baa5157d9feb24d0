//! The command line.

use std::io;

use clap::Subcommand;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;

use crate::commands;

/// What the program can be told to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell what a Bitcoin transaction is to the staking protocol, offline
    #[command(after_help = "Example:\n  btc-staker inspect --network mainnet 0200000000010123…")]
    Inspect(commands::inspect::Inspect),

    /// Build all scripts and transactions of a delegation, offline, from a JSON object on stdin
    #[command(after_help = "Example:\n  btc-staker scripts --json < delegation.json")]
    Scripts,
}

impl Command {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let _ = context;
        match self {
            Self::Inspect(inspect) => inspect.execute(),
            Self::Scripts => commands::scripts::execute(io::stdin().lock()),
        }
    }
}
