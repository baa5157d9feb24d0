//! Where to start following.

use staking::units::BitcoinHeight;

use crate::block_id::BlockId;

/// Where a follower starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With the block at this height, whichever it is; waits for it where the chain is shorter.
    At(BitcoinHeight),
    /// After blocks that were processed before, undoing those that have left the chain since.
    After(Checkpoints),
}

/// Blocks processed before, each the parent of the next, oldest first; at least one.
///
/// The more there are, the deeper a reorg during the downtime may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints(Vec<BlockId>);

/// Blocks that are no checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointsError {
    /// There are none.
    #[error("there are no checkpoints; start at a height instead")]
    Empty,
    /// Heights are not consecutive.
    #[error("checkpoint {after} follows {before}, checkpoints must be of consecutive heights")]
    Gap {
        /// The lower block.
        before: BlockId,
        /// The one listed after it.
        after: BlockId,
    },
}

impl Checkpoints {
    /// Takes blocks of consecutive heights, oldest first.
    ///
    /// # Errors
    ///
    /// Refuses an empty list and gaps.
    pub fn new(blocks: Vec<BlockId>) -> Result<Self, CheckpointsError> {
        if blocks.is_empty() {
            return Err(CheckpointsError::Empty);
        }
        for (before, after) in blocks.iter().zip(blocks.iter().skip(1)) {
            if before.height.checked_add(1) != Some(after.height) {
                return Err(CheckpointsError::Gap {
                    before: *before,
                    after: *after,
                });
            }
        }
        Ok(Self(blocks))
    }

    pub(super) fn into_blocks(self) -> Vec<BlockId> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::BlockHash;
    use bitcoin::hashes::Hash as _;

    use super::*;

    fn block(height: u32) -> BlockId {
        BlockId {
            height: BitcoinHeight(height),
            hash: BlockHash::all_zeros(),
        }
    }

    #[test]
    fn checkpoints_are_consecutive() {
        assert!(Checkpoints::new(vec![block(7)]).is_ok());
        assert!(Checkpoints::new(vec![block(7), block(8), block(9)]).is_ok());
        assert_eq!(Checkpoints::new(Vec::new()), Err(CheckpointsError::Empty));
        for wrong in [[7, 9], [8, 7], [7, 7]] {
            let blocks = wrong.map(block).to_vec();
            assert!(matches!(
                Checkpoints::new(blocks),
                Err(CheckpointsError::Gap { .. })
            ));
        }
    }
}
