//! `inspect`: what a transaction is.

use std::io::{self, Read};

use clap::Args;
use daemon::output::{Answer, CommandError, Exit};
use staking::network::NetworkProfile;

use crate::inspect::{MalformedTransaction, inspect};

/// Most that is read from stdin; the largest transaction that fits a block is 8 MB in hex.
const MAX_INPUT: u64 = 16 << 20;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The transaction in hex, with its witness; - reads it from stdin
    #[arg(value_name = "TX HEX")]
    transaction: String,

    /// Network whose parameters it is judged by: mainnet, signet or regtest
    #[arg(long, default_value = "mainnet")]
    network: String,
}

impl Inspect {
    /// Carries it out.
    pub fn execute(&self) -> Result<Answer, CommandError> {
        let profile = NetworkProfile::named(&self.network)
            .map_err(|error| CommandError::caused_by(Exit::Usage, "unknown-network", &error))?;
        if self.transaction == "-" {
            let mut text = String::new();
            io::stdin()
                .take(MAX_INPUT)
                .read_to_string(&mut text)
                .map_err(|error| malformed(format!("stdin cannot be read: {error}")))?;
            return Ok(inspect(&text, &profile)?.into());
        }
        Ok(inspect(&self.transaction, &profile)?.into())
    }
}

fn malformed(reason: String) -> CommandError {
    CommandError::new(Exit::Usage, "malformed-transaction", reason)
        .with_hint("give the whole raw transaction, as `bitcoin-cli getrawtransaction` prints it")
}

impl From<MalformedTransaction> for CommandError {
    fn from(error: MalformedTransaction) -> Self {
        malformed(error.to_string())
    }
}
