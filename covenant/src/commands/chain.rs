//! Connecting to the chain, for commands and for services.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chain::babylon::{AccountKey, Babylon, Config as BabylonConfig};
use chain::{Chain, ChainError};
use daemon::output::{CommandError, Exit};
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use staking::proof_of_possession::AccountAddress;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Pauses between tries to reach a node at the start.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(30),
};

/// The configured chain.
pub(super) fn configured(config: &Config) -> Result<&BabylonConfig, CommandError> {
    config.babylon.as_ref().ok_or_else(|| {
        CommandError::new(
            Exit::Configuration,
            "config-invalid",
            "section [babylon] is missing",
        )
        .with_hint("name the chain's id and a node's gRPC address there")
    })
}

/// Connects once, to ask only: for commands.
pub(super) async fn reader(config: &BabylonConfig) -> Result<Babylon, CommandError> {
    Ok(Babylon::watch(config.clone(), nobody(config)?).await?)
}

/// Connects with an account as soon as the node answers; `None` where the service stops before.
///
/// # Errors
///
/// Only what no waiting heals, such as a node of another chain.
pub(super) async fn connect(
    config: &BabylonConfig,
    account: &AccountKey,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<Arc<dyn Chain>>, CommandError> {
    until_answered(
        || Babylon::connect(config.clone(), account.clone()),
        health,
        stop,
    )
    .await
}

/// As [`connect`], to ask only.
pub(super) async fn watch(
    config: &BabylonConfig,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<Arc<dyn Chain>>, CommandError> {
    let nobody = nobody(config)?;
    until_answered(
        || Babylon::watch(config.clone(), nobody.clone()),
        health,
        stop,
    )
    .await
}

async fn until_answered<F: Future<Output = Result<Babylon, ChainError>>>(
    mut connect: impl FnMut() -> F,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<Arc<dyn Chain>>, CommandError> {
    let mut failures = 0_u32;
    loop {
        match connect().await {
            Ok(babylon) => {
                health.ok();
                return Ok(Some(Arc::new(babylon)));
            }
            Err(error @ (ChainError::Unreachable { .. } | ChainError::InvalidAnswer { .. })) => {
                health.degraded(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        failures = failures.saturating_add(1);
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = sleep(BACKOFF.pause(failures, rand::random())) => {}
        }
    }
}

/// An account that nobody has, for connections that only ask.
fn nobody(config: &BabylonConfig) -> Result<AccountAddress, CommandError> {
    AccountAddress::new(&config.account_prefix, &[0; 20])
        .map_err(|error| CommandError::caused_by(Exit::Configuration, "config-invalid", &error))
}
