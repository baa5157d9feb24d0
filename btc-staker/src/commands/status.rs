//! `status`: where one stake is and what it waits for.

use bitcoin::Txid;
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;

use super::report::Report;
use super::standing::ConfiguredChains;
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
        let staker = Staker::of(context)?;
        let (connected, partners) = (staker.watch().await?, ConfiguredChains::of(&staker).await?);
        let mut report = Report::from(&connected.look(self.txid).await?);
        report.partner_chains = partners.standings(report.staking_output).await;
        Ok(report.into())
    }
}
