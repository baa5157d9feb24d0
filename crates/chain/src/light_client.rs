//! What a secured chain knows and asks of Bitcoin.

use bitcoin::BlockHash;
use bitcoin::block::Header;
use staking::units::BitcoinHeight;

/// A header of the chain's Bitcoin light client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LightClientHeader {
    /// Its height.
    pub height: BitcoinHeight,
    /// The header.
    pub header: Header,
}

impl LightClientHeader {
    /// Hash of the header.
    pub fn hash(&self) -> BlockHash {
        self.header.block_hash()
    }
}

/// What the chain asks of Bitcoin (spec 5.4). Depths in blocks on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightClientParams {
    /// k: depth at which a stake or a checkpoint counts as confirmed.
    pub confirmation_depth: u32,
    /// w: depth at which a checkpoint is final.
    pub finalization_timeout: u32,
    /// First bytes of every checkpoint transaction's data.
    pub checkpoint_tag: [u8; 4],
}
