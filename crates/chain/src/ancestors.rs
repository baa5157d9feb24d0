//! Leading a chain's light client down to a block that it has forgotten.
//!
//! What is proven in an old block (a stake, a spend) is judged under its header. A light client that keeps few old headers
//! takes them again from anybody: by hash chain, down from one that it has.

use std::num::NonZeroU16;

use bitcoin::BlockHash;
use bitcoin::block::Header;
use futures::future::BoxFuture;
use staking::units::BitcoinHeight;

use crate::{Chain, ChainError, Message};

/// Most headers of one message: 40 kB.
const MOST: u16 = 500;

/// Why old headers were not brought.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AncestorsError<E: std::error::Error> {
    /// The chain does not answer, or refuses them.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The Bitcoin node does not answer.
    #[error("{0}")]
    Bitcoin(E),
    /// More of them lead down to the block than it is worth.
    #[error(
        "{missing} headers lead down to block {height}, {most} are brought at most: who needs it shown brings them, as \
         `btc-staker restake` does"
    )]
    TooFar {
        /// The block's height.
        height: BitcoinHeight,
        /// So many are missing.
        missing: u32,
        /// So many would be brought.
        most: u32,
    },
    /// The Bitcoin node has fewer than are needed.
    #[error("the bitcoin node gave {found} headers from height {from} on, {wanted} are needed")]
    TooFew {
        /// Height of the first.
        from: BitcoinHeight,
        /// So many came.
        found: usize,
        /// So many lead to a header that the chain has.
        wanted: NonZeroU16,
    },
}

/// Makes sure that the chain has the header at `height`, if that is not above its newest, by `most` headers at most. `headers`
/// gives so many of a Bitcoin node's best chain from a height on, oldest first. Returns how many were brought.
///
/// # Errors
///
/// See [`AncestorsError`]; a refusal is the chain's [`ChainError::Rejected`].
pub async fn bring_ancestors<'a, E: std::error::Error>(
    chain: &dyn Chain,
    height: BitcoinHeight,
    most: u32,
    headers: impl Fn(BitcoinHeight, NonZeroU16) -> BoxFuture<'a, Result<Vec<Header>, E>> + Sync,
) -> Result<u32, AncestorsError<E>> {
    let Some(kept) = chain.header_kept_from(height).await? else {
        return Ok(0);
    };
    let missing = kept.0.saturating_sub(height.0);
    if missing > most {
        return Err(AncestorsError::TooFar {
            height,
            missing,
            most,
        });
    }
    let mut brought = 0_u32;
    let mut child = kept;
    while let Some((from, count)) = step(child, height) {
        let mut batch = headers(from, count)
            .await
            .map_err(AncestorsError::Bitcoin)?;
        batch.truncate(count.get().into());
        if batch.len() < count.get().into() {
            return Err(AncestorsError::TooFew {
                from,
                found: batch.len(),
                wanted: count,
            });
        }
        batch.reverse();
        let message = Message::InsertAncestors {
            child,
            headers: batch,
        };
        let mut outcomes = chain.submit(vec![message]).await.into_iter();
        outcomes.next().unwrap_or(Err(ChainError::Stopped))?;
        brought = brought.saturating_add(count.get().into());
        child = from;
    }
    Ok(brought)
}

/// Whether the chain has a block's header, so that it can judge what is in the block. One that it had forgotten is brought, as
/// [`bring_ancestors`] does, which our node's `headers` must lead to.
///
/// # Errors
///
/// As [`bring_ancestors`].
pub async fn knows_block<'a, E: std::error::Error>(
    chain: &dyn Chain,
    height: BitcoinHeight,
    hash: &BlockHash,
    most: u32,
    headers: impl Fn(BitcoinHeight, NonZeroU16) -> BoxFuture<'a, Result<Vec<Header>, E>> + Sync,
) -> Result<bool, AncestorsError<E>> {
    if chain.contains_header(height, hash).await? {
        return Ok(true);
    }
    let brought = bring_ancestors(chain, height, most, headers).await?;
    if brought == 0 {
        return Ok(false);
    }
    tracing::info!(%height, %hash, brought, "led the chain down to a block that it had forgotten");
    // Our node's branch may be another than the chain's.
    Ok(chain.contains_header(height, hash).await?)
}

/// The next headers to bring, down from `child`: the height of the lowest, and how many.
fn step(child: BitcoinHeight, target: BitcoinHeight) -> Option<(BitcoinHeight, NonZeroU16)> {
    let missing = child.0.saturating_sub(target.0);
    let count = NonZeroU16::new(u16::try_from(missing).unwrap_or(MOST).min(MOST))?;
    let from = child.0.checked_sub(count.get().into())?;
    Some((BitcoinHeight(from), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_down_ends_exactly_at_the_block() {
        for (child, target, expected) in [
            (144, 144, vec![]),
            (144, 143, vec![(143, 1)]),
            (288, 150, vec![(150, 138)]),
            (144, 0, vec![(0, 144)]),
            (1_200, 50, vec![(700, 500), (200, 500), (50, 150)]),
            (100, 144, vec![]),
        ] {
            let target = BitcoinHeight(target);
            let mut child = BitcoinHeight(child);
            let mut steps = Vec::new();
            while let Some((from, count)) = step(child, target) {
                steps.push((from.0, count.get()));
                child = from;
            }
            assert_eq!(steps, expected, "{target}");
        }
        let (from, count) = step(BitcoinHeight(u32::MAX), BitcoinHeight(0)).unwrap();
        assert_eq!((from.0, count.get()), (u32::MAX - 500, MOST));
    }
}
