//! That a transaction is in a Bitcoin block (Merkle proof).

use bitcoin::{BlockHash, TxMerkleNode, Txid};

/// A Merkle proof of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Position of the transaction in its block.
    pub index: u32,
    /// The transaction.
    pub txid: Txid,
    /// Sibling hashes, leaf level first.
    pub siblings: Vec<TxMerkleNode>,
    /// The block.
    pub block_hash: BlockHash,
}
