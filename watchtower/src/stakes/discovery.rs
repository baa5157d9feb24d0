//! What Bitcoin already says of a delegation that was just learned of.

use bitcoin_source::{BitcoinSource, BlockId, Location};
use chain::Delegation;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use staking::units::BitcoinHeight;

use super::stake::Stake;
use crate::role::RoundError;

/// Questions to the Bitcoin node at once.
const QUESTIONS_AT_ONCE: usize = 8;

/// What Bitcoin says of a stake that was just learned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In no block, as far as the node can tell without reading blocks.
    Unknown,
    /// Staked and not spent.
    Unspent(BlockId),
    /// Spent by a transaction in the mempool; the blocks to come show it.
    BeingSpent,
    /// Spent in a block at or above this height.
    SpentFrom(BitcoinHeight),
}

/// Asks the node about several delegations.
pub(super) async fn whereabouts(
    bitcoin: &dyn BitcoinSource,
    delegations: Vec<Delegation>,
) -> Result<Vec<(Stake, Whereabouts)>, RoundError> {
    stream::iter(delegations)
        .map(|delegation| async move {
            let found = whereabouts_of(bitcoin, &delegation).await?;
            Ok((Stake::of(&delegation), found))
        })
        .buffer_unordered(QUESTIONS_AT_ONCE)
        .try_collect()
        .await
}

async fn whereabouts_of(
    bitcoin: &dyn BitcoinSource,
    delegation: &Delegation,
) -> Result<Whereabouts, RoundError> {
    let outpoint = delegation.staking_outpoint();
    if let Some(unspent) = bitcoin.unspent_output(outpoint).await? {
        return Ok(match unspent.location {
            Location::Block { block, .. } => Whereabouts::Unspent(block),
            Location::Mempool => Whereabouts::Unknown,
        });
    }
    let spenders = bitcoin.mempool_spenders(&[outpoint]).await?;
    if spenders.into_iter().any(|spender| spender.is_some()) {
        return Ok(Whereabouts::BeingSpent);
    }
    if let Some((included, _)) = delegation.bitcoin_span {
        return Ok(Whereabouts::SpentFrom(included));
    }
    let Some(staking_tx) = delegation.staking_output.transaction() else {
        return Ok(Whereabouts::Unknown);
    };
    Ok(match bitcoin.locate(staking_tx).await? {
        Some(Location::Block { block, .. }) => Whereabouts::SpentFrom(block.height),
        Some(Location::Mempool) | None => Whereabouts::Unknown,
    })
}
