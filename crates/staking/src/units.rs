//! Numbers with a unit, so that a height cannot be taken for an interval or a chain's height for Bitcoin's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Height of a Bitcoin block; genesis is 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BitcoinHeight(pub u32);

impl BitcoinHeight {
    /// Number of blocks on top of this one when the chain's tip is `tip`; `None` where `tip` is below it.
    ///
    /// The tip itself has depth 0, so "k deep" is what Bitcoin Core calls k + 1 confirmations.
    pub fn depth_below(self, tip: BitcoinHeight) -> Option<u32> {
        tip.0.checked_sub(self.0)
    }

    /// The height `blocks` above this one; `None` on overflow.
    pub fn checked_add(self, blocks: u32) -> Option<BitcoinHeight> {
        self.0.checked_add(blocks).map(BitcoinHeight)
    }
}

impl fmt::Display for BitcoinHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Height of a block of a secured chain (Babylon Genesis or a partner chain).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ChainHeight(pub u64);

impl fmt::Display for ChainHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A relative timelock in Bitcoin blocks (BIP-0068), 1 to 65535.
///
/// Zero is refused: a script with it could never be spent (spec 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BlockInterval(u16);

impl BlockInterval {
    /// Creates an interval of `blocks`.
    ///
    /// # Errors
    ///
    /// Refuses 0.
    pub const fn new(blocks: u16) -> Result<Self, BlockIntervalError> {
        if blocks == 0 {
            Err(BlockIntervalError(0))
        } else {
            Ok(Self(blocks))
        }
    }

    /// The interval in blocks.
    pub const fn blocks(self) -> u16 {
        self.0
    }
}

impl TryFrom<u32> for BlockInterval {
    type Error = BlockIntervalError;

    fn try_from(blocks: u32) -> Result<Self, Self::Error> {
        u16::try_from(blocks)
            .map_err(|_| BlockIntervalError(blocks))
            .and_then(Self::new)
    }
}

impl From<BlockInterval> for u32 {
    fn from(interval: BlockInterval) -> u32 {
        interval.0.into()
    }
}

impl fmt::Display for BlockInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A timelock outside 1 to 65535 blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a timelock of {0} blocks is outside 1 to 65535")]
pub struct BlockIntervalError(pub u32);
