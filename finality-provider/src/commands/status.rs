//! `status`: from the running service where there is one, otherwise from key files and the chain.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chain::{Chain, ChainError, PublicRandomnessCommit, SecuredChain};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::{Deserialize, Serialize};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use crate::config::Config;
use crate::keys::public_key;
use crate::provider::{ProviderStatus, RewardStatus, Standing, standing, time_left, unix_seconds};
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
        Some(height) => writeln!(
            f,
            "  last vote   {height} (tip {}), {} taken since the start",
            status.tip, status.votes
        )?,
        None => writeln!(f, "  last vote   none yet (tip {})", status.tip)?,
    }
    if let Some(missed) = status.missed_in_window {
        writeln!(f, "  missed      {missed} votes in the chain's window")?;
    }
    writeln!(f, "  randomness  {} blocks ahead", status.runway)?;
    if let Some(balance) = &status.fee_balance {
        writeln!(f, "  fees        {balance} left")?;
    }
    for reward in &status.rewards {
        let RewardStatus {
            kind,
            amount,
            denomination,
        } = reward;
        writeln!(f, "  rewards     {amount} {denomination} as {kind}")?;
    }
    if let Some(reporting) = &status.reporting {
        writeln!(f, "  stakes      {reporting}")?;
    }
    if let Some(lost) = &status.last_lost_vote {
        writeln!(f, "  lost vote   {lost}")?;
    }
    if let Some(table) = &status.next_table {
        let differ = table.unbacked.saturating_add(table.removed);
        let (epoch, total) = (table.epoch, table.total);
        let verdict = if table.agrees {
            "agreed with"
        } else {
            "REFUSED"
        };
        writeln!(
            f,
            "  next table  epoch {epoch}: {verdict}, {differ} of {total} sat differ from the own Bitcoin node"
        )?;
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
    let (mut providers, mut silent) = (Vec::new(), Vec::new());
    let chains = config.secured_chains();
    for secured in &chains {
        match seen_from_outside(secured, &config, home).await {
            Ok(seen) => providers.extend(seen),
            // It hides no other.
            Err(error) => {
                let named = config.providers.iter().map(|entry| ProviderStatus {
                    name: seat(&entry.name, secured),
                    ..ProviderStatus::default()
                });
                providers.extend(named.map(|status| status.with_problem(error.to_string())));
                silent.push(error);
            }
        }
    }
    let all_silent = silent.len() == chains.len();
    if let Some(error) = silent.into_iter().next() {
        if all_silent {
            return Err(error.into());
        }
        return Ok(Answer::partial(Report {
            running: false,
            providers,
        }));
    }
    Ok(Report {
        running: false,
        providers,
    }
    .into())
}

/// What a chain tells of all providers.
async fn seen_from_outside(
    secured: &SecuredChain,
    config: &Config,
    home: &Path,
) -> Result<Vec<ProviderStatus>, ChainError> {
    let chain = secured.watch().await?.chain();
    let tip = chain.votable_height().await?.unwrap_or_default();
    let mut seen = Vec::new();
    for entry in &config.providers {
        let status = ProviderStatus {
            name: seat(&entry.name, secured),
            tip,
            ..ProviderStatus::default()
        };
        seen.push(match public_key(entry, home) {
            Ok(key) => of_provider(&*chain, key, tip, status).await?,
            Err(error) => status.with_problem(error.message),
        });
    }
    Ok(seen)
}

/// What a chain tells of one provider.
async fn of_provider(
    chain: &dyn Chain,
    key: FinalityProviderKey,
    tip: ChainHeight,
    status: ProviderStatus,
) -> Result<ProviderStatus, ChainError> {
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
        randomness_to,
        runway: runway(tip, randomness_to),
        ..status
    })
}
