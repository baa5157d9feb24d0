//! `rewards`.

use std::fmt;

use chain::Message;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use super::submit_one;
use crate::config::Config;
use crate::connect;
use crate::keys::{passphrase, provider};

/// The chain's name for what finality providers earn.
const KIND: &str = "finality_provider";

#[derive(Serialize)]
struct Coin {
    /// As text, because it can be above 2^53.
    amount: String,
    denomination: String,
}

#[derive(Serialize)]
struct Rewards {
    account: String,
    coins: Vec<Coin>,
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
        self.coins
            .iter()
            .try_for_each(|coin| write!(f, " {} {}", coin.amount, coin.denomination))
    }
}

/// Shows or withdraws the rewards of a provider's account.
pub async fn run(context: &Context, name: &str, withdraw: bool) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    let provider = provider(&config, name)?;
    let chain = connect::chain(&config, provider, home, &passphrase(&config)?).await?;
    let coins: Vec<_> = chain
        .rewards()
        .await?
        .into_iter()
        .map(|(amount, denomination)| Coin {
            amount: amount.to_string(),
            denomination,
        })
        .collect();
    let receipt = if withdraw && !coins.is_empty() {
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
        coins,
        tx_hash,
    }
    .into())
}
