//! `status`: from the running service where there is one, otherwise from key files and the chain.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chain::{ChainError, PublicRandomnessCommit};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::{Deserialize, Serialize};

use crate::chains::SecuredChain;
use crate::config::{Config, ProviderConfig};
use crate::keys::public_key;
use crate::provider::{ProviderStatus, Standing, standing, time_left, unix_seconds};
use crate::randomness::runway;
use crate::startup::seat;

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
            show(status, f)?;
        }
        Ok(())
    }
}

fn show(status: &ProviderStatus, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let key = status.key.as_deref().unwrap_or("no readable key");
    writeln!(f, "{} ({key})", status.name)?;
    write!(f, "  standing    {}", status.standing)?;
    if let Some(until) = status.jailed_until {
        let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(until));
        if let Some(until) = until.filter(|_| status.standing == Standing::Jailed) {
            write!(f, ", {}", time_left(until, SystemTime::now()))?;
        }
    }
    if let Some(height) = status.slashed_at {
        write!(f, " at height {height}")?;
    }
    writeln!(f, "\n  power       {} sat", status.power)?;
    match status.last_vote {
        Some(height) => writeln!(f, "  last vote   {height} (tip {})", status.tip)?,
        None => writeln!(f, "  last vote   none yet (tip {})", status.tip)?,
    }
    if let Some(missed) = status.missed_in_window {
        writeln!(f, "  missed      {missed} votes in the chain's window")?;
    }
    writeln!(f, "  randomness  {} blocks ahead", status.runway)?;
    if let Some(balance) = &status.fee_balance {
        writeln!(f, "  fees        {balance} left")?;
    }
    if let Some(lost) = &status.last_lost_vote {
        writeln!(f, "  lost vote   {lost}")?;
    }
    for (concern, problem) in &status.problems {
        writeln!(f, "  problem     {concern}: {problem}")?;
    }
    Ok(())
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
    let home = context.home()?;
    let mut providers = Vec::new();
    for secured in config.secured_chains() {
        for entry in &config.providers {
            let status = ProviderStatus {
                name: seat(&entry.name, &secured),
                ..ProviderStatus::default()
            };
            let seen = seen_from_outside(&secured, entry, home, &status).await;
            // A chain that does not answer hides no other.
            providers.push(seen.unwrap_or_else(|error| status.with_problem(error.to_string())));
        }
    }
    Ok(Report {
        running: false,
        providers,
    }
    .into())
}

/// What key file and chain tell of a provider.
async fn seen_from_outside(
    secured: &SecuredChain,
    entry: &ProviderConfig,
    home: &Path,
    status: &ProviderStatus,
) -> Result<ProviderStatus, ChainError> {
    let key = match public_key(entry, home) {
        Ok(key) => key,
        Err(error) => return Ok(status.clone().with_problem(error.message)),
    };
    let chain = secured.watch().await?;
    let tip = chain.votable_height().await?.unwrap_or_default();
    let known = chain.finality_provider(&key).await?;
    let info = chain.signing_info(&key).await?;
    let commits = chain.public_randomness_commits(&key).await?;
    let randomness_to = commits.iter().map(PublicRandomnessCommit::last).max();
    Ok(ProviderStatus {
        key: Some(key.to_string()),
        standing: standing(known.as_ref()),
        jailed_until: info
            .as_ref()
            .and_then(|info| info.jailed_until)
            .map(unix_seconds),
        slashed_at: known.as_ref().and_then(|known| known.slashed_at),
        power: chain.voting_power(&key, tip).await?,
        last_vote: known.and_then(|known| known.highest_voted_height),
        missed_in_window: info.map(|info| info.missed_blocks),
        tip,
        randomness_to,
        runway: runway(tip, randomness_to),
        ..status.clone()
    })
}
