//! Showing the chain where on Bitcoin a checkpoint is (spec 5.8).

use bitcoin::Transaction;
use bitcoin::block::Header;
use bitcoin_source::{BitcoinSource, BlockId, SourceError};
use chain::{Chain, ChainError, Message};
use staking::inclusion::InclusionProof;

use crate::metrics;
use crate::role::RoundError;

/// Module and error codes of the chain's answer (spec 2.17).
const MODULE: &str = "btccheckpoint";
const DUPLICATE: u32 = 1101;
const PREVIOUS_EPOCH_MISSING: u32 = 1102;
const HEADERS_UNKNOWN: u32 = 1103;
const NOT_AFTER_PREVIOUS_EPOCH: u32 = 1104;
const EPOCH_FINAL: u32 = 1105;

/// What a proof waits for while the light client is behind.
const BLOCKS_TO_BE_KNOWN: &str = "the chain to know the blocks";

/// What the chain made of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proved {
    /// It knows now where the checkpoint is, from us or from somebody else.
    Yes,
    /// It lacks something that will come.
    Later(&'static str),
    /// The transactions are of no use; others must be made.
    Useless,
}

/// Proves both parts of an epoch's checkpoint, each with the block it is in.
pub(super) async fn prove(
    bitcoin: &dyn BitcoinSource,
    chain: &dyn Chain,
    epoch: u64,
    parts: [(&Transaction, BlockId); 2],
) -> Result<Proved, RoundError> {
    for (_, block) in &parts {
        if !chain.contains_header(block.height, &block.hash).await? {
            return Ok(Proved::Later(BLOCKS_TO_BE_KNOWN));
        }
    }
    let [first, second] = parts;
    let parts = [
        inclusion(bitcoin, first).await?,
        inclusion(bitcoin, second).await?,
    ];
    let message = Message::InsertCheckpointProof(Box::new(parts));
    match chain.submit(vec![message]).await.pop() {
        Some(Ok(receipt)) => {
            tracing::info!(epoch, tx = receipt.tx_hash, "reported a checkpoint");
            metrics::CHECKPOINTS.increment();
            Ok(Proved::Yes)
        }
        Some(Err(ChainError::Rejected(refusal))) if refusal.codespace == MODULE => {
            match refusal.code {
                DUPLICATE | EPOCH_FINAL => Ok(Proved::Yes),
                HEADERS_UNKNOWN => Ok(Proved::Later(BLOCKS_TO_BE_KNOWN)),
                PREVIOUS_EPOCH_MISSING => Ok(Proved::Later("the epoch before it to be reported")),
                NOT_AFTER_PREVIOUS_EPOCH => {
                    tracing::warn!(epoch, %refusal, "a reorg has mixed up the checkpoints; it is sent again");
                    Ok(Proved::Useless)
                }
                _ => Err(ChainError::Rejected(refusal).into()),
            }
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(ChainError::Stopped.into()),
    }
}

async fn inclusion(
    bitcoin: &dyn BitcoinSource,
    (transaction, id): (&Transaction, BlockId),
) -> Result<(Transaction, InclusionProof, Header), RoundError> {
    let block = bitcoin.block(id.hash).await?;
    let proof = InclusionProof::new(&block, transaction.compute_txid()).map_err(|error| {
        SourceError::InvalidAnswer {
            question: format!("block {id}"),
            reason: error.to_string(),
        }
    })?;
    Ok((transaction.clone(), proof, block.header))
}
