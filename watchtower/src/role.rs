//! A role: what a watchtower does again and again, whatever happens to the other roles.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::BlockHash;
use bitcoin_source::{FollowError, SourceError};
use chain::ChainError;
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use daemon::service::Service;
use daemon::supervisor::Supervisor;
use staking::units::BitcoinHeight;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use wallet::WalletError;

use crate::store::StoreError;

/// Pauses after failed rounds, and before a role is started again after a panic.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};

/// One of the watchtower's tasks.
pub trait Role: Send + 'static {
    /// Pause between two rounds.
    fn interval(&self) -> Duration;

    /// Looks at both chains and does what is due. May be cancelled at any await: whatever must not be done twice is
    /// durable before it is done.
    fn round(&mut self) -> impl Future<Output = Result<(), RoundError>> + Send;
}

/// A round that could not do its work; the next one tries again. What fails for one item only is not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoundError {
    /// The secured chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The Bitcoin node.
    #[error(transparent)]
    Bitcoin(#[from] SourceError),
    /// Bitcoin's blocks cannot be followed any further.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The database of progress.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list of what was given up on.
    #[error("the parked items: {0}")]
    Parked(#[from] std::io::Error),
    /// The chain follows another Bitcoin than our node.
    #[error(
        "the chain's light client begins with block {chain} at height {height}, which is not on our bitcoin node's best \
         chain; check `bitcoin.rpc_url` and the chain's `grpc_url`"
    )]
    OtherBitcoin {
        /// The chain's oldest header.
        chain: BlockHash,
        /// Its height.
        height: BitcoinHeight,
    },
    /// Reporting the reorganisation would halt the chain.
    #[error(
        "bitcoin has replaced {depth} blocks that the chain knows; a reorganisation of {limit} or more halts the chain for \
         good when it is reported (spec 5.3). If this is meant, set `headers.allow_halting_reorg = true`"
    )]
    HaltingReorg {
        /// Blocks that the chain would undo.
        depth: u32,
        /// The chain's confirmation depth.
        limit: u32,
    },
    /// A reorganisation must be reported whole, and our node does not give so many headers at once.
    #[error(
        "bitcoin has replaced blocks from {from} on by a branch of which {needed} headers must be reported in one message; \
         the bitcoin node gives {most} at once. Report it by other means"
    )]
    ReorgTooLong {
        /// The first block of the new branch.
        from: BitcoinHeight,
        /// One header more than the chain has on the old branch.
        needed: u32,
        /// So many came.
        most: usize,
    },
    /// The wallet cannot pay for a checkpoint.
    #[error("{source}; send coins to {address}")]
    NoCoins {
        /// What is missing.
        source: WalletError,
        /// Where the wallet receives coins.
        address: String,
    },
    /// The chain refused what it needs.
    #[error("the chain refuses {reason}")]
    Upkeep {
        /// What was to be done, and the chain's words.
        reason: String,
    },
    /// The chain refused headers that our node takes for valid.
    #[error("the chain refused headers {from} and up: {reason}")]
    HeadersRefused {
        /// Height of the first.
        from: BitcoinHeight,
        /// Its words.
        reason: String,
    },
}

/// Starts roles while the service runs; `/ready` knows of them from the beginning.
#[derive(Debug, Clone)]
pub struct Crew {
    supervisor: Supervisor,
    health: BTreeMap<String, Dependency>,
}

impl Crew {
    /// A crew of the named roles.
    pub fn of(service: &Service, names: impl IntoIterator<Item = String>) -> Self {
        let health = names
            .into_iter()
            .map(|name| {
                let dependency = service.dependency(name.as_str());
                (name, dependency)
            })
            .collect();
        Self {
            supervisor: service.supervisor().clone(),
            health,
        }
    }

    /// Where a member reports how it is.
    pub fn health(&self, name: &str) -> Option<Dependency> {
        self.health.get(name).cloned()
    }

    /// Whether a role is of the crew.
    pub fn has(&self, name: &str) -> bool {
        self.health.contains_key(name)
    }

    /// Runs a role until the service stops, if it is of the crew. `/ready` shows how its last round went.
    pub fn start<R: Role>(&self, name: &str, role: R) {
        let Some(health) = self.health.get(name).cloned() else {
            return;
        };
        let role = Arc::new(Mutex::new(role));
        self.supervisor
            .spawn_restarting(name, BACKOFF, move |stop| {
                let (role, health) = (Arc::clone(&role), health.clone());
                async move {
                    repeat(&mut *role.lock().await, &health, &stop).await;
                    Ok::<_, Infallible>(())
                }
            });
    }
}

async fn repeat<R: Role>(role: &mut R, health: &Dependency, stop: &CancellationToken) {
    let mut failures = 0_u32;
    while let Some(outcome) = stop.run_until_cancelled(role.round()).await {
        let pause = match outcome {
            Ok(()) => {
                failures = 0;
                health.ok();
                role.interval()
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                health.degraded(error.to_string());
                BACKOFF.pause(failures, rand::random())
            }
        };
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}
