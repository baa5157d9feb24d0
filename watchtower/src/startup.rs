//! The two nodes: waiting until both answer, and checking that they belong together.

use std::sync::Arc;
use std::time::Duration;

use bitcoin_source::{BitcoinSource, Bitcoind, SourceError};
use chain::babylon::{AccountKey, Babylon};
use chain::{Chain, ChainError};
use daemon::output::{CommandError, Exit};
use daemon::retry::Backoff;
use daemon::service::Service;
use staking::proof_of_possession::AccountAddress;
use tokio::time::sleep;

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
        service: &Service,
        config: &Config,
        account: &Account,
    ) -> Result<Option<Self>, CommandError> {
        let health = service.dependency("nodes");
        let mut failures = 0_u32;
        loop {
            let connecting = Self::connect(config, account.clone());
            let Some(outcome) = service.stop().run_until_cancelled(connecting).await else {
                return Ok(None);
            };
            match outcome {
                Ok(nodes) => {
                    health.ok();
                    return Ok(Some(nodes));
                }
                // Wrong credentials may be those of a node that is just starting and writes its cookie anew.
                Err(error) if matches!(error.exit, Exit::Unreachable | Exit::Unauthorized) => {
                    health.degraded(error.message);
                }
                Err(error) => return Err(error),
            }
            failures = failures.saturating_add(1);
            let pause = sleep(BACKOFF.pause(failures, rand::random()));
            if service.stop().run_until_cancelled(pause).await.is_none() {
                return Ok(None);
            }
        }
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
