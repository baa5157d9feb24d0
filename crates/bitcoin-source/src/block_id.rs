//! A block by its place and its hash.

use std::fmt;

use bitcoin::BlockHash;
use serde::{Deserialize, Serialize};
use staking::units::BitcoinHeight;

/// A block: its height says where, its hash says which of the blocks that ever were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockId {
    /// Height; genesis is 0.
    pub height: BitcoinHeight,
    /// Hash of the header.
    pub hash: BlockHash,
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at height {}", self.hash, self.height)
    }
}
