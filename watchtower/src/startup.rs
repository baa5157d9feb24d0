//! The two nodes: waiting until both answer, and checking that they belong together.

use std::sync::Arc;
use std::time::Duration;

use bitcoin_source::{BitcoinSource, Bitcoind, SourceError};
use chain::babylon::{AccountKey, Babylon};
use chain::{Chain, ChainError};
use daemon::output::{CommandError, Exit};
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use staking::proof_of_possession::AccountAddress;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Pauses between attempts to reach a node.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(10),
};

/// Connections to both nodes, which answered and fit together when they were made.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// The Bitcoin node.
    pub bitcoin: Arc<Bitcoind>,
    /// A node of the secured chain.
    pub chain: Arc<Babylon>,
}

/// Where it is reported whether the nodes answer.
#[derive(Debug)]
pub struct Health {
    /// The Bitcoin node.
    pub bitcoin: Dependency,
    /// The chain's node.
    pub chain: Dependency,
}

/// For whom the chain is talked to.
#[derive(Debug, Clone)]
pub enum Account {
    /// Only questions are asked.
    Watched(AccountAddress),
    /// Messages are sent too.
    Unlocked(AccountKey),
}

impl Nodes {
    /// The Bitcoin node as a source of Bitcoin data.
    pub fn bitcoin(&self) -> Arc<dyn BitcoinSource> {
        Arc::<Bitcoind>::clone(&self.bitcoin)
    }

    /// The chain without what only Babylon has.
    pub fn chain(&self) -> Arc<dyn Chain> {
        Arc::<Babylon>::clone(&self.chain)
    }

    /// Connects once.
    ///
    /// # Errors
    ///
    /// Fails where a node does not answer, is not the configured one, or the two see different Bitcoins.
    pub async fn connect(config: &Config, account: Account) -> Result<Self, CommandError> {
        let bitcoin = Arc::new(Bitcoind::connect(&config.bitcoin).await?);
        let chain = Arc::new(connect_chain(config, account).await?);
        let nodes = Self { bitcoin, chain };
        nodes.check_same_bitcoin().await?;
        Ok(nodes)
    }

    /// Connects as soon as both nodes answer; `None` where the service is told to stop before.
    ///
    /// # Errors
    ///
    /// Fails where waiting heals nothing: another network, another chain.
    pub async fn wait(
        config: &Config,
        account: &Account,
        health: &Health,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, CommandError> {
        let bitcoin = until_answered(&health.bitcoin, stop, || async {
            Ok(Bitcoind::connect(&config.bitcoin).await?)
        });
        let Some(bitcoin) = bitcoin.await? else {
            return Ok(None);
        };
        let chain = until_answered(&health.chain, stop, || async {
            Ok(connect_chain(config, account.clone()).await?)
        });
        let Some(chain) = chain.await? else {
            return Ok(None);
        };
        let nodes = Self {
            bitcoin: Arc::new(bitcoin),
            chain: Arc::new(chain),
        };
        let checked = until_answered(&health.chain, stop, || nodes.check_same_bitcoin()).await?;
        Ok(checked.map(|()| nodes))
    }

    /// Compares the oldest header that the chain knows; a newer one may be on a branch that one of the two has left.
    async fn check_same_bitcoin(&self) -> Result<(), CommandError> {
        let base = self.chain.light_client_base().await?;
        let height = base.height;
        match self.bitcoin.block_hash(height).await {
            Ok(hash) if hash == base.hash() => Ok(()),
            Ok(hash) => Err(CommandError::new(
                Exit::Configuration,
                "other-bitcoin",
                format!(
                    "chain `{}` follows another bitcoin network: its first header is {}, the bitcoin node has {hash} at \
                     height {height}",
                    self.chain.chain_id(),
                    base.hash(),
                ),
            )
            .with_hint("check `bitcoin.rpc_url` and `babylon.grpc_url`")),
            // The node has still to catch up.
            Err(SourceError::NotFound { .. }) => {
                tracing::warn!(%height, "the bitcoin node has not reached the chain's first header yet");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn connect_chain(config: &Config, account: Account) -> Result<Babylon, ChainError> {
    match account {
        Account::Watched(address) => Babylon::watch(config.babylon.clone(), address).await,
        Account::Unlocked(key) => Babylon::connect(config.babylon.clone(), key).await,
    }
}

/// Tries again and again while a node does not answer; `None` where the service is told to stop before.
async fn until_answered<T, F>(
    health: &Dependency,
    stop: &CancellationToken,
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
            Some(Err(error)) if matches!(error.exit, Exit::Unreachable | Exit::Unauthorized) => {
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
