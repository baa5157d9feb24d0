//! The sets of staking parameters that this member signs under for stakers, as its operator writes them down.

use std::collections::BTreeMap;

use bitcoin::{Amount, ScriptBuf};
use serde::Deserialize;
use staking::keys::CovenantKey;
use staking::params::{CommitteeError, CovenantCommittee, ParamsError, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

/// One `[[stakers.params]]`: the same names and numbers as a covenant set of the contract `btc-mesh`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamsConfig {
    /// Number of the set; it is this member's own and never given to another set.
    pub version: u32,
    /// The members' keys.
    pub keys: Vec<CovenantKey>,
    /// How many of them must sign.
    pub quorum: u32,
    /// Least value of a stake, sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_staking_value: Amount,
    /// Largest value of a stake, sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub max_staking_value: Amount,
    /// Shortest staking time, blocks.
    pub min_staking_time: BlockInterval,
    /// Longest staking time, blocks.
    pub max_staking_time: BlockInterval,
    /// Script that receives slashed coins, hex.
    pub slashing_script: ScriptBuf,
    /// Least fee of a slashing transaction, sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_slashing_fee: Amount,
    /// Share that slashing burns, ten thousandths.
    pub slashing_rate: u16,
    /// Timelock of the unbonding output and of the slashing change, blocks.
    pub unbonding_time: BlockInterval,
    /// Exact fee of the unbonding transaction, sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub unbonding_fee: Amount,
}

/// Sets that stakes can be made under, each with a number of its own; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsSets(BTreeMap<u32, StakingParams>);

/// Why sections are no sets of parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsSetsError {
    /// There is no set.
    #[error("there is none: nothing could be signed")]
    None,
    /// Two sets have one number.
    #[error("two sets have version {0}")]
    Duplicate(u32),
    /// The keys make no committee.
    #[error("version {version}: {source}")]
    Committee {
        /// Number of the set.
        version: u32,
        /// What is wrong.
        source: CommitteeError,
    },
    /// The slashing rate is none.
    #[error("version {version}: a slashing rate of {rate} ten thousandths is outside 1 to 9999")]
    SlashingRate {
        /// Number of the set.
        version: u32,
        /// The rate.
        rate: u16,
    },
    /// One stake could be slashed by either of two sets, whichever is less.
    #[error(
        "versions {first} and {second} have the same committee, unbonding time and unbonding fee, so one stake is valid under \
         both, and its staker would choose how it is slashed; give the newer one another unbonding fee"
    )]
    SameStake {
        /// Number of one set.
        first: u32,
        /// Number of the other.
        second: u32,
    },
    /// No stake could be made under it.
    #[error("version {version}: {source}")]
    Values {
        /// Number of the set.
        version: u32,
        /// What is wrong.
        source: ParamsError,
    },
}

impl ParamsSets {
    /// Reads the sections.
    pub fn new(sections: &[ParamsConfig]) -> Result<Self, ParamsSetsError> {
        let mut sets = BTreeMap::new();
        for section in sections {
            let params = params(section)?;
            let same = sets
                .iter()
                .find(|(_, known)| is_for_same_stakes(known, &params));
            if let Some((first, _)) = same.filter(|(first, _)| **first != section.version) {
                return Err(ParamsSetsError::SameStake {
                    first: *first,
                    second: section.version,
                });
            }
            if sets.insert(section.version, params).is_some() {
                return Err(ParamsSetsError::Duplicate(section.version));
            }
        }
        if sets.is_empty() {
            return Err(ParamsSetsError::None);
        }
        Ok(Self(sets))
    }

    /// All sets, ascending by number.
    pub fn iter(&self) -> impl Iterator<Item = &StakingParams> {
        self.0.values()
    }

    pub(super) fn into_versions(self) -> BTreeMap<u32, StakingParams> {
        self.0
    }
}

/// Whether one unbonding transaction is right under both: the record of unbonding transactions tells them not apart.
fn is_for_same_stakes(one: &StakingParams, other: &StakingParams) -> bool {
    one.covenant == other.covenant
        && one.unbonding_time == other.unbonding_time
        && one.unbonding_fee == other.unbonding_fee
}

fn params(section: &ParamsConfig) -> Result<StakingParams, ParamsSetsError> {
    let version = section.version;
    let rate = section.slashing_rate;
    let params = StakingParams {
        version,
        covenant: CovenantCommittee::new(section.keys.clone(), section.quorum)
            .map_err(|source| ParamsSetsError::Committee { version, source })?,
        min_staking_value: section.min_staking_value,
        max_staking_value: section.max_staking_value,
        min_staking_time: section.min_staking_time,
        max_staking_time: section.max_staking_time,
        slashing_script: section.slashing_script.clone(),
        min_slashing_fee: section.min_slashing_fee,
        slashing_rate: SlashingRate::from_ten_thousandths(rate)
            .ok_or(ParamsSetsError::SlashingRate { version, rate })?,
        unbonding_time: section.unbonding_time,
        unbonding_fee: section.unbonding_fee,
        // No chain's height begins it.
        activation_height: BitcoinHeight(0),
    };
    params
        .validate()
        .map_err(|source| ParamsSetsError::Values { version, source })?;
    Ok(params)
}
