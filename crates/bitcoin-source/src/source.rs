//! The trait of a source of Bitcoin data, and the shapes of its answers.

use std::num::NonZeroU16;

use async_trait::async_trait;
use bitcoin::block::Header;
use bitcoin::{Amount, Block, BlockHash, Network, OutPoint, Transaction, TxOut, Txid};
use staking::units::BitcoinHeight;

use crate::block_id::BlockId;
use crate::error::SourceError;
use crate::fees::FeeEstimate;
use crate::rejection::Rejection;

/// What a source knows about itself, for people who ask what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Newest block that is fully verified.
    pub tip: BlockId,
    /// Height of the newest header; far above the tip while the node catches up.
    pub headers: BitcoinHeight,
    /// Whether the node itself says that it is still catching up.
    pub initial_block_download: bool,
    /// Lowest height whose block the node still has, where it forgets old blocks.
    pub pruned_below: Option<BitcoinHeight>,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// Waiting in the node's mempool.
    Mempool,
    /// In a block of the best chain.
    Block {
        /// The block.
        block: BlockId,
        /// 1 where the block is the tip.
        confirmations: u32,
    },
}

impl Location {
    /// Number of blocks that confirm the transaction: 0 in the mempool, 1 in the tip.
    pub fn confirmations(&self) -> u32 {
        match self {
            Self::Mempool => 0,
            Self::Block { confirmations, .. } => *confirmations,
        }
    }
}

/// A transaction and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTransaction {
    /// The transaction with its witnesses.
    pub transaction: Transaction,
    /// Where it is.
    pub location: Location,
}

/// An output that nobody has spent, in a block or in the mempool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnspentOutput {
    /// The output.
    pub output: TxOut,
    /// Where its transaction is.
    pub location: Location,
    /// Whether it was mined, and so cannot be spent for 100 blocks.
    pub coinbase: bool,
}

/// An output that blocks have and do not spend, whatever waits in the mempool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmedOutput {
    /// Its value.
    pub value: Amount,
    /// Number of blocks that confirm it: 1 in the tip.
    pub confirmations: u32,
}

/// What a transaction would pay if it was sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MempoolAcceptance {
    /// Virtual size. vB.
    pub virtual_size: u64,
    /// Fee.
    pub fee: Amount,
}

/// A source of Bitcoin data: a node now; an Esplora or Electrum server can stand behind the same questions.
///
/// Every method is one question or one broadcast and may be cancelled at any await. Nothing here needs a node's wallet
/// or its transaction index, and every method but [`broadcast`](Self::broadcast) only reads.
#[async_trait]
pub trait BitcoinSource: Send + Sync {
    /// The configured network; [`check`](Self::check) and [`tip`](Self::tip) make sure that the source is on it.
    fn network(&self) -> Network;

    /// How far the source is and what it lacks. Fails where it is on another network.
    async fn check(&self) -> Result<NodeStatus, SourceError>;

    /// The newest block. Fails where the source is on another network.
    async fn tip(&self) -> Result<BlockId, SourceError>;

    /// Hash of the block at a height of the best chain; [`SourceError::NotFound`] above the tip.
    async fn block_hash(&self, height: BitcoinHeight) -> Result<BlockHash, SourceError>;

    /// Up to `count` headers of the best chain upwards from a height, each the parent of the next.
    ///
    /// The answer is shorter where the tip comes first, empty where `from` is above it, and never longer than 2000
    /// headers, so that a caller who asks again from where the answer ended needs constant memory.
    async fn headers(
        &self,
        from: BitcoinHeight,
        count: NonZeroU16,
    ) -> Result<Vec<Header>, SourceError>;

    /// A block, on whichever branch it is.
    async fn block(&self, hash: BlockHash) -> Result<Block, SourceError>;

    /// A transaction by its id alone.
    ///
    /// Finds what waits in the mempool, and confirmed transactions only if the source has an index of them.
    async fn transaction(&self, txid: Txid) -> Result<FoundTransaction, SourceError>;

    /// A confirmed transaction whose block is known.
    async fn transaction_in(
        &self,
        block: BlockHash,
        txid: Txid,
    ) -> Result<Transaction, SourceError>;

    /// An output, if it exists and neither a block nor the mempool spends it.
    async fn unspent_output(
        &self,
        outpoint: OutPoint,
    ) -> Result<Option<UnspentOutput>, SourceError>;

    /// For each outpoint, the output if a block has it and none spends it. The mempool is not looked at.
    async fn confirmed_outputs(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<Option<ConfirmedOutput>>, SourceError>;

    /// For each outpoint, the mempool transaction that spends it.
    async fn mempool_spenders(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<Option<Txid>>, SourceError>;

    /// The fee rate at which a transaction should be confirmed within `target` blocks, within the configured bounds.
    async fn fee_rate(&self, target: NonZeroU16) -> Result<FeeEstimate, SourceError>;

    /// Whether the mempool would take the transactions, in order; they may spend each other's outputs.
    async fn test_mempool_accept(
        &self,
        transactions: &[Transaction],
    ) -> Result<Vec<Result<MempoolAcceptance, Rejection>>, SourceError>;

    /// Sends a transaction to the network; one that is there already, or in a block, is a success.
    ///
    /// `max_burn` is the most that may be in unspendable (`OP_RETURN`) outputs: 0 unless burning is the purpose, as
    /// when slashed coins are burnt. A cancelled call may have sent it.
    async fn broadcast(
        &self,
        transaction: &Transaction,
        max_burn: Amount,
    ) -> Result<Txid, SourceError>;

    /// Where a transaction is, asking for its outputs where the source has no index; `None` where it cannot be found.
    ///
    /// Not found means: never sent, dropped from the mempool, or confirmed long enough ago that all of its outputs are
    /// spent. Who must tell these apart follows the blocks.
    async fn locate(&self, transaction: &Transaction) -> Result<Option<Location>, SourceError> {
        let txid = transaction.compute_txid();
        match self.transaction(txid).await {
            Ok(found) => return Ok(Some(found.location)),
            Err(SourceError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        for vout in (0..).take(transaction.output.len()) {
            if let Some(unspent) = self.unspent_output(OutPoint { txid, vout }).await? {
                return Ok(Some(unspent.location));
            }
        }
        Ok(None)
    }
}
