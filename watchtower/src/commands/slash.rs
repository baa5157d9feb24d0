//! `slash`: one finality provider, now, by hand.

use std::fmt;

use bitcoin::Txid;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::FinalityProviderKey;

use super::{setting, watched_account};
use crate::role::RoundError;
use crate::slashing::case::Progress;
use crate::slashing::culprit::Culprit;
use crate::slashing::slash_now;
use crate::startup::{Account, Nodes};

#[derive(Serialize)]
struct Slashed {
    provider: FinalityProviderKey,
    delegations: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    staking_txid: Txid,
    /// The slashing transaction, where there is one on the network.
    slashing_txid: Option<Txid>,
    state: String,
}

impl fmt::Display for Slashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.delegations.is_empty() {
            return write!(f, "nothing is staked with {}", self.provider);
        }
        self.delegations
            .iter()
            .try_for_each(|outcome| writeln!(f, "{} {}", outcome.staking_txid, outcome.state))
    }
}

/// Slashes the stakes of a provider from the evidence on the chain.
pub async fn run(
    context: &Context,
    provider: &FinalityProviderKey,
) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    let account = Account::Watched(watched_account(&config, &home)?);
    let nodes = Nodes::connect(&config, account).await?;
    let (bitcoin, chain) = (nodes.bitcoin(), nodes.chain());
    let evidence = chain.evidences().await?;
    let Some(evidence) = evidence
        .iter()
        .find(|evidence| evidence.finality_provider() == *provider)
    else {
        return Err(CommandError::new(
            Exit::Failed,
            "no-evidence",
            format!("the chain has no evidence that finality provider {provider} equivocated"),
        )
        .with_hint("only two votes at one height give a key away"));
    };
    let culprit = Culprit::convict(evidence)
        .map_err(|error| CommandError::caused_by(Exit::Failed, "no-key", &error))?;
    let final_confirmations = config.slashing.final_confirmations.get();
    let outcomes = slash_now(
        &*bitcoin,
        &*chain,
        &culprit,
        config.stakes.page_size,
        final_confirmations,
    )
    .await
    .map_err(round_error)?;
    let failed = outcomes
        .values()
        .any(|progress| matches!(progress, Progress::Failed(_) | Progress::Impossible(_)));
    let delegations = outcomes
        .into_iter()
        .map(|(staking_txid, progress)| Outcome {
            staking_txid,
            slashing_txid: match progress {
                Progress::Sent { txid, .. } | Progress::Finished(txid) => Some(txid),
                _ => None,
            },
            state: progress.to_string(),
        })
        .collect();
    let slashed = Slashed {
        provider: *provider,
        delegations,
    };
    if failed {
        return Ok(Answer::partial(slashed));
    }
    Ok(slashed.into())
}

fn round_error(error: RoundError) -> CommandError {
    match error {
        RoundError::Chain(error) => error.into(),
        RoundError::Bitcoin(error) => error.into(),
        error => CommandError::caused_by(Exit::Failed, "slashing", &error),
    }
}
