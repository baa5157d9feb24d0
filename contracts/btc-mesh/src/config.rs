//! What an instance is: its domain, whom it believes, its numbers.
//!
//! All is judged at the beginning; parameters once more when governance changes them, which takes effect at the table of
//! the epoch after next.

use bitcoin::{Amount, ScriptBuf};
use cosmwasm_std::{Addr, Env, Storage};
use mesh_core::registration::WHOLE;
use serde::{Deserialize, Serialize};
use staking::keys::CovenantKey;
use staking::params::{CovenantCommittee, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

use crate::ContractError;
use crate::msg::{Bytes32, CovenantSet, Params, PendingParams};
use crate::store::{Record, Records};

/// Most covenant sets of an instance.
const MAX_SETS: usize = 16;

/// Most members of a covenant committee.
const MAX_MEMBERS: usize = 32;

const CONFIG: Record<Config> = Record::new("config");
const SETS: Records<u32, CovenantSet> = Records::new("covenant");
const PENDING: Record<PendingParams> = Record::new("pending");

/// What an instance is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) domain: Bytes32,
    pub(crate) chain_id: String,
    pub(crate) contract: Addr,
    /// Height of this chain at which it began.
    pub(crate) height: u64,
    /// Time at which it began, nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) test_only: bool,
    pub(crate) light: Addr,
    pub(crate) gov: Addr,
    pub(crate) denom: String,
    pub(crate) params: Params,
    /// Number of covenant sets.
    pub(crate) sets: u32,
    pub(crate) closed: bool,
}

/// Parameters or covenant sets that would not be safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// A number outside its range.
    #[error("{name} is {value}, it must be {rule}")]
    Range {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        rule: &'static str,
    },
    /// Slashing could come too late.
    #[error(
        "report_margin, max_age and slash_margin add up to {sum} blocks, which is more than the shortest unbonding time of \
         {unbonding_min}: a stake could be gone before its provider is slashed"
    )]
    Ages {
        /// The sum.
        sum: u64,
        /// Shortest unbonding time of the covenant sets.
        unbonding_min: u16,
    },
    /// None or too many covenant sets.
    #[error("there are {0} covenant sets, there must be 1 to {MAX_SETS}")]
    SetCount(usize),
    /// A covenant set that no stake could keep.
    #[error("covenant set {number}: {reason}")]
    Set {
        /// Its number.
        number: usize,
        /// What is wrong.
        reason: String,
    },
    /// A covenant set that is there was changed.
    #[error("covenant set {0} is in use and cannot be changed or left out; add another")]
    SetChanged(u32),
    /// The window was changed, under which votes are stored.
    #[error("window is {found}, it was {fixed} at the beginning and cannot be changed")]
    Window {
        /// What was asked for.
        found: u32,
        /// What it is.
        fixed: u32,
    },
}

pub(crate) fn load(storage: &dyn Storage) -> Result<Config, ContractError> {
    Ok(CONFIG.load(storage)?)
}

pub(crate) fn save(storage: &mut dyn Storage, config: &Config) -> Result<(), ContractError> {
    Ok(CONFIG.save(storage, config)?)
}

/// Loads the config and refuses to run as another contract or on another chain than it began: its signatures are bound to
/// both.
pub(crate) fn load_here(storage: &dyn Storage, env: &Env) -> Result<Config, ContractError> {
    let config = load(storage)?;
    if config.chain_id == env.block.chain_id && config.contract == env.contract.address {
        Ok(config)
    } else {
        Err(ContractError::Elsewhere {
            chain_id: config.chain_id,
            contract: config.contract,
        })
    }
}

/// The covenant set of a number.
pub(crate) fn set(storage: &dyn Storage, number: u32) -> Result<CovenantSet, ContractError> {
    SETS.may_load(storage, number)?
        .ok_or(ContractError::UnknownCovenant(number))
}

/// All covenant sets.
pub(crate) fn sets(
    storage: &dyn Storage,
    config: &Config,
) -> Result<Vec<CovenantSet>, ContractError> {
    (0..config.sets)
        .map(|number| set(storage, number))
        .collect()
}

/// Judges parameters together with covenant sets.
pub(crate) fn check(params: &Params, sets: &[CovenantSet]) -> Result<(), ParamsError> {
    if sets.is_empty() || sets.len() > MAX_SETS {
        return Err(ParamsError::SetCount(sets.len()));
    }
    let mut unbonding_min = u16::MAX;
    for (number, set) in sets.iter().enumerate() {
        let wrong = |reason| ParamsError::Set { number, reason };
        staking_params(0, set).map_err(wrong)?;
        in_range("max_share", set.max_share, 1, WHOLE, "1 to 10000")?;
        if set.slashing_rate < params.min_slashing_rate {
            return Err(wrong(format!(
                "it burns {} ten thousandths, less than min_slashing_rate ({})",
                set.slashing_rate, params.min_slashing_rate
            )));
        }
        unbonding_min = unbonding_min.min(set.unbonding_time);
    }
    check_numbers(params, unbonding_min)
}

fn check_numbers(params: &Params, unbonding_min: u16) -> Result<(), ParamsError> {
    let sum = u64::from(params.report_margin)
        .saturating_add(params.max_age.into())
        .saturating_add(params.slash_margin.into());
    if sum > unbonding_min.into() {
        return Err(ParamsError::Ages { sum, unbonding_min });
    }
    in_range("depth_min", params.depth_min, 1, 100, "1 to 100")?;
    in_range("max_age", params.max_age, 1, u32::MAX, "at least 1")?;
    let rule = "at least depth_min: no spend is believed before";
    in_range("grace", params.grace, params.depth_min, u32::MAX, rule)?;
    let rule = "more than depth_min: a stake is at least that deep";
    let least = params.depth_min.saturating_add(1);
    in_range("settled_depth", params.settled_depth, least, u32::MAX, rule)?;
    in_range("interval", params.interval, 1, 1 << 20, "1 to 2^20")?;
    in_range("window", params.window, 1, 64, "1 to 64")?;
    let rule = "at least window, and at most 2^20";
    in_range("epoch_len", params.epoch_len, params.window, 1 << 20, rule)?;
    let rule = "at least 1, and less than epoch_len";
    let most = params.epoch_len.saturating_sub(1);
    in_range("margin", params.margin, 1, most, rule)?;
    let share = "1 to 10000";
    in_range("growth", params.growth, 1, WHOLE, share)?;
    in_range("max_share", params.max_share, 1, WHOLE, share)?;
    let share = "at most 10000";
    in_range(
        "participation_floor",
        params.participation_floor,
        0,
        WHOLE,
        share,
    )?;
    in_range("max_commission", params.max_commission, 0, WHOLE, share)?;
    in_range("bounty", params.bounty, 0, WHOLE, share)?;
    in_range("min_providers", params.min_providers, 1, 100, "1 to 100")?;
    let rule = "at least 1";
    in_range("min_total", params.min_total, 1, u64::MAX, rule)?;
    in_range("stall_min", params.stall_min, 1, u32::MAX, rule)?;
    let rule = "at least the shortest unbonding time";
    in_range(
        "vesting",
        params.vesting,
        unbonding_min.into(),
        u32::MAX,
        rule,
    )?;
    let rule = "at most max_stale";
    in_range("max_lag", params.max_lag, 0, params.max_stale, rule)
}

fn in_range<T: Into<u64> + PartialOrd + Copy>(
    name: &'static str,
    value: T,
    least: T,
    most: T,
    rule: &'static str,
) -> Result<(), ParamsError> {
    if value >= least && value <= most {
        Ok(())
    } else {
        let value = value.into();
        Err(ParamsError::Range { name, value, rule })
    }
}

/// The set as the staking rules take it; `Err` says why no stake could keep it.
pub(crate) fn staking_params(number: u32, set: &CovenantSet) -> Result<StakingParams, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    if set.keys.len() > MAX_MEMBERS {
        return Err(format!(
            "{} members are more than {MAX_MEMBERS}",
            set.keys.len()
        ));
    }
    let keys = set
        .keys
        .iter()
        .map(|key| CovenantKey::from_slice(&key.0).map_err(|error| text(&error)))
        .collect::<Result<Vec<_>, _>>()?;
    let interval = |blocks| BlockInterval::new(blocks).map_err(|error| text(&error));
    let params = StakingParams {
        version: number,
        covenant: CovenantCommittee::new(keys, set.quorum).map_err(|error| text(&error))?,
        min_staking_value: Amount::from_sat(set.min_staking_value),
        max_staking_value: Amount::from_sat(set.max_staking_value),
        min_staking_time: interval(set.min_staking_time)?,
        max_staking_time: interval(set.max_staking_time)?,
        slashing_script: ScriptBuf::from_bytes(set.slashing_script.to_vec()),
        min_slashing_fee: Amount::from_sat(set.min_slashing_fee),
        slashing_rate: SlashingRate::from_ten_thousandths(set.slashing_rate)
            .ok_or("slashing_rate must be 1 to 9999 ten thousandths")?,
        unbonding_time: interval(set.unbonding_time)?,
        unbonding_fee: Amount::from_sat(set.unbonding_fee),
        activation_height: BitcoinHeight(0),
    };
    params.validate().map_err(|error| text(&error))?;
    Ok(params)
}

/// Stores covenant sets that were judged.
pub(crate) fn save_sets(
    storage: &mut dyn Storage,
    sets: &[CovenantSet],
) -> Result<u32, ContractError> {
    let mut count = 0;
    for (number, set) in (0..).zip(sets) {
        SETS.save(storage, number, set)?;
        count = number.saturating_add(1);
    }
    Ok(count)
}

/// Takes new parameters, which will hold from `epoch` on; replaces others that wait.
pub(crate) fn plan(
    storage: &mut dyn Storage,
    config: &Config,
    pending: &PendingParams,
) -> Result<(), ContractError> {
    check(&pending.params, &pending.covenants)?;
    let fixed = config.params.window;
    let found = pending.params.window;
    if found != fixed {
        return Err(ParamsError::Window { found, fixed }.into());
    }
    for (number, known) in (0..).zip(sets(storage, config)?) {
        let position = usize::try_from(number).unwrap_or(usize::MAX);
        if pending.covenants.get(position) != Some(&known) {
            return Err(ParamsError::SetChanged(number).into());
        }
    }
    Ok(PENDING.save(storage, pending)?)
}

/// Stores parameters that wait, unjudged.
#[cfg(test)]
pub(crate) fn store_pending(storage: &mut dyn Storage, pending: &PendingParams) {
    PENDING.save(storage, pending).unwrap_or_default();
}

/// The parameters that wait.
pub(crate) fn pending(storage: &dyn Storage) -> Result<Option<PendingParams>, ContractError> {
    Ok(PENDING.may_load(storage)?)
}

/// The config as it will be in `epoch`, with the parameters that wait for it.
pub(crate) fn planned(
    storage: &dyn Storage,
    config: &Config,
    epoch: u64,
) -> Result<Config, ContractError> {
    let mut config = config.clone();
    if let Some(pending) = pending(storage)?.filter(|pending| pending.epoch <= epoch) {
        config.params = pending.params;
    }
    Ok(config)
}

/// Lets the parameters hold that waited for `epoch`.
pub(crate) fn advance(
    storage: &mut dyn Storage,
    config: &Config,
    epoch: u64,
) -> Result<Config, ContractError> {
    let mut planned = planned(storage, config, epoch)?;
    if let Some(pending) = pending(storage)?.filter(|pending| pending.epoch <= epoch) {
        planned.sets = save_sets(storage, &pending.covenants)?;
        save(storage, &planned)?;
        PENDING.remove(storage);
    }
    Ok(planned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_the_config_is_what_instances_have() {
        let config = Config {
            domain: Bytes32([1; 32]),
            chain_id: "chain".to_owned(),
            contract: Addr::unchecked("contract"),
            height: 2,
            time: 3,
            test_only: true,
            light: Addr::unchecked("light"),
            gov: Addr::unchecked("gov"),
            denom: "denom".to_owned(),
            params: numbers(),
            sets: 4,
            closed: false,
        };
        assert_stored(
            |storage| save(storage, &config).unwrap(),
            "config",
            concat!(
                "010101010101010101010101010101010101010101010101010101010101010105636861696e0863",
                "6f6e7472616374020301056c6967687403676f760564656e6f6d0102030405060708090a0b0c0d0e",
                "0f101112131415161718191a1b1c0400"
            ),
        );
    }

    #[test]
    fn the_layout_of_a_covenant_set_is_what_instances_have() {
        assert_stored(
            |storage| assert_eq!(save_sets(storage, &[covenant()]).unwrap(), 1),
            r"\x00\x08covenant\x00\x00\x00\x00",
            concat!(
                "02010101010101010101010101010101010101010101010101010101010101010102020202020202",
                "02020202020202020202020202020202020202020202020202010203040507060606060606060809",
                "0a0b0c"
            ),
        );
    }

    #[test]
    fn the_layout_of_parameters_that_wait_is_what_instances_have() {
        let pending = PendingParams {
            epoch: 300,
            params: numbers(),
            covenants: vec![covenant()],
        };
        assert_stored(
            |storage| store_pending(storage, &pending),
            "pending",
            concat!(
                "ac020102030405060708090a0b0c0d0e0f101112131415161718191a1b1c01020101010101010101",
                "01010101010101010101010101010101010101010101010102020202020202020202020202020202",
                "020202020202020202020202020202020102030405070606060606060608090a0b0c"
            ),
        );
    }

    /// Each another number.
    const fn numbers() -> Params {
        Params {
            depth_min: 1,
            challenge: 2,
            settled_depth: 3,
            thaw: 4,
            consent_delay: 5,
            pace_min: 6,
            max_lag: 7,
            max_stale: 8,
            max_age: 9,
            report_margin: 10,
            slash_margin: 11,
            stall_min: 12,
            epoch_len: 13,
            interval: 14,
            margin: 15,
            window: 16,
            growth: 17,
            max_share: 18,
            min_total: 19,
            min_providers: 20,
            participation_floor: 21,
            jail_epochs: 22,
            late: 23,
            max_commission: 24,
            min_slashing_rate: 25,
            grace: 26,
            vesting: 27,
            bounty: 28,
        }
    }

    fn covenant() -> CovenantSet {
        CovenantSet {
            keys: vec![Bytes32([1; 32]), Bytes32([2; 32])],
            quorum: 1,
            min_staking_value: 2,
            max_staking_value: 3,
            min_staking_time: 4,
            max_staking_time: 5,
            slashing_script: vec![6; 7].into(),
            min_slashing_fee: 8,
            slashing_rate: 9,
            unbonding_time: 10,
            unbonding_fee: 11,
            max_share: 12,
        }
    }
}
