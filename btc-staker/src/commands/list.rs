//! `list`: all stakes of this home.

use std::fmt;

use bitcoin::Txid;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use futures::{StreamExt as _, stream};
use serde::Serialize;

use super::report::Report;
use super::standing::ConfiguredChains;
use crate::error::Error;
use crate::staker::Staker;

/// Stakes asked for at once.
const PARALLEL: usize = 4;

#[derive(Debug, Serialize)]
struct List {
    stakes: Vec<Report>,
    /// Stakes that could not be looked at.
    failed: Vec<Unseen>,
}

#[derive(Debug, Serialize)]
struct Unseen {
    staking_txid: Txid,
    reason: String,
}

/// Carries it out.
pub async fn execute(context: &Context) -> Result<Answer, CommandError> {
    let staker = Staker::of(context)?;
    let (connected, partners) = (staker.watch().await?, ConfiguredChains::of(&staker).await?);
    let entries = staker.entries().await?;
    let looks = entries.into_iter().map(|entry| {
        let (txid, connected, partners) = (entry.staking_txid(), &connected, &partners);
        async move {
            let look = async {
                let mut report = Report::from(&connected.look_at(entry).await?);
                report.partner_chains = partners.standings(report.staking_output).await;
                Ok::<_, Error>(report)
            };
            (txid, look.await)
        }
    });
    let outcomes: Vec<_> = stream::iter(looks).buffered(PARALLEL).collect().await;
    let mut list = List {
        stakes: Vec::new(),
        failed: Vec::new(),
    };
    for (staking_txid, outcome) in outcomes {
        match outcome {
            Ok(report) => list.stakes.push(report),
            Err(error) => {
                list.failed.push(Unseen {
                    staking_txid,
                    reason: error.to_string(),
                });
            }
        }
    }
    Ok(if list.failed.is_empty() {
        list.into()
    } else {
        Answer::partial(list)
    })
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stakes.is_empty() && self.failed.is_empty() {
            return f.write_str("no stakes yet");
        }
        for report in &self.stakes {
            writeln!(f, "{report}")?;
        }
        for Unseen {
            staking_txid,
            reason,
        } in &self.failed
        {
            writeln!(f, "stake {staking_txid}\n  cannot be looked at: {reason}")?;
        }
        Ok(())
    }
}
