//! The nodes that a stake is made with: Bitcoin's and, where one is configured, the hub's, and that they belong together.

use std::sync::Arc;

use bitcoin::BlockHash;
use bitcoin_source::{BitcoinSource, Bitcoind, SourceError};
use chain::{Account, Chain, ChainError, SecuredChain};
use staking::params::StakingParams;
use staking::units::BitcoinHeight;

use crate::config::Config;

/// Connections to the nodes, which answered and fit together when they were made.
#[derive(Clone)]
pub struct Nodes {
    /// The Bitcoin node.
    pub bitcoin: Arc<Bitcoind>,
    /// A node of Babylon; `None` where the configuration has none.
    pub babylon: Option<Arc<dyn Chain>>,
}

/// Why the nodes cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodesError {
    /// The Bitcoin node.
    #[error(transparent)]
    Bitcoin(#[from] SourceError),
    /// The chain's node.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// There is no hub.
    #[error("the configuration has no [babylon]")]
    NoBabylon,
    /// The chain follows another Bitcoin.
    #[error(
        "chain `{chain_id}` follows another bitcoin: it does not know block {bitcoin}, which the bitcoin node has at height \
         {height}; check `bitcoin.rpc_url` and the chain's `grpc_url`"
    )]
    OtherBitcoin {
        /// The chain.
        chain_id: String,
        /// Where they differ.
        height: BitcoinHeight,
        /// What the Bitcoin node has there.
        bitcoin: BlockHash,
    },
    /// The chain has no parameters for new stakes.
    #[error(
        "the chain has no staking parameters for bitcoin height {0}; it does not take stakes yet"
    )]
    NoParams(BitcoinHeight),
}

impl Nodes {
    /// Connects to the nodes and checks network, chain id, and that they see the same Bitcoin.
    ///
    /// # Errors
    ///
    /// Fails where a node does not answer or is not the configured one.
    pub async fn connect(config: &Config, account: Account) -> Result<Self, NodesError> {
        let bitcoin = Arc::new(Bitcoind::connect(&config.bitcoin).await?);
        let Some(babylon) = config.babylon.clone() else {
            let babylon = None;
            return Ok(Self { bitcoin, babylon });
        };
        let babylon = SecuredChain::Babylon(babylon)
            .connect(account)
            .await?
            .chain();
        check_same_bitcoin(&bitcoin, babylon.as_ref()).await?;
        let babylon = Some(babylon);
        Ok(Self { bitcoin, babylon })
    }

    /// Babylon, for what cannot be done without it.
    ///
    /// # Errors
    ///
    /// [`NodesError::NoBabylon`] where the configuration has none.
    pub fn babylon(&self) -> Result<&dyn Chain, NodesError> {
        self.babylon.as_deref().ok_or(NodesError::NoBabylon)
    }

    /// The parameters for a stake that is registered now: those of the chain's newest Bitcoin header (spec 2.4).
    pub async fn governing_params(&self) -> Result<StakingParams, NodesError> {
        let babylon = self.babylon()?;
        let tip = babylon.light_client_tip().await?.height;
        let versions = babylon.staking_params().await?;
        versions
            .at_height(tip)
            .cloned()
            .ok_or(NodesError::NoParams(tip))
    }
}

/// Compares the oldest header that the chain knows, and one so deep that no reorg may be under way there.
pub(crate) async fn check_same_bitcoin(
    bitcoin: &Bitcoind,
    chain: &dyn Chain,
) -> Result<(), NodesError> {
    let base = chain.light_client_base().await?;
    let other = |height, known| NodesError::OtherBitcoin {
        chain_id: chain.chain_id().to_owned(),
        height,
        bitcoin: known,
    };
    match bitcoin.block_hash(base.height).await {
        Ok(hash) if hash == base.hash() => {}
        Ok(hash) => return Err(other(base.height, hash)),
        // The node has still to catch up.
        Err(SourceError::NotFound { .. }) => {
            let height = base.height;
            tracing::warn!(%height, "the bitcoin node has not reached the chain's first header yet");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    let known = chain.light_client_tip().await?.height;
    let depth = chain.light_client_params().await?.confirmation_depth;
    let common = known.min(bitcoin.tip().await?.height);
    let Some(height) = common.0.checked_sub(depth).map(BitcoinHeight) else {
        return Ok(());
    };
    if height <= base.height {
        return Ok(());
    }
    let hash = bitcoin.block_hash(height).await?;
    if chain.contains_header(height, &hash).await? {
        Ok(())
    } else {
        Err(other(height, hash))
    }
}
