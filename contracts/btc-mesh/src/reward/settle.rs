//! Crediting an ended epoch's providers: each by its weight and the checkpoints it voted for.

use cosmwasm_std::{Event, Storage, Uint128, Uint256};
use mesh_core::registration::WHOLE;
use mesh_core::table::{Entry, TableHead};
use serde::{Deserialize, Serialize};

use super::{RewardError, ledger};
use crate::context::Context;
use crate::finality::{self, clock};
use crate::msg::Bytes32;
use crate::provider::{self, Participation};
use crate::store::Records;
use crate::{ContractError, page};

/// A provider's index counts in units of 2⁻⁶⁴ for each sat.
pub(super) const INDEX_BITS: u32 = 64;

/// As many as tables are kept.
const RING: u64 = 3;

/// By epoch modulo [`RING`].
const SETTLEMENTS: Records<u64, Settlement> = Records::new("settlement");

/// How far an epoch's rewards are credited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settlement {
    epoch: u64,
    /// The pot when it began, of which all its providers get their share.
    pot: Uint128,
    /// The last provider that was credited.
    after: Option<Bytes32>,
    done: bool,
}

/// What an epoch pays for.
struct Shares {
    epoch: u64,
    pot: Uint128,
    /// Weight of its table.
    total: u64,
    /// Its checkpoints.
    checkpoints: u32,
    /// Those of them that became final by votes.
    voted: u32,
}

/// Whether votes for an epoch still count for its rewards: until its settlement begins.
pub(crate) fn takes_votes(storage: &dyn Storage, epoch: u64) -> Result<bool, ContractError> {
    Ok(find(storage, epoch)?.is_none())
}

/// Credits up to `limit` providers of an ended epoch.
pub(crate) fn settle(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    balance: Uint128,
    epoch: u64,
    limit: u32,
) -> Result<Event, ContractError> {
    let limit = page::size(limit)?;
    let head = check_ended(storage, context, epoch)?;
    let mut settlement = match find(storage, epoch)? {
        Some(settlement) if settlement.done => return Err(RewardError::Settled(epoch).into()),
        Some(settlement) => settlement,
        None => {
            check_no_other(storage)?;
            Settlement {
                epoch,
                pot: ledger::pot(storage, balance)?,
                after: None,
                done: false,
            }
        }
    };
    let shares = Shares {
        epoch,
        pot: settlement.pot,
        total: head.total,
        checkpoints: head.term.checkpoints,
        voted: voted_checkpoints(storage, &head)?,
    };
    let after = settlement.after;
    let mut waiting = finality::entries(storage, epoch)?
        .into_iter()
        .skip_while(|(entry, _)| after.is_some_and(|after| entry.provider.as_bytes() <= &after.0));
    let mut credited = Uint128::zero();
    for (entry, votes) in waiting.by_ref().take(limit) {
        let amount = shares.credit(storage, &entry, votes)?;
        credited = credited.saturating_add(amount);
        settlement.after = Some(entry.provider.to_bytes().into());
    }
    settlement.done = waiting.next().is_none();
    ledger::credit(storage, credited)?;
    SETTLEMENTS.save(storage, epoch % RING, &settlement)?;
    Ok(Event::new("settle")
        .add_attribute("epoch", epoch.to_string())
        .add_attribute("credited", credited)
        .add_attribute("done", settlement.done.to_string()))
}

impl Shares {
    /// Credits one provider and its stakes; answers with what is owed more from now on.
    fn credit(
        &self,
        storage: &mut dyn Storage,
        entry: &Entry,
        votes: u32,
    ) -> Result<Uint128, ContractError> {
        let pk = &entry.provider;
        if finality::is_slashed(storage, pk) {
            return Ok(Uint128::zero());
        }
        let mut provider = provider::get(storage, pk)?;
        if provider
            .participation
            .is_none_or(|known| known.epoch < self.epoch)
        {
            provider.participation = Some(Participation {
                epoch: self.epoch,
                votes: votes.min(self.voted),
                count: self.voted,
            });
        }
        let share = self.share(entry.weight, votes);
        let commission = part(share, provider.commission.into(), WHOLE.into());
        let rest = share.saturating_sub(commission);
        let mut credited = commission;
        provider.earned = provider.earned.saturating_add(commission);
        // Where no stake is left that could earn it, the rest stays in the pot.
        let each = Uint256::from(rest)
            .checked_shl(INDEX_BITS)
            .ok()
            .and_then(|rest| rest.checked_div(provider.sats.into()).ok());
        if let Some(each) = each {
            provider.index = provider.index.saturating_add(each);
            credited = credited.saturating_add(rest);
        }
        provider::save(storage, pk, &mut provider)?;
        Ok(credited)
    }

    /// `pot × weight / total × votes / checkpoints`, rounded down.
    fn share(&self, weight: u64, votes: u32) -> Uint128 {
        let votes = votes.min(self.checkpoints);
        // 128, 64 and 32 bits fit into 256.
        let product = Uint256::from(self.pot)
            .saturating_mul(weight.into())
            .saturating_mul(votes.into());
        let whole = Uint256::from(self.total).saturating_mul(self.checkpoints.into());
        product
            .checked_div(whole)
            .ok()
            .and_then(|share| Uint128::try_from(share).ok())
            .unwrap_or_default()
    }
}

/// `amount × part / whole`, rounded down.
pub(super) fn part(amount: Uint128, part: Uint128, whole: Uint128) -> Uint128 {
    amount
        .checked_multiply_ratio(part, whole)
        .unwrap_or_default()
}

/// The head of an epoch's table, once the epoch is over and its late votes are in.
fn check_ended(
    storage: &dyn Storage,
    context: &Context<'_>,
    epoch: u64,
) -> Result<TableHead, ContractError> {
    let clock = clock::started(storage)?;
    let in_force = clock.epoch;
    if epoch >= in_force {
        return Err(RewardError::NotEnded { epoch, in_force }.into());
    }
    if epoch.saturating_add(1) == in_force {
        let from = clock
            .epoch_began
            .saturating_add(context.params().late.into());
        let now = context.height;
        if now < from {
            return Err(RewardError::TooEarly { epoch, from, now }.into());
        }
    }
    finality::head_of_epoch(storage, epoch)?.ok_or(ContractError::UnknownTable(epoch))
}

/// How many checkpoints of an ended epoch became final by votes: all, but where governance resumed in it.
fn voted_checkpoints(storage: &dyn Storage, head: &TableHead) -> Result<u32, ContractError> {
    let first = head.term.first_checkpoint;
    let next = finality::head_of_epoch(storage, head.term.epoch.saturating_add(1))?
        .ok_or(ContractError::CorruptTable(head.term.epoch))?;
    let end = next.term.first_checkpoint;
    let decreed = end
        .checked_sub(1)
        .map_or(Ok(None), |last| finality::final_at(storage, last))?
        .is_some_and(|last| last.decreed);
    let voted = end.saturating_sub(first).saturating_sub(decreed.into());
    Ok(u32::try_from(voted).unwrap_or(u32::MAX))
}

/// Refuses while an epoch is settled in part: the rest of its pot is not booked as owed, so nobody else may take of it.
pub(super) fn check_no_other(storage: &dyn Storage) -> Result<(), ContractError> {
    for slot in 0..RING {
        let Some(unfinished) = SETTLEMENTS
            .may_load(storage, slot)?
            .filter(|settlement| !settlement.done)
        else {
            continue;
        };
        // Nobody can finish it once its table is forgotten.
        if finality::head_of_epoch(storage, unfinished.epoch)?.is_some() {
            return Err(RewardError::Unfinished(unfinished.epoch).into());
        }
    }
    Ok(())
}

fn find(storage: &dyn Storage, epoch: u64) -> Result<Option<Settlement>, ContractError> {
    Ok(SETTLEMENTS
        .may_load(storage, epoch % RING)?
        .filter(|settlement| settlement.epoch == epoch))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_settlement_is_what_instances_have() {
        let settlement = Settlement {
            epoch: 1,
            pot: Uint128::new(2),
            after: Some(Bytes32([3; 32])),
            done: true,
        };
        assert_stored(
            |storage| SETTLEMENTS.save(storage, 1, &settlement).unwrap(),
            r"\x00\nsettlement\x00\x00\x00\x00\x00\x00\x00\x01",
            "01013201030303030303030303030303030303030303030303030303030303030303030301",
        );
    }
}
