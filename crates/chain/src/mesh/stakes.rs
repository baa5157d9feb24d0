//! Questions about stakes.

use std::num::NonZeroU32;

use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, Txid};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use staking::params::ParamsVersions;

use super::Mesh;
use super::covenant::CovenantSets;
use super::query::{PAGE, before};
use super::stake::{SlashKit, Stake, Stakes, position};
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
        let page = self
            .stakes_after(predecessor(OutPoint::new(txid, 0)), 1)
            .await?;
        let first = page.into_iter().find(|stake| stake.outpoint.txid == txid);
        self.read(first).await
    }

    /// The stake at an output.
    pub(super) async fn at(&self, outpoint: OutPoint) -> Result<Option<Delegation>, ChainError> {
        let stake = self.find(outpoint).await?;
        self.read(stake).await
    }

    /// What the contract lists of the stake at an output.
    pub(super) async fn find(&self, outpoint: OutPoint) -> Result<Option<Stake>, ChainError> {
        let page = self.stakes_after(predecessor(outpoint), 1).await?;
        Ok(page.into_iter().find(|stake| stake.outpoint == outpoint))
    }

    /// One page of the contract's stakes, of which only those are read that are `wanted`.
    pub(super) async fn page(
        &self,
        after: Option<PageKey>,
        limit: NonZeroU32,
        wanted: impl Fn(&Stake) -> bool,
    ) -> Result<Page, ChainError> {
        let after = after.map(|key| parse(&key)).transpose()?;
        let limit = usize::try_from(limit.get()).unwrap_or(PAGE).min(PAGE);
        let (stakes, next) = self.page_after(after, limit).await?;
        let mut page = Page {
            next: next.map(|last| PageKey(last.to_string().into_bytes())),
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

    /// One page of stakes, and after which stake the next one begins; `None` on the last.
    pub(super) async fn page_after(
        &self,
        after: Option<OutPoint>,
        limit: usize,
    ) -> Result<(Vec<Stake>, Option<OutPoint>), ChainError> {
        let stakes = self.stakes_after(after, limit).await?;
        let last = stakes.last().filter(|_| stakes.len() == limit);
        let next = last.map(|last| last.outpoint);
        Ok((stakes, next))
    }

    /// Stakes in the contract's order.
    pub(super) async fn stakes_after(
        &self,
        after: Option<OutPoint>,
        limit: usize,
    ) -> Result<Vec<Stake>, ChainError> {
        let question = json!({ "stakes": { "start_after": after, "limit": limit } });
        let stakes = self.ask::<Stakes>(question).await?.stakes;
        let before = after.as_ref().map(position);
        let positions = before.into_iter().chain(stakes.iter().map(Stake::position));
        if stakes.len() > limit || !positions.is_sorted_by(|one, next| one < next) {
            return Err(ChainError::InvalidAnswer {
                query: "stakes",
                reason: "the stakes are more than were asked for, or not ascending".to_owned(),
            });
        }
        Ok(stakes)
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

fn parse(key: &PageKey) -> Result<OutPoint, ChainError> {
    std::str::from_utf8(&key.0)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| super::write::invalid("`after`: not a page of this chain"))
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
        assert!(position(&carried) < position(&outpoint(7, 0, 0)));
        assert_eq!(carried.txid.to_byte_array()[0], 6);
    }
}
