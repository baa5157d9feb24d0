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
    /// So many blocks undone by one reorganisation halt the chain for good when it is reported; `None` where none does.
    pub halting_depth: Option<u32>,
    /// What the chain asks of the report of a spent stake.
    pub spends: SpendRules,
}

/// What a chain asks of the report of a spent stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendRules {
    /// Blocks on top of the spend.
    pub depth: u32,
    /// Whether it must see the transactions whose outputs were spent.
    pub with_funding: bool,
}
