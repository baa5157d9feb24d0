//! `resume`: going on with what was begun.

use std::fmt;

use bitcoin::Txid;
use clap::Args;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::shutdown;
use futures::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::arguments::{Stay, Unlock};
use super::report::Report;
use crate::error::Error;
use crate::journal::Intent;
use crate::life::{OUTAGE_PAUSE, Seen, Step, Until};
use crate::seed::Keys;
use crate::staker::{Connected, Staker};

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// Stakes to go on with; all that are unfinished where absent. A stake that was found on the chain after a restore
    /// is gone on with only if it is named
    #[arg(value_name = "STAKING TXID")]
    txids: Vec<Txid>,

    #[command(flatten)]
    stay: Stay,

    #[command(flatten)]
    unlock: Unlock,
}

/// How far stakes came.
#[derive(Debug, Serialize)]
struct Resumed {
    stakes: Vec<Report>,
    failed: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    staking_txid: Txid,
    code: &'static str,
    message: String,
}

/// How far a stake came while we stayed.
pub(super) struct Followed {
    /// What was seen last.
    pub(super) seen: Seen,
    /// Whether we were told to stop before it rested.
    pub(super) interrupted: bool,
}

/// How much of what was asked for was done; of several stakes, the most that is to be said of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Completion {
    /// All of it.
    Done,
    /// There are chains that have not heard of all that happened, or stakes that failed.
    Partial,
    /// We were told to stop before.
    Pending,
}

impl Followed {
    /// How much of what was asked for was done.
    pub(super) fn completion(&self) -> Completion {
        if self.interrupted {
            Completion::Pending
        } else if self.seen.failures().is_empty() {
            Completion::Done
        } else {
            Completion::Partial
        }
    }
}

impl Completion {
    /// The answer that says so with this result.
    pub(super) fn answer(self, result: impl Serialize + fmt::Display) -> Answer {
        match self {
            Self::Done => result.into(),
            Self::Partial => Answer::partial(result),
            Self::Pending => Answer::pending(result),
        }
    }
}

impl Resume {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let txids = if self.txids.is_empty() {
            unfinished(&staker).await?
        } else {
            self.txids
        };
        if txids.is_empty() {
            return Ok(Resumed {
                stakes: Vec::new(),
                failed: Vec::new(),
            }
            .into());
        }
        let keys =
            staker.unlock(&staker.passphrase_source(self.unlock.passphrase_source.as_ref()))?;
        let until = until(self.stay)?;
        let connected = connect(&staker, &keys, &until).await?;
        let outcomes = join_all(txids.iter().map(|txid| resume(&connected, *txid, &until))).await;
        let (mut stakes, mut failed) = (Vec::new(), Vec::new());
        let mut completion = Completion::Done;
        for (staking_txid, outcome) in txids.into_iter().zip(outcomes) {
            match outcome {
                Ok(followed) => {
                    completion = completion.max(followed.completion());
                    stakes.push(Report::from(&followed.seen));
                }
                Err(error) => {
                    let CommandError { code, message, .. } = error.into();
                    failed.push(Failure {
                        staking_txid,
                        code,
                        message,
                    });
                }
            }
        }
        if !failed.is_empty() {
            completion = Completion::Partial;
        }
        Ok(completion.answer(Resumed { stakes, failed }))
    }
}

/// The stakes of which their owner's wish is known and, as far as the journal knows, not yet fulfilled.
async fn unfinished(staker: &Staker) -> Result<Vec<Txid>, Error> {
    let entries = staker.entries().await?;
    Ok(entries
        .into_iter()
        .filter(|entry| matches!(entry.intent, Intent::Stake | Intent::Unbond))
        .filter(|entry| {
            entry
                .withdrawal
                .as_ref()
                .is_none_or(|withdrawal| !withdrawal.buried)
        })
        .map(|entry| entry.staking_txid())
        .collect())
}

/// Connects to the nodes; where they are away, waits for them as long as we stay.
async fn connect(staker: &Staker, keys: &Keys, until: &Until) -> Result<Connected, Error> {
    let spinner = staker.progress.spinner("connecting");
    loop {
        match staker.connect(keys.clone()).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "waiting for the node");
                spinner.set_message(error.to_string());
                if !until.pause(OUTAGE_PAUSE).await {
                    return Err(error);
                }
            }
            outcome => return outcome,
        }
    }
}

async fn resume(connected: &Connected, txid: Txid, until: &Until) -> Result<Followed, Error> {
    let seen = connected.look(txid).await;
    if seen.is_ok_and(|seen| seen.stake.entry.intent == Intent::Unknown) {
        connected.set_intent(txid, Intent::Stake).await?;
    }
    follow(connected, txid, until).await
}

/// Until when to stay with a stake: one look with `--no-wait`, otherwise until it rests or a signal comes.
pub(super) fn until(stay: Stay) -> Result<Until, CommandError> {
    if stay.no_wait {
        return Ok(Until::Waiting);
    }
    let stop: CancellationToken = shutdown::on_signal().map_err(|error| {
        CommandError::new(
            Exit::Failed,
            "no-signals",
            format!("signals cannot be received: {error}"),
        )
    })?;
    Ok(Until::Resting(stop))
}

/// Goes on with a stake while a line of progress says what it waits for.
pub(super) async fn follow(
    connected: &Connected,
    txid: Txid,
    until: &Until,
) -> Result<Followed, Error> {
    let spinner = connected.staker.progress.spinner(format!("stake {txid}"));
    let mut told = String::new();
    let seen = connected
        .drive(txid, until, |news| {
            if news != told {
                tracing::info!(%txid, "{news}");
                spinner.set_message(format!("stake {txid}: {news}"));
                told = news;
            }
        })
        .await;
    spinner.finish_and_clear();
    let seen = seen?;
    let interrupted =
        matches!(until, Until::Resting(_)) && !matches!(seen.step, Step::Rest(_) | Step::Stuck(_));
    Ok(Followed { seen, interrupted })
}

impl fmt::Display for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stakes.is_empty() && self.failed.is_empty() {
            return f.write_str("nothing to go on with");
        }
        for report in &self.stakes {
            writeln!(f, "{report}")?;
        }
        for failure in &self.failed {
            writeln!(
                f,
                "stake {}\n  failed: {}",
                failure.staking_txid, failure.message
            )?;
        }
        Ok(())
    }
}
