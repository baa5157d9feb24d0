//! `cancel`: giving up a stake that was not broadcast.

use bitcoin::Txid;
use clap::Args;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;

use super::report::Report;
use crate::journal::Intent;
use crate::life::Position;
use crate::staker::Staker;

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub struct Cancel {
    /// Id of the staking transaction
    #[arg(value_name = "STAKING TXID")]
    txid: Txid,
}

impl Cancel {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let connected = Staker::of(context)?.watch().await?;
        let seen = connected.look(self.txid).await?;
        if seen.observation.position != Position::Nowhere {
            let message = format!("stake {} is on Bitcoin already: {}", self.txid, seen.step);
            return Err(
                CommandError::new(Exit::Refused, "already-broadcast", message)
                    .with_hint("`btc-staker unbond` ends it early"),
            );
        }
        connected.set_intent(self.txid, Intent::Cancel).await?;
        Ok(Report::from(&connected.look(self.txid).await?).into())
    }
}
