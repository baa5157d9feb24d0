//! `rewards`.

use std::fmt;

use chain::Message;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use super::{connect, submit_one};
use crate::config::Config;
use crate::keys::{passphrase, provider};
use crate::provider::RewardStatus;

/// The chain's name for what finality providers earn.
const KIND: &str = "finality_provider";

#[derive(Serialize)]
struct Rewards {
    account: String,
    /// What waits; where some was withdrawn, only that.
    coins: Vec<RewardStatus>,
    /// The transaction that withdrew them.
    tx_hash: Option<String>,
}

impl fmt::Display for Rewards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.tx_hash.is_some() {
            "withdrawn to"
        } else {
            "waiting for"
        };
        write!(f, "{what} {}:", self.account)?;
        if self.coins.is_empty() {
            write!(f, " nothing")?;
        }
        self.coins.iter().try_for_each(|coin| {
            let RewardStatus {
                kind,
                amount,
                denomination,
            } = coin;
            write!(f, "\n  {amount} {denomination} as {kind}")
        })
    }
}

/// Shows or withdraws the rewards of a provider's account; sends nothing where there is nothing to withdraw.
///
/// The account may earn as other kinds of stakeholder too: that is shown, and left for their programs to withdraw.
pub async fn run(
    context: &Context,
    name: &str,
    chain: Option<&str>,
    withdraw: bool,
) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    let provider = provider(&config, name)?;
    let chain = config.secured_chain(chain)?;
    let chain = connect(&chain, provider, home, &passphrase(&config)?).await?;
    let mut rewards = chain.rewards().await?;
    if withdraw {
        rewards.retain(|reward| reward.kind == KIND);
    }
    let receipt = if withdraw && !rewards.is_empty() {
        let message = Message::WithdrawReward {
            kind: KIND.to_owned(),
        };
        Some(submit_one(&*chain, message).await?)
    } else {
        None
    };
    let tx_hash = receipt.map(|receipt| receipt.tx_hash);
    Ok(Rewards {
        account: chain.account().to_owned(),
        coins: rewards.into_iter().map(RewardStatus::from).collect(),
        tx_hash,
    }
    .into())
}
