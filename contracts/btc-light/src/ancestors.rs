//! Walking down from a stored header to older ones.
//!
//! A header names its parent by hash, so what leads down from a header of the best chain needs no other check.

use bitcoin::block::Header;
use cosmwasm_std::Storage;

use crate::ContractError;
use crate::store::{self, SPACING};

/// Checks headers below the one at `child_height`, newest first, and keeps the lowest and every 144th.
///
/// Answers with the height of the lowest.
pub(crate) fn keep(
    storage: &mut dyn Storage,
    child_height: u32,
    headers: &[Header],
) -> Result<u32, ContractError> {
    let extent = store::extent(storage)?;
    let mut child = store::header(storage, extent, child_height)?
        .ok_or(ContractError::UnknownHeight(child_height))?;
    let mut height = child_height;
    let mut kept = Vec::new();
    for header in headers {
        let hash = header.block_hash();
        if child.prev_blockhash != hash {
            let child_height = height;
            return Err(ContractError::NotAnAncestor { hash, child_height });
        }
        height = height
            .checked_sub(1)
            .ok_or(ContractError::UnknownHeight(height))?;
        if height % SPACING == 0 {
            kept.push((height, *header));
        }
        child = *header;
    }
    kept.push((height, child));
    for (height, header) in kept {
        // What the ring holds is kept when its place is needed.
        if height < extent.first {
            store::keep(storage, height, &header);
        }
    }
    Ok(height)
}
