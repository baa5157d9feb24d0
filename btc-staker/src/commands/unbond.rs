//! `unbond`: ending a stake early.

use bitcoin::{Amount, Txid};
use clap::Args;
use daemon::consent::Consent;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;

use super::arguments::{Stay, Unlock};
use super::report::Report;
use super::resume::{follow, until};
use crate::blocks::Blocks;
use crate::error::Error;
use crate::journal::Intent;
use crate::life::{LifeError, Obstacle, Position, Rest, Seen, Step};
use crate::staker::Staker;

/// Arguments of `unbond`.
#[derive(Debug, Args)]
pub struct Unbond {
    /// Id of the staking transaction
    #[arg(value_name = "STAKING TXID")]
    txid: Txid,

    #[command(flatten)]
    consent: Consent,

    #[command(flatten)]
    stay: Stay,

    #[command(flatten)]
    unlock: Unlock,
}

impl Unbond {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let seen = staker.watch().await?.look(self.txid).await?;
        if let Step::Rest(Rest::Unbonded(_) | Rest::Withdrawn | Rest::Slashed { .. }) = seen.step {
            return Ok(Report::from(&seen).into());
        }
        if seen.observation.position == Position::Nowhere {
            // Nothing is written down: there is nothing to unbond, now or later.
            let obstacle = Obstacle::NotBroadcast;
            return Err(Error::from(LifeError::Stuck {
                txid: self.txid,
                obstacle,
            })
            .into());
        }
        context
            .progress()
            .aside(|| self.consent.ask(&question(&seen)))?;
        let keys =
            staker.unlock(&staker.passphrase_source(self.unlock.passphrase_source.as_ref()))?;
        let connected = staker.connect(keys).await?;
        connected.set_intent(self.txid, Intent::Unbond).await?;
        let until = until(self.stay)?;
        let followed = follow(&connected, self.txid, &until).await?;
        let report = Report::from(&followed.seen);
        Ok(followed.completion().answer(report))
    }
}

fn question(seen: &Seen) -> String {
    let Seen { stake, .. } = seen;
    let unbonded = stake.delegation.unbonding_output().value();
    let fee: Amount = stake.params.unbonding_fee;
    format!(
        "unbond stake {}\n  {unbonded} can be withdrawn after {}; the fee is {fee}\nUnbond?",
        stake.entry.staking_txid(),
        Blocks(u32::from(stake.params.unbonding_time)),
    )
}
