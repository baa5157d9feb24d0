//! Whether a transaction is in a block of the best chain.

use bitcoin::Transaction;
use bitcoin::consensus;
use cosmwasm_std::Storage;
use staking::inclusion::InclusionProof;

use crate::ContractError;
use crate::msg::VerifyTxResponse;
use crate::store;

/// Longest transaction judged, in bytes: nodes relay none above 400,000 weight units.
pub(crate) const MAX_TRANSACTION: usize = 400_000;

/// Checks that the transaction is in the block at `height`, at this index and no other.
pub(crate) fn verify(
    storage: &dyn Storage,
    height: u32,
    tx: &[u8],
    index: u32,
    branch: &[u8],
) -> Result<VerifyTxResponse, ContractError> {
    if tx.len() > MAX_TRANSACTION {
        return Err(ContractError::TransactionSize(tx.len()));
    }
    let transaction: Transaction = consensus::deserialize(tx)?;
    let extent = store::extent(storage)?;
    let header =
        store::header(storage, extent, height)?.ok_or(ContractError::UnknownHeight(height))?;
    let proof = InclusionProof {
        index,
        txid: transaction.compute_txid(),
        siblings: InclusionProof::parse_path(branch)?,
        block_hash: header.block_hash(),
    };
    proof.verify_unambiguous(&transaction, &header)?;
    Ok(VerifyTxResponse {
        test_only: store::config(storage)?.test_only,
        depth: extent.tip.saturating_sub(height),
        block_hash: proof.block_hash,
    })
}
