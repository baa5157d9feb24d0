//! `unjail`.

use std::fmt;
use std::time::SystemTime;

use chain::Message;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use super::{connect, submit_one};
use crate::config::Config;
use crate::keys::{passphrase, provider, public_key};
use crate::provider::time_left;

#[derive(Serialize)]
struct Unjailed {
    name: String,
    tx_hash: Option<String>,
}

impl fmt::Display for Unjailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tx_hash {
            Some(hash) => write!(f, "{} is back in the active set ({hash})", self.name),
            None => write!(f, "{} is not jailed", self.name),
        }
    }
}

/// Ends a provider's jail; says how long to wait where it is too early.
pub async fn run(
    context: &Context,
    name: &str,
    chain: Option<&str>,
) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    let provider = provider(&config, name)?;
    let key = public_key(provider, home)?;
    let chain = config.secured_chain(chain)?;
    let chain = connect(&chain, provider, home, &passphrase(&config)?).await?;
    let Some(known) = chain.finality_provider(&key).await? else {
        return Err(CommandError::new(
            Exit::Failed,
            "not-registered",
            format!(
                "finality provider {key} is not registered on {}",
                chain.chain_id()
            ),
        )
        .with_hint("register it with `finality-provider register`"));
    };
    if let Some(height) = known.slashed_at {
        return Err(CommandError::new(
            Exit::Refused,
            "slashed",
            format!("finality provider {key} was slashed at height {height}, which is for ever"),
        ));
    }
    if !known.jailed {
        return Ok(Unjailed {
            name: name.to_owned(),
            tx_hash: None,
        }
        .into());
    }
    let until = chain
        .signing_info(&key)
        .await?
        .and_then(|info| info.jailed_until);
    let now = SystemTime::now();
    if let Some(until) = until.filter(|until| *until > now) {
        return Err(CommandError::new(
            Exit::Pending,
            "jailed-longer",
            format!("{name} stays jailed {}", time_left(until, now)),
        ));
    }
    let receipt = submit_one(&*chain, Message::UnjailFinalityProvider(key)).await?;
    Ok(Unjailed {
        name: name.to_owned(),
        tx_hash: Some(receipt.tx_hash),
    }
    .into())
}
