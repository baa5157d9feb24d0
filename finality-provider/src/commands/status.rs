//! `status`: from the running service where there is one, otherwise from key files and the chain.

use std::fmt;

use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::connect;
use crate::keys::public_key;
use crate::provider::{ProviderStatus, standing};
use crate::randomness::{last_height, runway};

#[derive(Serialize, Deserialize)]
struct Report {
    running: bool,
    providers: Vec<ProviderStatus>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.running {
            writeln!(f, "the service is not running; this is what the chain says")?;
        }
        for status in &self.providers {
            writeln!(f, "{} ({})", status.name, status.key)?;
            writeln!(f, "  standing    {}", status.standing)?;
            writeln!(f, "  power       {} sat", status.power)?;
            match status.last_vote {
                Some(height) => writeln!(f, "  last vote   {height} (tip {})", status.tip)?,
                None => writeln!(f, "  last vote   none yet (tip {})", status.tip)?,
            }
            writeln!(f, "  randomness  {} blocks ahead", status.runway)?;
            if let Some(problem) = &status.problem {
                writeln!(f, "  problem     {problem}")?;
            }
        }
        Ok(())
    }
}

/// Shows every provider of the configuration.
pub async fn run(context: &Context) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    if let Some(value) = daemon::status::ask(config.http.listen).await? {
        let providers = serde_json::from_value(value).map_err(|error| {
            let message = format!("the service's status cannot be read: {error}");
            CommandError::new(Exit::Failed, "status-unreadable", message)
                .with_hint("is the running service of another version?")
        })?;
        return Ok(Report {
            running: true,
            providers,
        }
        .into());
    }
    let chain = connect::chain_without_account(&config).await?;
    let home = context.home()?;
    let tip = chain.height().await?;
    let mut providers = Vec::new();
    for entry in &config.providers {
        let key = public_key(entry, home)?;
        let known = chain.finality_provider(&key).await?;
        let commits = chain.public_randomness_commits(&key).await?;
        let randomness_to = commits.iter().map(last_height).max();
        providers.push(ProviderStatus {
            name: entry.name.clone(),
            key: key.to_string(),
            standing: standing(known.as_ref()),
            power: chain.voting_power(&key, tip).await?,
            tip,
            last_vote: known.and_then(|known| known.highest_voted_height),
            randomness_to,
            runway: runway(tip, randomness_to),
            ..ProviderStatus::default()
        });
    }
    Ok(Report {
        running: false,
        providers,
    }
    .into())
}
