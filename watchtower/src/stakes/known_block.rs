//! Whether a chain can judge what is in a block: its light client must have the header.

use bitcoin_source::{BitcoinSource, BlockId};
use chain::{AncestorsError, Chain, bring_ancestors};

use crate::role::RoundError;
use daemon::attempts::Reason;

/// What a chain's light client knows of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// Its header.
    Known,
    /// Nothing yet, or another one in its place.
    Unknown,
    /// It had forgotten the header, and does not take it again.
    Refused(Reason),
}

/// Looks whether the chain has a block's header, and brings it where the chain had forgotten it.
pub(super) async fn know(
    bitcoin: &dyn BitcoinSource,
    chain: &dyn Chain,
    block: BlockId,
) -> Result<Knowledge, RoundError> {
    if chain.contains_header(block.height, &block.hash).await? {
        return Ok(Knowledge::Known);
    }
    let headers = |from, count| bitcoin.headers(from, count);
    let brought = match bring_ancestors(chain, block.height, headers).await {
        Ok(brought) => brought,
        Err(AncestorsError::Bitcoin(error)) => return Err(error.into()),
        Err(AncestorsError::Chain(error)) => {
            return Ok(Knowledge::Refused(Reason::of_message(error)?));
        }
        Err(error) => {
            let reason = Reason::new("ancestors", error.to_string());
            return Ok(Knowledge::Refused(reason));
        }
    };
    if brought == 0 {
        return Ok(Knowledge::Unknown);
    }
    tracing::info!(%block, brought, "led the chain down to a block that it had forgotten");
    // Our node's branch may be another than the chain's.
    let known = chain.contains_header(block.height, &block.hash).await?;
    Ok(if known {
        Knowledge::Known
    } else {
        Knowledge::Unknown
    })
}
