//! The blocks reported so far, and what follows from them. No I/O.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use bitcoin::block::Header;
use staking::units::BitcoinHeight;

use super::FollowError;
use super::checkpoints::Start;
use crate::block_id::BlockId;

/// The last blocks that were reported as connected, each the parent of the next.
#[derive(Debug)]
pub(super) struct FollowedChain {
    blocks: VecDeque<BlockId>,
    remembered: NonZeroUsize,
    origin: Origin,
}

/// What lies below the remembered blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Nothing that was ever reported: the first block reported is the one at this height.
    Height(BitcoinHeight),
    /// Blocks that are forgotten; this was the oldest one remembered.
    Forgotten(BlockId),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the last block is the tip, or the source has not reached it yet.
    Wait,
    /// The last block is not on the best chain.
    Disconnect,
    /// Look at the header at this height.
    Read(BitcoinHeight),
}

impl FollowedChain {
    pub(super) fn new(start: Start, remembered: NonZeroUsize) -> Self {
        let (blocks, origin) = match start {
            Start::At(height) => (VecDeque::new(), Origin::Height(height)),
            Start::After(checkpoints) => {
                let blocks = VecDeque::from(checkpoints.into_blocks());
                let origin = blocks
                    .front()
                    .map_or(Origin::Height(BitcoinHeight(0)), |oldest| {
                        Origin::Forgotten(*oldest)
                    });
                (blocks, origin)
            }
        };
        let mut chain = Self {
            blocks,
            remembered,
            origin,
        };
        chain.forget();
        chain
    }

    pub(super) fn last(&self) -> Option<BlockId> {
        self.blocks.back().copied()
    }

    pub(super) fn blocks(&self) -> impl DoubleEndedIterator<Item = BlockId> + ExactSizeIterator {
        self.blocks.iter().copied()
    }

    /// What to do when the source's tip is `tip`.
    ///
    /// A source whose tip is lower than ours and on our branch is late, not reorganised: a node that starts after a
    /// crash shows older tips for a while, and undoing blocks for that would be wrong.
    pub(super) fn next(&self, tip: BlockId) -> Result<Next, FollowError> {
        let Some(last) = self.last() else {
            return match self.origin {
                Origin::Height(height) if tip.height < height => Ok(Next::Wait),
                Origin::Height(height) => Ok(Next::Read(height)),
                Origin::Forgotten(lowest) => Err(FollowError::ForkBelowCheckpoints { lowest }),
            };
        };
        if tip.height <= last.height {
            let ours = self.blocks().rev().find(|block| block.height == tip.height);
            return Ok(match ours {
                Some(ours) if ours.hash != tip.hash => Next::Disconnect,
                _ => Next::Wait,
            });
        }
        Ok(last.height.checked_add(1).map_or(Next::Wait, Next::Read))
    }

    /// Whether a header can be connected now.
    pub(super) fn is_parent_of(&self, header: &Header) -> bool {
        self.last()
            .is_none_or(|last| last.hash == header.prev_blockhash)
    }

    /// Appends a block that [`is_parent_of`](Self::is_parent_of) allowed.
    pub(super) fn connect(&mut self, block: BlockId) {
        self.blocks.push_back(block);
        self.forget();
    }

    /// Takes the last block off.
    pub(super) fn disconnect(&mut self) -> Option<BlockId> {
        self.blocks.pop_back()
    }

    fn forget(&mut self) {
        while self.blocks.len() > self.remembered.get() {
            self.blocks.pop_front();
            if let Some(oldest) = self.blocks.front() {
                self.origin = Origin::Forgotten(*oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
