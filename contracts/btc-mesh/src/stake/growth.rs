//! How much new weight an epoch takes: whoever mines a few blocks alone can "stake" what they like, but count little of it
//! before its blocks lie too deep to be theirs.

use cosmwasm_std::Storage;
use serde::{Deserialize, Serialize};

use super::error::StakeError;
use super::weight::share;
use crate::ContractError;
use crate::context::Context;
use crate::finality::{clock, head_of_epoch};
use crate::store::Record;

const GROWTH: Record<Growth> = Record::new("growth");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Growth {
    epoch: u64,
    /// New weight so far, sat.
    used: u64,
}

/// New weight that may still be activated in this epoch without depth, sat; none before the first table, which has
/// nothing to grow from and is governance's to judge.
pub(crate) fn growth_left(
    storage: &dyn Storage,
    context: &Context<'_>,
) -> Result<Option<u64>, ContractError> {
    let Some(clock) = clock::find(storage)? else {
        return Ok(None);
    };
    let head =
        head_of_epoch(storage, clock.epoch)?.ok_or(ContractError::CorruptTable(clock.epoch))?;
    let budget = share(head.total, context.params().growth);
    Ok(Some(budget.saturating_sub(used(storage, clock.epoch)?)))
}

/// Takes new weight out of the epoch's budget, unless its block is settled: such weight needs none, so that a large stake
/// has to wait and cannot keep others out.
pub(super) fn take(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    added: u64,
    depth: u32,
) -> Result<(), ContractError> {
    let settled = context.params().settled_depth;
    if depth >= settled {
        return Ok(());
    }
    let (Some(clock), Some(left)) = (clock::find(storage)?, growth_left(storage, context)?) else {
        return Ok(());
    };
    if added > left {
        return Err(StakeError::Growth {
            added,
            left,
            depth,
            settled,
        }
        .into());
    }
    let epoch = clock.epoch;
    let used = used(storage, epoch)?.saturating_add(added);
    Ok(GROWTH.save(storage, &Growth { epoch, used })?)
}

/// Of another epoch's budget nothing is left over, nor missing.
fn used(storage: &dyn Storage, epoch: u64) -> Result<u64, ContractError> {
    Ok(GROWTH
        .may_load(storage)?
        .filter(|growth| growth.epoch == epoch)
        .map_or(0, |growth| growth.used))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_budget_is_what_instances_have() {
        let growth = Growth {
            epoch: 1,
            used: 300,
        };
        assert_stored(
            |storage| GROWTH.save(storage, &growth).unwrap(),
            "growth",
            "01ac02",
        );
    }
}
