//! `start`: all enabled providers of the configuration, until stopped.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chain::{Chain, ChainError};
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use daemon::service::Service;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::own_signer;
use crate::cli::{RecordOptions, StartOptions};
use crate::config::Config;
use crate::connect::{self, MissingRecord};
use crate::keys::{account_key, passphrase, public_key};
use crate::metrics::{METRICS, register, show};
use crate::provider::{Provider, RoundError, StatusCell, VotingProgress};

/// Pauses of a loop whose rounds fail; short, because a vote is in time for a few blocks only.
const ROUNDS: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(10),
};

/// Pauses between attempts to reach the chain at the start.
const CONNECT: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(10),
};

impl From<RecordOptions> for MissingRecord {
    fn from(options: RecordOptions) -> Self {
        if options.adopt_chain_watermark {
            Self::AdoptChainWatermark
        } else {
            Self::Refuse
        }
    }
}

/// Runs the providers, each in tasks of its own: what fails for one is retried there and touches no other.
pub async fn run(context: &Context, options: StartOptions) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    let passphrase = passphrase(&config)?;
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let chain = until_connected(&service, || connect::chain_without_account(&config)).await?;
    let missing = MissingRecord::from(options.record);
    let signer = own_signer(&config, home, &passphrase, &*chain, missing).await?;

    let mut statuses = Vec::new();
    for entry in config.providers.iter().filter(|provider| provider.enabled) {
        let key = public_key(entry, home)?;
        let account = account_key(entry, home, &passphrase)?;
        let chain: Arc<dyn Chain> =
            until_connected(&service, || connect::chain_for(&config, account.clone())).await?;
        register(&entry.name);
        let policy = config.randomness.policy();
        let provider = Arc::new(Provider::new(
            &entry.name,
            key,
            chain,
            Arc::clone(&signer),
            policy,
        ));
        statuses.push(provider.status());
        spawn(&service, &config, &entry.name, &provider);
    }
    service.show_status(move || statuses.iter().map(StatusCell::get).collect::<Vec<_>>());
    service.run().await
}

/// Starts a provider's two loops.
fn spawn(service: &Service, config: &Config, name: &str, provider: &Arc<Provider>) {
    let interval = config.randomness.check_interval();
    let dependency = service.dependency(format!("{name} randomness"));
    let committing = Arc::clone(provider);
    service.spawn_restarting(format!("{name} randomness"), ROUNDS, move |stop| {
        let (provider, dependency) = (Arc::clone(&committing), dependency.clone());
        async move {
            while !stop.is_cancelled() {
                settle(&dependency, provider.commit().await)?;
                show(&provider.status().get());
                pause(&stop, interval).await;
            }
            Ok::<_, RoundError>(())
        }
    });

    let interval = config.voting.poll_interval();
    let dependency = service.dependency(format!("{name} votes"));
    let voting = Arc::clone(provider);
    service.spawn_restarting(format!("{name} votes"), ROUNDS, move |stop| {
        let (provider, dependency) = (Arc::clone(&voting), dependency.clone());
        async move {
            let mut progress = VotingProgress::default();
            while !stop.is_cancelled() {
                progress = settle(&dependency, provider.vote(progress).await)?;
                show(&provider.status().get());
                pause(&stop, interval).await;
            }
            Ok::<_, RoundError>(())
        }
    });
}

/// Tells readiness how a round went.
fn settle<T>(dependency: &Dependency, round: Result<T, RoundError>) -> Result<T, RoundError> {
    match &round {
        Ok(_) => dependency.ok(),
        Err(error) => dependency.degraded(error.to_string()),
    }
    round
}

async fn pause(stop: &CancellationToken, interval: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(interval) => {}
    }
}

/// Connects, again and again while the node does not answer; any other failure is the configuration's.
pub(super) async fn until_connected<T, F>(
    service: &Service,
    mut connect: impl FnMut() -> F,
) -> Result<T, CommandError>
where
    F: Future<Output = Result<T, ChainError>>,
{
    let dependency = service.dependency("chain");
    let mut failures = 0;
    loop {
        match connect().await {
            Ok(connected) => {
                dependency.ok();
                return Ok(connected);
            }
            Err(error @ ChainError::Unreachable { .. }) => {
                failures += 1;
                tracing::warn!(%error, "waiting for the chain");
                dependency.degraded(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = service.stop().cancelled() => return Err(stopped()),
            () = sleep(CONNECT.pause(failures, 0.5)) => {}
        }
    }
}

fn stopped() -> CommandError {
    CommandError::new(
        daemon::output::Exit::Failed,
        "stopped-early",
        "told to stop while waiting for the chain",
    )
}
