//! How far what the contract sees can be relied on.

use cosmwasm_std::Storage;

use crate::ContractError;
use crate::msg::HealthResponse;
use crate::reorgs;
use crate::store::{self, Extent};

const DAY: u64 = 24 * 60 * 60;

/// Most blocks counted: a week's.
const MAX_COUNTED: u32 = 1008;

/// Freshness, pace and reorganisations, for a chain whose present block has time `now`.
pub(crate) fn health(
    storage: &dyn Storage,
    now: u64,
    reorgs_seen: u64,
) -> Result<HealthResponse, ContractError> {
    let extent = store::extent(storage)?;
    let tip = store::expected(storage, extent, extent.tip)?;
    let (reorg_seq, reorg) = reorgs::since(storage, reorgs_seen)?;
    Ok(HealthResponse {
        test_only: store::config(storage)?.test_only,
        height: extent.tip,
        blocks_24h: blocks_after(storage, extent, now.saturating_sub(DAY))?,
        lag: now.saturating_sub(tip.header.time.into()),
        reorg_seq,
        fork_height: reorg.map(|reorg| reorg.fork_height),
        reorg_depth: reorg.map_or(0, |reorg| reorg.depth),
    })
}

/// Number of blocks from the tip down to the last that is dated after `time`.
///
/// Times do not quite rise from block to block, so halving may find one of several answers; they differ by what two
/// hours of blocks can, and each needs that much real work.
fn blocks_after(storage: &dyn Storage, extent: Extent, time: u64) -> Result<u32, ContractError> {
    let mut below = extent
        .tip
        .saturating_sub(MAX_COUNTED)
        .max(extent.first.saturating_sub(1));
    let mut above = extent.tip.saturating_add(1);
    while above.saturating_sub(below) > 1 {
        let middle = below.midpoint(above);
        let header = store::expected(storage, extent, middle)?.header;
        if u64::from(header.time) > time {
            above = middle;
        } else {
            below = middle;
        }
    }
    Ok(extent.tip.saturating_add(1).saturating_sub(above))
}
