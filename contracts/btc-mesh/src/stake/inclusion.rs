//! That a transaction is in a block of Bitcoin, deep enough to be believed.

use bitcoin::hashes::Hash;
use bitcoin::{Transaction, consensus};
use staking::inclusion::{InclusionError, InclusionProof};

use super::error::StakeError;
use crate::ContractError;
use crate::context::Context;
use crate::light::Tip;
use crate::msg::{Bytes32, Inclusion};

/// The block that a transaction is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) height: u32,
    /// Internal byte order.
    pub(super) block_hash: Bytes32,
    /// Blocks on top of it.
    pub(super) depth: u32,
}

/// Reads a transaction of at most `max` bytes, with or without its witness.
pub(super) fn parse(
    what: &'static str,
    bytes: &[u8],
    max: usize,
) -> Result<Transaction, StakeError> {
    let found = bytes.len();
    if found > max {
        return Err(StakeError::Size { what, found, max });
    }
    consensus::deserialize(bytes).map_err(|error| {
        let reason = error.to_string();
        StakeError::Transaction { what, reason }
    })
}

/// Checks that a transaction is in a block of the best chain, at one place only, `depth_min` deep.
pub(super) fn prove(
    context: &Context<'_>,
    tip: &Tip,
    tx: &Transaction,
    inclusion: &Inclusion,
) -> Result<Place, ContractError> {
    let height = inclusion.height;
    let siblings = InclusionProof::parse_path(&inclusion.branch).map_err(StakeError::from)?;
    let header = context
        .light
        .header(height)?
        .ok_or(StakeError::UnknownBlock(height))?;
    let required = context.params().depth_min;
    let depth = tip.height.saturating_sub(height);
    if depth < required {
        return Err(StakeError::TooShallow {
            height,
            depth,
            required,
        }
        .into());
    }
    let block_hash = header.block_hash();
    let proof = InclusionProof {
        index: inclusion.index,
        txid: tx.compute_txid(),
        siblings,
        block_hash,
    };
    if proof.index == 0 {
        // It neither spends a stake nor can be slashed before it matures.
        return Err(StakeError::Inclusion(InclusionError::Coinbase(proof.txid)).into());
    }
    proof
        .verify_unambiguous(tx, &header)
        .map_err(StakeError::from)?;
    Ok(Place {
        height,
        block_hash: block_hash.to_byte_array().into(),
        depth,
    })
}

/// Whether a block that was proven once has left the best chain since.
pub(super) fn is_gone(
    context: &Context<'_>,
    tip: &Tip,
    height: u32,
    block_hash: &Bytes32,
) -> Result<bool, ContractError> {
    Ok(match context.light.header(height)? {
        Some(header) => header.block_hash().to_byte_array() != block_hash.0,
        // Headers below the tip are forgotten when they are old; none that old can be undone.
        None => height > tip.height,
    })
}
