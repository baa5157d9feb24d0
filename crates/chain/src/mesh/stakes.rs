//! Questions about stakes.

use std::num::NonZeroU32;

use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, Txid};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use staking::params::ParamsVersions;

use super::Mesh;
use super::covenant::CovenantSets;
use super::list::{Bookmark, PAGE};
use super::query::before;
use super::stake::{SlashKit, Stake};
use crate::{ChainError, Delegation, InvalidDelegation, Page, PageKey};

/// Slash kits that are asked for at once.
const KITS_AT_ONCE: usize = 8;

impl Mesh {
    /// The parameters of all covenant sets.
    pub(super) async fn covenant_params(&self) -> Result<ParamsVersions, ChainError> {
        let sets: CovenantSets = self.ask(json!({ "config": {} })).await?;
        sets.params()
    }

    /// The first stake among the outputs of a transaction.
    pub(super) async fn first_of(&self, txid: Txid) -> Result<Option<Delegation>, ChainError> {
        let found = self
            .stake_after(predecessor(OutPoint::new(txid, 0)))
            .await?;
        self.read(found.filter(|stake| stake.outpoint.txid == txid))
            .await
    }

    /// The stake at an output.
    pub(super) async fn at(&self, outpoint: OutPoint) -> Result<Option<Delegation>, ChainError> {
        let stake = self.find(outpoint).await?;
        self.read(stake).await
    }

    /// What the contract lists of the stake at an output.
    pub(super) async fn find(&self, outpoint: OutPoint) -> Result<Option<Stake>, ChainError> {
        let found = self.stake_after(predecessor(outpoint)).await?;
        Ok(found.filter(|stake| stake.outpoint == outpoint))
    }

    /// The stake behind a place.
    async fn stake_after(&self, after: Option<OutPoint>) -> Result<Option<Stake>, ChainError> {
        let (page, _) = self.page_of::<Stake>(Bookmark::after(after), 1).await?;
        Ok(page.into_iter().next())
    }

    /// One page of the contract's stakes, of which only those are read that are `wanted`.
    pub(super) async fn page(
        &self,
        after: Option<PageKey>,
        limit: NonZeroU32,
        wanted: impl Fn(&Stake) -> bool,
    ) -> Result<Page, ChainError> {
        let limit = usize::try_from(limit.get()).unwrap_or(PAGE);
        let (stakes, next) = self.stakes_page(after, limit).await?;
        let mut page = Page {
            next,
            ..Page::default()
        };
        let read: Vec<_> = stream::iter(stakes.into_iter().filter(wanted))
            .map(|stake| async move {
                let read = self.with_kit(&stake).await?;
                Ok::<_, ChainError>((stake.outpoint, read))
            })
            .buffered(KITS_AT_ONCE)
            .try_collect()
            .await?;
        for (outpoint, read) in read {
            match read {
                Ok(delegation) => page.delegations.push(delegation),
                Err(reason) => page.invalid.push(InvalidDelegation {
                    staking_tx: outpoint.to_string(),
                    reason,
                }),
            }
        }
        Ok(page)
    }

    /// One page of at most `limit` stakes, and where the next one begins; `None` on the last.
    pub(super) async fn stakes_page(
        &self,
        after: Option<PageKey>,
        limit: usize,
    ) -> Result<(Vec<Stake>, Option<PageKey>), ChainError> {
        let bookmark = after.as_ref().map_or(Ok(Bookmark::after(None)), bookmark)?;
        let (stakes, next) = self.page_of(bookmark, limit.min(PAGE)).await?;
        Ok((stakes, next.and_then(page_key)))
    }

    async fn read(&self, stake: Option<Stake>) -> Result<Option<Delegation>, ChainError> {
        let Some(stake) = stake else {
            return Ok(None);
        };
        let read = self.with_kit(&stake).await?;
        read.map(Some).map_err(|reason| ChainError::InvalidAnswer {
            query: "slash_kit",
            reason,
        })
    }

    /// The stake with what burns it, or why that cannot be read; it is not kept when the timelock is over.
    async fn with_kit(&self, stake: &Stake) -> Result<Result<Delegation, String>, ChainError> {
        let question = json!({ "slash_kit": { "outpoint": stake.outpoint } });
        match self.ask::<SlashKit>(question).await {
            Ok(kit) => Ok(stake.delegation(&kit, self.params.challenge)),
            Err(ChainError::Rejected(refusal)) => Ok(Err(refusal.log)),
            Err(error @ ChainError::InvalidAnswer { .. }) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }
}

/// The outpoint directly before another in the contract's order; `None` before the first.
fn predecessor(outpoint: OutPoint) -> Option<OutPoint> {
    let OutPoint { txid, vout } = outpoint;
    if let Some(vout) = vout.checked_sub(1) {
        return Some(OutPoint { txid, vout });
    }
    let txid = before(txid.to_byte_array())?;
    Some(OutPoint {
        txid: Txid::from_byte_array(txid),
        vout: u32::MAX,
    })
}

fn page_key(bookmark: Bookmark<OutPoint>) -> Option<PageKey> {
    Some(PageKey {
        start: bookmark.after?.to_string().into_bytes(),
        read: bookmark.read,
    })
}

fn bookmark(key: &PageKey) -> Result<Bookmark<OutPoint>, ChainError> {
    let after = std::str::from_utf8(&key.start)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| super::write::invalid("`after`: not a page of this chain"))?;
    Ok(Bookmark {
        after: Some(after),
        read: key.read,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outpoint_before_another_is_its_neighbour_in_the_contracts_order() {
        let outpoint = |first: u8, last: u8, vout| {
            let mut bytes = [0; 32];
            (bytes[0], bytes[31]) = (first, last);
            OutPoint::new(Txid::from_byte_array(bytes), vout)
        };
        assert_eq!(predecessor(outpoint(0, 0, 0)), None);
        assert_eq!(predecessor(outpoint(0, 0, 1)), Some(outpoint(0, 0, 0)));
        assert_eq!(
            predecessor(outpoint(7, 3, 0)),
            Some(outpoint(7, 2, u32::MAX))
        );
        let carried = predecessor(outpoint(7, 0, 0)).unwrap();
        assert!(carried < outpoint(7, 0, 0));
        assert_eq!(carried.txid.to_byte_array()[0], 6);
    }

    #[test]
    fn where_a_list_goes_on_tells_how_much_of_it_was_read() {
        let outpoint = OutPoint::new(Txid::from_byte_array([7; 32]), 1);
        let read = Bookmark {
            after: Some(outpoint),
            read: 300,
        };
        assert_eq!(bookmark(&page_key(read).unwrap()).unwrap(), read);
        let foreign = PageKey {
            start: vec![7],
            read: 0,
        };
        assert!(bookmark(&foreign).is_err());
    }
}
