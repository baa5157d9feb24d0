//! What a deep reorganisation of Bitcoin undoes.
//!
//! Reorganisations are noted whenever they could matter. One that reached what was believed stops activations, for a time
//! that passes by itself, and no table is made before `unwind` has looked at every stake and spend recorded above the
//! fork: those in a block that is no more must be proven anew. It goes upward in pages and begins again at the lowest fork
//! when another such reorganisation comes in between, so that nothing is passed over; looking twice changes nothing.

use bitcoin::OutPoint;
use cosmwasm_std::{Event, Storage};
use serde::{Deserialize, Serialize};

use super::calendar::{BLOCKS, Entry, check_limit};
use super::error::StakeError;
use super::record::{self, Stake};
use super::{inclusion, weight};
use crate::ContractError;
use crate::context::Context;
use crate::light::Tip;
use crate::msg::{EndReason, StakeStatus};
use crate::store::Record;

const REORGS: Record<Reorgs> = Record::new("reorg");

/// What is known of reorganisations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reorgs {
    /// How many of them were noted.
    seen: u64,
    /// Tip of Bitcoin from which activations go on.
    frozen_until: Option<u32>,
    unwinding: Option<Unwinding>,
}

/// What must still be looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unwinding {
    /// Everything above this height.
    fork: u32,
    /// Up to here it was.
    after: Option<Cursor>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cursor {
    height: u32,
    outpoint: OutPoint,
}

/// What is known of reorganisations with those that came since it was stored; the second says whether any did.
fn known(
    storage: &dyn Storage,
    context: &Context<'_>,
    tip: &Tip,
) -> Result<(Reorgs, bool), ContractError> {
    let Some(mut reorgs) = REORGS.may_load(storage)? else {
        // Nothing was recorded that they could have undone.
        let (seen, _) = context.light.reorgs_since(u64::MAX)?;
        let reorgs = Reorgs {
            seen,
            frozen_until: None,
            unwinding: None,
        };
        return Ok((reorgs, true));
    };
    let (seen, worst) = context.light.reorgs_since(reorgs.seen)?;
    let changed = seen != reorgs.seen;
    reorgs.seen = seen;
    let params = context.params();
    if let Some(worst) = worst {
        let fork = worst.fork_height;
        // Also one that was not deep by itself: the tip may have been higher when the block was believed.
        let deep =
            worst.depth >= params.depth_min || !BLOCKS.above(storage, fork, None, 1)?.is_empty();
        if deep {
            reorgs.frozen_until = reorgs
                .frozen_until
                .max(Some(tip.height.saturating_add(params.thaw)));
            let fork = reorgs
                .unwinding
                .map_or(fork, |unwinding| unwinding.fork.min(fork));
            reorgs.unwinding = Some(Unwinding { fork, after: None });
        }
    }
    Ok((reorgs, changed))
}

/// Notes what was reorganised since the last time.
pub(super) fn note(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    tip: &Tip,
) -> Result<Reorgs, ContractError> {
    let (reorgs, changed) = known(storage, context, tip)?;
    if changed {
        REORGS.save(storage, &reorgs)?;
    }
    Ok(reorgs)
}

impl Reorgs {
    /// Whether `unwind` must be sent.
    pub(super) const fn is_unwinding(&self) -> bool {
        self.unwinding.is_some()
    }

    /// Refuses while a reorganisation is not dealt with, or not long enough ago.
    pub(super) fn check_settled(&self, tip: &Tip) -> Result<(), StakeError> {
        if self.is_unwinding() {
            // A refused message leaves nothing noted. Only `unwind` does, and from then on the freeze has an end.
            return Err(StakeError::Unwinding);
        }
        match self.frozen_until {
            Some(until) if tip.height < until => {
                let tip = tip.height;
                Err(StakeError::Frozen { until, tip })
            }
            _ => Ok(()),
        }
    }
}

/// Tip of Bitcoin from which activations go on; none where they do.
pub(crate) fn frozen_until(
    storage: &dyn Storage,
    context: &Context<'_>,
) -> Result<Option<u32>, ContractError> {
    let tip = context.light.tip()?;
    let (reorgs, _) = known(storage, context, &tip)?;
    Ok(reorgs.frozen_until.filter(|until| tip.height < *until))
}

/// Whether `unwind` must be sent.
pub(crate) fn is_unwinding(
    storage: &dyn Storage,
    context: &Context<'_>,
) -> Result<bool, ContractError> {
    let (reorgs, _) = known(storage, context, &context.light.tip()?)?;
    Ok(reorgs.is_unwinding())
}

/// Looks at the next stakes and spends recorded above the fork.
pub(crate) fn unwind(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    limit: u32,
) -> Result<Event, ContractError> {
    let limit = check_limit(limit)?;
    let tip = context.light.tip()?;
    let (mut reorgs, _) = known(storage, context, &tip)?;
    let mut page = Vec::new();
    let mut undone: u32 = 0;
    if let Some(unwinding) = &mut reorgs.unwinding {
        let after = unwinding.after.as_ref().map(|cursor| Entry {
            height: cursor.height,
            outpoint: cursor.outpoint,
        });
        // One more tells whether others follow.
        let more = limit.saturating_add(1);
        page = BLOCKS.above(storage, unwinding.fork, after.as_ref(), more)?;
        let is_last = page.len() <= limit;
        page.truncate(limit);
        for entry in &page {
            if review(storage, context, &tip, entry)? {
                undone = undone.saturating_add(1);
            }
        }
        unwinding.after = page.last().map(|last| Cursor {
            height: last.height,
            outpoint: last.outpoint,
        });
        if is_last {
            reorgs.unwinding = None;
        }
    }
    REORGS.save(storage, &reorgs)?;
    Ok(Event::new("unwind")
        .add_attribute("looked_at", page.len().to_string())
        .add_attribute("undone", undone.to_string())
        .add_attribute("done", (!reorgs.is_unwinding()).to_string()))
}

/// Undoes what was recorded of a stake in a block that is no more; says whether there was such.
fn review(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    tip: &Tip,
    entry: &Entry,
) -> Result<bool, ContractError> {
    let Entry { height, outpoint } = entry;
    let Some(mut stake) = record::find(storage, outpoint)? else {
        BLOCKS.remove(storage, *height, outpoint);
        return Ok(false);
    };
    let unproven = inclusion::is_gone(context, tip, stake.start, &stake.block_hash)?;
    let unspent = match &stake.spend {
        Some(spend) => inclusion::is_gone(context, tip, spend.height, &spend.block_hash)?,
        None => false,
    };
    let before = stake.status;
    if unspent {
        stake.spend = None;
    }
    stake.status = match before {
        StakeStatus::Pending { .. } | StakeStatus::Active {} if unproven => {
            StakeStatus::Unproven {}
        }
        StakeStatus::Ended {
            reason: EndReason::Spent { .. },
        } if unspent && unproven => StakeStatus::Unproven {},
        StakeStatus::Ended {
            reason: EndReason::Spent { .. },
        } if unspent => StakeStatus::Pending { since: tip.height },
        unchanged => unchanged,
    };
    let changed = unspent || stake.status != before;
    if changed {
        weight::recount(storage, &mut stake)?;
        record::save(storage, outpoint, &stake)?;
    }
    if !is_recorded(&stake, *height) {
        BLOCKS.remove(storage, *height, outpoint);
    }
    Ok(changed)
}

/// Whether something of a stake still rests on the block at this height.
fn is_recorded(stake: &Stake, height: u32) -> bool {
    let proven = stake.start == height && !matches!(stake.status, StakeStatus::Unproven {});
    proven || stake.spend.is_some_and(|spend| spend.height == height)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::Txid;
    use bitcoin::hashes::Hash;

    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_what_is_known_is_what_instances_have() {
        let reorgs = Reorgs {
            seen: 1,
            frozen_until: Some(2),
            unwinding: Some(Unwinding {
                fork: 3,
                after: Some(Cursor {
                    height: 4,
                    outpoint: OutPoint {
                        txid: Txid::from_byte_array([5; 32]),
                        vout: 6,
                    },
                }),
            }),
        };
        assert_stored(
            |storage| REORGS.save(storage, &reorgs).unwrap(),
            "reorg",
            "0101020103010420050505050505050505050505050505050505050505050505050505050505050506",
        );
    }
}
