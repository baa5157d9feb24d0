//! `slash`: one finality provider, now, by hand.

use std::collections::BTreeMap;
use std::fmt;

use bitcoin::Txid;
use bitcoin_source::Bitcoind;
use chain::Account;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::FinalityProviderKey;

use super::{setting, watched_account};
use crate::role::RoundError;
use crate::slashing::case::Progress;
use crate::slashing::culprit::Culprit;
use crate::slashing::slash_now;
use crate::startup::connect;

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
    let bitcoin = Bitcoind::connect(&config.bitcoin).await?;
    let mut chains = Vec::new();
    let mut evidence = None;
    for secured in config.secured_chains() {
        let account = Account::Watched(watched_account(&secured, &home)?);
        let chain = connect(&bitcoin, &secured, account).await?.chain();
        let known = chain.evidences().await?;
        let mut known = known.into_iter();
        evidence = evidence.or(known.find(|one| one.finality_provider() == *provider));
        chains.push((secured, chain));
    }
    let Some(evidence) = evidence else {
        return Err(CommandError::new(
            Exit::Failed,
            "no-evidence",
            format!("no chain has evidence that finality provider {provider} equivocated"),
        )
        .with_hint("only two votes at one height give a key away"));
    };
    let culprit = Culprit::convict(&evidence)
        .map_err(|error| CommandError::caused_by(Exit::Failed, "no-key", &error))?;
    let final_confirmations = config.slashing.final_confirmations.get();
    // A stake that several chains count is burnt once, whichever of them is asked.
    let mut outcomes = BTreeMap::new();
    for (secured, chain) in chains {
        let (name, page_size) = (secured.name(), config.stakes.page_size);
        let slashed = slash_now(
            &bitcoin,
            &*chain,
            name,
            &culprit,
            page_size,
            final_confirmations,
        );
        outcomes.extend(slashed.await.map_err(round_error)?);
    }
    let failed = outcomes
        .values()
        .any(|progress| matches!(progress, Progress::Failed(_) | Progress::Impossible(_)));
    let delegations = outcomes
        .into_iter()
        .map(|(output, progress)| Outcome {
            staking_txid: output.txid,
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
