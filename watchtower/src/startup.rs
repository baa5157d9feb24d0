//! The nodes: waiting until they answer, and checking that they belong together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_source::{BitcoinSource, Bitcoind, SourceError};
use chain::{Account, Chain, Connected, SecuredChain};
use daemon::output::{CommandError, Exit};
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Pauses between attempts to reach a node.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(10),
};

/// One chain and the Bitcoin node, as its roles see them.
#[derive(Clone)]
pub struct Link {
    /// The Bitcoin node.
    pub bitcoin: Arc<dyn BitcoinSource>,
    /// The chain.
    pub chain: Arc<dyn Chain>,
    /// What logs and metrics call the chain.
    pub name: String,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// An answer; a node of another chain ends the waiting.
    UntilAnswered,
    /// The right answer, however long that takes, since others are served meanwhile.
    Endless,
}

/// Connects to the Bitcoin node as soon as it answers; `None` where the service is told to stop before.
///
/// # Errors
///
/// Fails where waiting heals nothing.
pub async fn wait_for_bitcoin(
    config: &Config,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<Arc<Bitcoind>>, CommandError> {
    let attempt = || async { Ok(Arc::new(Bitcoind::connect(&config.bitcoin).await?)) };
    until_answered(health, stop, Patience::UntilAnswered, attempt).await
}

/// Connects to a chain as soon as it answers; `None` where the service is told to stop before.
///
/// # Errors
///
/// Fails where waiting heals nothing and patience ends: another chain, another Bitcoin.
pub async fn wait_for_chain(
    bitcoin: &dyn BitcoinSource,
    secured: &SecuredChain,
    account: &Account,
    patience: Patience,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<Connected>, CommandError> {
    let attempt = || connect(bitcoin, secured, account.clone());
    until_answered(health, stop, patience, attempt).await
}

/// Connects once.
///
/// # Errors
///
/// Fails where the node does not answer, is not the configured one, or follows another Bitcoin.
pub async fn connect(
    bitcoin: &dyn BitcoinSource,
    secured: &SecuredChain,
    account: Account,
) -> Result<Connected, CommandError> {
    let connected = secured.connect(account).await?;
    check_same_bitcoin(bitcoin, &*connected.chain(), secured).await?;
    Ok(connected)
}

/// Compares the oldest header that the chain knows; a newer one may be on a branch that one of the two has left.
async fn check_same_bitcoin(
    bitcoin: &dyn BitcoinSource,
    chain: &dyn Chain,
    secured: &SecuredChain,
) -> Result<(), CommandError> {
    let base = chain.light_client_base().await?;
    let height = base.height;
    match bitcoin.block_hash(height).await {
        Ok(hash) if hash == base.hash() => Ok(()),
        Ok(hash) => Err(CommandError::new(
            Exit::Configuration,
            "other-bitcoin",
            format!(
                "chain `{}` follows another bitcoin network: its first header is {}, the bitcoin node has {hash} at \
                 height {height}",
                chain.chain_id(),
                base.hash(),
            ),
        )
        .with_hint(format!(
            "check `bitcoin.rpc_url` and `{}`",
            secured.url_setting()
        ))),
        // The node has still to catch up.
        Err(SourceError::NotFound { .. }) => {
            tracing::warn!(%height, "the bitcoin node has not reached the chain's first header yet");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Tries again and again while a node does not answer; `None` where the service is told to stop before.
async fn until_answered<T, F>(
    health: &Dependency,
    stop: &CancellationToken,
    patience: Patience,
    mut attempt: impl FnMut() -> F,
) -> Result<Option<T>, CommandError>
where
    F: Future<Output = Result<T, CommandError>>,
{
    let mut failures = 0_u32;
    loop {
        match stop.run_until_cancelled(attempt()).await {
            None => return Ok(None),
            Some(Ok(answer)) => {
                health.ok();
                return Ok(Some(answer));
            }
            // Wrong credentials may be those of a node that is just starting and writes its cookie anew.
            Some(Err(error))
                if patience == Patience::Endless
                    || matches!(error.exit, Exit::Unreachable | Exit::Unauthorized) =>
            {
                health.degraded(error.message);
            }
            Some(Err(error)) => return Err(error),
        }
        failures = failures.saturating_add(1);
        let pause = sleep(BACKOFF.pause(failures, rand::random()));
        if stop.run_until_cancelled(pause).await.is_none() {
            return Ok(None);
        }
    }
}
