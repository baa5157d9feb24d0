//! `status`: where one stake is and what it waits for.

use bitcoin::Txid;
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;

use super::report::Report;
use crate::staker::Staker;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Id of the staking transaction
    #[arg(value_name = "STAKING TXID")]
    txid: Txid,
}

impl Status {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let connected = Staker::of(context)?.watch().await?;
        Ok(Report::from(&connected.look(self.txid).await?).into())
    }
}
