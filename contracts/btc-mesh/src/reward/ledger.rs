//! What is owed, and what was paid.

use cosmwasm_std::{StdError, Storage, Uint128};

use super::RewardError;
use crate::ContractError;
use crate::msg::RewardsResponse;
use crate::store::Record;

/// Credited and not paid.
const OWED: Record<Uint128> = Record::new("owed");
const PAID: Record<Uint128> = Record::new("paid");

/// What is held and owed to nobody.
pub(super) fn pot(storage: &dyn Storage, balance: Uint128) -> Result<Uint128, ContractError> {
    let owed = owed(storage)?;
    balance
        .checked_sub(owed)
        .map_err(|_| RewardError::Insolvent { owed, balance }.into())
}

/// Credits an amount: from the pot to what is owed.
pub(super) fn credit(storage: &mut dyn Storage, amount: Uint128) -> Result<(), ContractError> {
    let owed = owed(storage)?
        .checked_add(amount)
        .map_err(StdError::overflow)?;
    Ok(OWED.save(storage, &owed)?)
}

/// Takes back what was credited: from what is owed to the pot.
pub(super) fn release(storage: &mut dyn Storage, amount: Uint128) -> Result<(), ContractError> {
    let owed = owed(storage)?
        .checked_sub(amount)
        .map_err(StdError::overflow)?;
    Ok(OWED.save(storage, &owed)?)
}

/// Books a payment of what is owed.
pub(super) fn pay(storage: &mut dyn Storage, amount: Uint128) -> Result<(), ContractError> {
    release(storage, amount)?;
    let paid = paid(storage)?
        .checked_add(amount)
        .map_err(StdError::overflow)?;
    Ok(PAID.save(storage, &paid)?)
}

/// Where the money is.
pub(crate) fn answer(
    storage: &dyn Storage,
    balance: Uint128,
) -> Result<RewardsResponse, ContractError> {
    Ok(RewardsResponse {
        owed: owed(storage)?,
        pot: pot(storage, balance)?,
        paid: paid(storage)?,
    })
}

fn owed(storage: &dyn Storage) -> Result<Uint128, ContractError> {
    Ok(OWED.may_load(storage)?.unwrap_or_default())
}

fn paid(storage: &dyn Storage) -> Result<Uint128, ContractError> {
    Ok(PAID.may_load(storage)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_the_sums_is_what_instances_have() {
        let sum = Uint128::new(300);
        for (record, key) in [(OWED, "owed"), (PAID, "paid")] {
            assert_stored(
                |storage| record.save(storage, &sum).unwrap(),
                key,
                "03333030",
            );
        }
    }
}
