//! Follows the tip of the best chain, reorgs included.
//!
//! ```text
//!   source's tip ──> FollowedChain::next ──> wait | disconnect the last block | ask for the header above it
//!                                                                                  │ parent is ours: connect
//!                                                                                  └ it is not: disconnect
//! ```
//!
//! What to do next is decided by [`followed::FollowedChain`], which knows the blocks already reported and does no I/O;
//! the [`Follower`] around it asks the source, waits and retries. State changes only together with the event that is
//! returned, never across an await, so a cancelled call loses nothing.

mod checkpoints;
mod followed;

use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use bitcoin::Block;
use staking::units::BitcoinHeight;

pub use self::checkpoints::{Checkpoints, CheckpointsError, Start};
use self::followed::{FollowedChain, Next};
use crate::block_id::BlockId;
use crate::error::SourceError;
use crate::source::BitcoinSource;

/// How a [`Follower`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerConfig {
    /// How long to wait before asking for a new tip again.
    pub poll_interval: Duration,
    /// How many of the last blocks to remember: the deepest reorg that can be followed. 36 bytes each.
    pub remembered_blocks: NonZeroUsize,
}

impl FollowerConfig {
    /// A week of blocks is remembered, ten times the deepest reorg Bitcoin ever had.
    pub const REMEMBERED_BLOCKS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1007);

    /// Looks for blocks every `poll_interval` and remembers [`Self::REMEMBERED_BLOCKS`].
    pub fn new(poll_interval: Duration) -> Self {
        Self {
            poll_interval,
            remembered_blocks: Self::REMEMBERED_BLOCKS,
        }
    }
}

/// Something happened to the best chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// A block joined the chain, on top of the last one that was connected and not disconnected since.
    Connected {
        /// Which block.
        id: BlockId,
        /// The block itself; shared, because several listeners may want it.
        block: Arc<Block>,
    },
    /// The last connected block left the chain: whatever was concluded from it is undone.
    Disconnected {
        /// Which block.
        id: BlockId,
    },
}

/// The follower cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// A reorg goes below every block that we remember, so nobody can say where the branches part.
    #[error(
        "bitcoin's best chain no longer contains block {lowest}, the oldest block remembered; start again from a height \
         well below it, on a node that you trust"
    )]
    ForkBelowCheckpoints {
        /// The oldest block that was remembered.
        lowest: BlockId,
    },
    /// A failure that waiting does not heal. The follower is as before the call and may be asked again.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Longest pause between attempts while the source is away.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// An ordered sequence of blocks connected to and disconnected from the best chain.
///
/// To resume after a restart, store [`checkpoints`](Self::checkpoints) together with what was concluded from an event,
/// and start from them: every block since is reported, and those that left the chain meanwhile are disconnected first.
pub struct Follower {
    source: Arc<dyn BitcoinSource>,
    config: FollowerConfig,
    chain: FollowedChain,
    source_tip: Option<BlockId>,
    /// Pauses while the source is away; `None` while it answers.
    retry: Option<ExponentialBackoff>,
}

impl Follower {
    /// Creates a follower; asks nothing yet.
    pub fn new(source: Arc<dyn BitcoinSource>, start: Start, config: FollowerConfig) -> Self {
        let chain = FollowedChain::new(start, config.remembered_blocks);
        Self {
            source,
            config,
            chain,
            source_tip: None,
            retry: None,
        }
    }

    /// The last connected block; `None` before the first.
    pub fn last_connected(&self) -> Option<BlockId> {
        self.chain.last()
    }

    /// The source's tip when it was last asked, for showing progress.
    pub fn source_tip(&self) -> Option<BlockId> {
        self.source_tip
    }

    /// The blocks that a later follower needs to resume, oldest first.
    pub fn checkpoints(&self) -> impl DoubleEndedIterator<Item = BlockId> + ExactSizeIterator {
        self.chain.blocks()
    }

    /// Waits for the next event. Cancelling the call loses nothing.
    ///
    /// While the source cannot be reached, this waits.
    ///
    /// # Errors
    ///
    /// See [`FollowError`]; a source on another network or with other credentials needs a human.
    pub async fn next_event(&mut self) -> Result<ChainEvent, FollowError> {
        loop {
            match self.step().await {
                Ok(Some(event)) => {
                    self.source_is_back();
                    return Ok(event);
                }
                Ok(None) => {
                    self.source_is_back();
                    tokio::time::sleep(self.config.poll_interval).await;
                }
                // Asked for something that a reorg took away in the meantime.
                Err(FollowError::Source(SourceError::NotFound { what, reason })) => {
                    tracing::debug!(what, reason, "the chain moved while it was read");
                    tokio::time::sleep(self.config.poll_interval).await;
                }
                Err(FollowError::Source(error)) if error.is_transient() => {
                    let pause = self.source_is_away(&error);
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One look at the source; `None` where there is nothing to do.
    async fn step(&mut self) -> Result<Option<ChainEvent>, FollowError> {
        let tip = self.source.tip().await?;
        self.source_tip = Some(tip);
        match self.chain.next(tip)? {
            Next::Wait => Ok(None),
            Next::Disconnect => Ok(self.disconnect()),
            Next::Read(height) => self.read(height).await,
        }
    }

    async fn read(&mut self, height: BitcoinHeight) -> Result<Option<ChainEvent>, FollowError> {
        let headers = self.source.headers(height, NonZeroU16::MIN).await?;
        let Some(header) = headers.first() else {
            // The tip fell below `height` since it was asked for.
            return Ok(None);
        };
        if !self.chain.is_parent_of(header) {
            return Ok(self.disconnect());
        }
        let id = BlockId {
            height,
            hash: header.block_hash(),
        };
        let block = Arc::new(self.source.block(id.hash).await?);
        self.chain.connect(id);
        Ok(Some(ChainEvent::Connected { id, block }))
    }

    fn disconnect(&mut self) -> Option<ChainEvent> {
        self.chain
            .disconnect()
            .map(|id| ChainEvent::Disconnected { id })
    }

    fn source_is_away(&mut self, error: &SourceError) -> Duration {
        let config = self.config;
        let retry = self.retry.get_or_insert_with(|| {
            tracing::warn!(%error, "cannot follow bitcoin's chain, retrying until it answers");
            ExponentialBuilder::default()
                .with_min_delay(config.poll_interval)
                .with_max_delay(LONGEST_RETRY.max(config.poll_interval))
                .without_max_times()
                .with_jitter()
                .build()
        });
        retry.next().unwrap_or(LONGEST_RETRY)
    }

    fn source_is_back(&mut self) {
        if self.retry.take().is_some() {
            tracing::info!("bitcoin node answers again");
        }
    }
}
