//! What of a stake counts.

use bitcoin::Amount;
use cosmwasm_std::Storage;
use mesh_core::registration::WHOLE;
use staking::slashing_rate::SlashingRate;

use super::error::StakeError;
use super::record::{Stake, set_weight};
use crate::msg::StakeStatus;
use crate::provider::Changes;
use crate::{ContractError, config};

/// What counts of a stake, or would if it were active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worth {
    /// In its provider's weight, sat.
    pub(super) weight: u64,
    /// In what its provider stands to lose, sat.
    pub(super) at_risk: u64,
}

/// What slashing burns of a stake, sat: once for all chains together.
pub(super) fn penalty(storage: &dyn Storage, stake: &Stake) -> Result<u64, ContractError> {
    let number = stake.covenant;
    let set = config::set(storage, number)?;
    let rate = SlashingRate::from_ten_thousandths(set.slashing_rate).ok_or_else(|| {
        let reason = "its slashing rate is none".to_owned();
        StakeError::CovenantSet { number, reason }
    })?;
    Ok(rate.amount(Amount::from_sat(stake.value)).to_sat())
}

/// What a share of so many basis points of a stake counts.
pub(super) fn worth(
    storage: &dyn Storage,
    stake: &Stake,
    basis_points: u16,
) -> Result<Worth, ContractError> {
    Ok(Worth {
        weight: share(stake.value, basis_points),
        at_risk: share(penalty(storage, stake)?, basis_points),
    })
}

/// Brings what counts of a stake in line with its status and share, after either changed.
///
/// The caller saves the stake.
pub(super) fn recount(storage: &mut dyn Storage, stake: &mut Stake) -> Result<(), ContractError> {
    let mut providers = Changes::default();
    recount_with(storage, &mut providers, stake)?;
    providers.save(storage)
}

/// The same of one of several stakes. The caller saves the providers, too.
pub(super) fn recount_with(
    storage: &dyn Storage,
    providers: &mut Changes,
    stake: &mut Stake,
) -> Result<(), ContractError> {
    let worth = if matches!(stake.status, StakeStatus::Active {}) {
        worth(storage, stake, stake.basis_points)?
    } else {
        Worth {
            weight: 0,
            at_risk: 0,
        }
    };
    if (worth.weight, worth.at_risk) == (stake.weight, stake.at_risk) {
        return Ok(());
    }
    set_weight(storage, providers, stake, worth.weight, worth.at_risk)
}

/// So many basis points of an amount, rounded down.
pub(super) fn share(amount: u64, basis_points: u16) -> u64 {
    let product = u128::from(amount).saturating_mul(basis_points.into());
    product
        .checked_div(WHOLE.into())
        .and_then(|share| u64::try_from(share).ok())
        .unwrap_or(u64::MAX)
}
