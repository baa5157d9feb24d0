//! `rewards`: what stakes have earned on partner chains.

use std::fmt;

use bitcoin::{OutPoint, Txid};
use chain::ChainError;
use chain::mesh::{MAX_CLAIMS, Mesh};
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use futures::future::join_all;
use serde::Serialize;

use super::arguments::Unlock;
use super::exposure::{entries, outpoint};
use crate::printable::Printable;
use crate::restake::{Instance, PartnerChains, RestakeError};
use crate::staker::Staker;

/// Arguments of `rewards`.
#[derive(Debug, Args)]
pub struct Rewards {
    /// Id of the staking transaction; all stakes where absent
    #[arg(value_name = "STAKING TXID")]
    txid: Option<Txid>,

    /// Have paid what has vested; it goes to the reward address of each stake's consent and nowhere else
    #[arg(long)]
    claim: bool,

    #[command(flatten)]
    unlock: Unlock,
}

/// Rewards by chain.
#[derive(Debug, Serialize)]
struct Earned {
    chains: Vec<ChainRewards>,
}

#[derive(Debug, Serialize)]
struct ChainRewards {
    chain: String,
    /// Smallest unit of all amounts.
    denomination: Option<String>,
    stakes: Vec<StakeRewards>,
    /// Why the chain did not answer or pay.
    error: Option<String>,
}

/// Amounts as text, because they can be larger than what JSON readers keep exactly.
#[derive(Debug, Serialize)]
struct StakeRewards {
    staking_txid: Txid,
    /// Credited and not paid; it vests over time from one claim to the next.
    owed: String,
    reward_address: String,
    /// What was paid now; `None` where nothing was claimed.
    paid: Option<String>,
    #[serde(skip)]
    outpoint: OutPoint,
}

impl Rewards {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        if staker.config.chains.is_empty() {
            return Err(RestakeError::NoChains.into());
        }
        let entries = entries(&staker, self.txid).await?;
        let outpoints: Vec<_> = entries.iter().map(outpoint).collect();
        let chains = if self.claim {
            let source = staker.passphrase_source(self.unlock.passphrase_source.as_ref());
            let keys = staker.unlock(&source)?;
            let chains = PartnerChains::told_by(staker.config.chains.clone(), keys);
            let instances = chains.instances().await?;
            let claims = instances.iter().map(|instance| claim(instance, &outpoints));
            join_all(claims).await
        } else {
            let chains = PartnerChains::watched(staker.config.chains.clone());
            let instances = chains.instances().await?;
            let looks = instances.iter().map(|instance| owed(instance, &outpoints));
            join_all(looks).await
        };
        let partial = chains.iter().any(|chain| chain.error.is_some());
        let earned = Earned { chains };
        Ok(if partial {
            Answer::partial(earned)
        } else {
            earned.into()
        })
    }
}

/// What a chain owes to those of the stakes that it knows.
async fn owed(instance: &Instance, outpoints: &[OutPoint]) -> ChainRewards {
    let mut rewards = ChainRewards {
        chain: instance.name.clone(),
        denomination: None,
        stakes: Vec::new(),
        error: None,
    };
    let asked = match &instance.mesh {
        Ok(mesh) => {
            rewards.denomination = Some(mesh.denomination().to_owned());
            ask(mesh, outpoints, &mut rewards.stakes).await
        }
        Err(error) => Err(error.clone()),
    };
    rewards.error = asked.err().map(|error| error.to_string());
    rewards
}

async fn ask(
    mesh: &Mesh,
    outpoints: &[OutPoint],
    stakes: &mut Vec<StakeRewards>,
) -> Result<(), ChainError> {
    for outpoint in outpoints {
        if let Some(standing) = mesh.stake_standing(*outpoint).await? {
            stakes.push(StakeRewards {
                staking_txid: outpoint.txid,
                owed: standing.owed.to_string(),
                reward_address: standing.reward_address,
                paid: None,
                outpoint: *outpoint,
            });
        }
    }
    Ok(())
}

/// Claims what a chain owes; what is owed is that before the claim.
async fn claim(instance: &Instance, outpoints: &[OutPoint]) -> ChainRewards {
    let mut rewards = owed(instance, outpoints).await;
    let Ok(mesh) = &instance.mesh else {
        return rewards;
    };
    for stakes in rewards.stakes.chunks_mut(MAX_CLAIMS) {
        let outpoints: Vec<_> = stakes.iter().map(|stake| stake.outpoint).collect();
        match mesh.claim_stakes(&outpoints).await {
            Ok(paid) => {
                for (stake, paid) in stakes.iter_mut().zip(paid) {
                    stake.paid = Some(paid.to_string());
                }
            }
            Err(error) => rewards.error = Some(error.to_string()),
        }
    }
    rewards
}

impl fmt::Display for Earned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chains
            .iter()
            .try_for_each(|chain| writeln!(f, "{chain}"))
    }
}

impl fmt::Display for ChainRewards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain)?;
        if self.stakes.is_empty() && self.error.is_none() {
            f.write_str("\n  knows none of these stakes")?;
        }
        let denomination = self.denomination.as_deref().unwrap_or_default();
        for stake in &self.stakes {
            write!(
                f,
                "\n  stake {}: {} {} owed",
                stake.staking_txid,
                stake.owed,
                Printable(denomination)
            )?;
            if let Some(paid) = &stake.paid {
                write!(f, ", {paid} of it paid now")?;
            }
            write!(f, ", to {}", Printable(&stake.reward_address))?;
        }
        match &self.error {
            Some(error) => write!(f, "\n  failed: {}", Printable(error)),
            None => Ok(()),
        }
    }
}
