//! Staking parameters: what the secured chain prescribes for delegations, and which version governs which block.

use bitcoin::{Amount, ScriptBuf, TxOut};

use crate::dust;
use crate::keys::CovenantKey;
use crate::slashing_rate::SlashingRate;
use crate::units::{BitcoinHeight, BlockInterval};

/// The covenant committee of one parameter version: distinct keys, ascending, and its quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CovenantCommittee {
    keys: Vec<CovenantKey>,
    quorum: usize,
}

/// Why a list of keys is no covenant committee.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitteeError {
    /// The list is empty.
    #[error("a covenant committee needs at least one key")]
    Empty,
    /// A key is listed twice.
    #[error("covenant key {0} is listed twice")]
    Duplicate(CovenantKey),
    /// The quorum is not more than half of the committee, or larger than it.
    #[error("a quorum of {quorum} is not a majority of {members} covenant members")]
    Quorum {
        /// The refused quorum.
        quorum: u32,
        /// Number of members.
        members: usize,
    },
}

impl CovenantCommittee {
    /// Creates a committee; `keys` may come in any order, `quorum` must be a majority (spec 2.4).
    pub fn new(
        mut keys: Vec<CovenantKey>,
        quorum: u32,
    ) -> Result<CovenantCommittee, CommitteeError> {
        keys.sort_unstable();
        let mut neighbours = keys.iter().zip(keys.iter().skip(1));
        if let Some((key, _)) = neighbours.find(|(one, next)| one == next) {
            return Err(CommitteeError::Duplicate(*key));
        }
        if keys.is_empty() {
            return Err(CommitteeError::Empty);
        }
        match usize::try_from(quorum) {
            Ok(quorum) if quorum > keys.len() / 2 && quorum <= keys.len() => {
                Ok(Self { keys, quorum })
            }
            _ => Err(CommitteeError::Quorum {
                quorum,
                members: keys.len(),
            }),
        }
    }

    /// The members' keys, ascending by their bytes: the order of the scripts (spec 1.2).
    pub fn keys(&self) -> &[CovenantKey] {
        &self.keys
    }

    /// Number of signatures that a spend needs; exactly this many (spec 1.2).
    pub fn quorum(&self) -> usize {
        self.quorum
    }

    /// Whether `key` is a member.
    pub fn contains(&self, key: &CovenantKey) -> bool {
        self.keys.binary_search(key).is_ok()
    }

    /// Number of members that sit in `other` too.
    pub fn overlap(&self, other: &CovenantCommittee) -> usize {
        self.keys.iter().filter(|key| other.contains(key)).count()
    }
}

/// One version of the staking parameters (spec 2.4). Amounts in satoshi, intervals in Bitcoin blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakingParams {
    /// Number of this version; the first is 0.
    pub version: u32,
    /// The committee and its quorum.
    pub covenant: CovenantCommittee,
    /// Least value of a staking output.
    pub min_staking_value: Amount,
    /// Largest value of a staking output.
    pub max_staking_value: Amount,
    /// Shortest staking time.
    pub min_staking_time: BlockInterval,
    /// Longest staking time.
    pub max_staking_time: BlockInterval,
    /// Script that receives slashed coins.
    pub slashing_script: ScriptBuf,
    /// Least fee of a slashing transaction.
    pub min_slashing_fee: Amount,
    /// Share of the stake that is slashed.
    pub slashing_rate: SlashingRate,
    /// Timelock of the unbonding output and of the slashing change.
    pub unbonding_time: BlockInterval,
    /// Exact fee of the unbonding transaction.
    pub unbonding_fee: Amount,
    /// First Bitcoin height that this version governs.
    pub activation_height: BitcoinHeight,
}

/// Why values make no staking parameters (spec 2.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// No value is in bounds, or a stake of nothing is.
    #[error("staking values from {} sat to {} sat are no range of amounts above 0", .min.to_sat(), .max.to_sat())]
    StakingValues {
        /// Least value.
        min: Amount,
        /// Largest value.
        max: Amount,
    },
    /// No staking time is in bounds.
    #[error("staking times from {min} to {max} blocks are no range")]
    StakingTimes {
        /// Shortest time.
        min: BlockInterval,
        /// Longest time.
        max: BlockInterval,
    },
    /// Slashing transactions would be free.
    #[error("the least slashing fee is 0; it must be above")]
    SlashingFee,
    /// Unbonding would be free, or would eat the least stake.
    #[error(
        "an unbonding fee of {} sat is not above 0 and below the least staking value of {} sat", .fee.to_sat(), .min_staking_value.to_sat()
    )]
    UnbondingFee {
        /// The fee.
        fee: Amount,
        /// Least value of a stake.
        min_staking_value: Amount,
    },
    /// Slashing the least stake after it was unbonded gives an output that Bitcoin nodes do not relay.
    #[error("slashing takes {} sat of the least stake, which is dust for the slashing script", .0.to_sat())]
    DustSlashing(Amount),
}

/// A staking value out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stake of {} sat is outside {} sat to {} sat", .actual.to_sat(), .min.to_sat(), .max.to_sat())]
pub struct StakingValueError {
    /// The refused value.
    pub actual: Amount,
    /// Least value.
    pub min: Amount,
    /// Largest value.
    pub max: Amount,
}

/// A staking time out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a staking time of {actual} blocks is outside {min} to {max}")]
pub struct StakingTimeError {
    /// The refused time.
    pub actual: BlockInterval,
    /// Shortest time.
    pub min: BlockInterval,
    /// Longest time.
    pub max: BlockInterval,
}

impl StakingParams {
    /// Checks what the chain requires of every version it stores, so that no stake is built on nonsense.
    pub fn validate(&self) -> Result<(), ParamsError> {
        let (min, max) = (self.min_staking_value, self.max_staking_value);
        if min == Amount::ZERO || min > max {
            return Err(ParamsError::StakingValues { min, max });
        }
        let (min, max) = (self.min_staking_time, self.max_staking_time);
        if min > max {
            return Err(ParamsError::StakingTimes { min, max });
        }
        if self.min_slashing_fee == Amount::ZERO {
            return Err(ParamsError::SlashingFee);
        }
        let least_unbonding = self
            .min_staking_value
            .checked_sub(self.unbonding_fee)
            .filter(|rest| *rest > Amount::ZERO && self.unbonding_fee > Amount::ZERO)
            .ok_or(ParamsError::UnbondingFee {
                fee: self.unbonding_fee,
                min_staking_value: self.min_staking_value,
            })?;
        let least_slashing = TxOut {
            value: self.slashing_rate.amount(least_unbonding),
            script_pubkey: self.slashing_script.clone(),
        };
        if dust::is_acceptable_slashing_output(&least_slashing) {
            Ok(())
        } else {
            Err(ParamsError::DustSlashing(least_slashing.value))
        }
    }

    /// Checks that a stake may have this value.
    pub fn check_staking_value(&self, actual: Amount) -> Result<(), StakingValueError> {
        let (min, max) = (self.min_staking_value, self.max_staking_value);
        if (min..=max).contains(&actual) {
            Ok(())
        } else {
            Err(StakingValueError { actual, min, max })
        }
    }

    /// Checks that a stake may be locked for this time.
    pub fn check_staking_time(&self, actual: BlockInterval) -> Result<(), StakingTimeError> {
        let (min, max) = (self.min_staking_time, self.max_staking_time);
        if (min..=max).contains(&actual) {
            Ok(())
        } else {
            Err(StakingTimeError { actual, min, max })
        }
    }
}

/// All versions of a chain's staking parameters, by the Bitcoin height at which they start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsVersions(Vec<StakingParams>);

/// Why a list of parameters is no history of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsVersionsError {
    /// A version is out of order.
    #[error(
        "params version {version} does not follow its predecessor in number and in activation height"
    )]
    Order {
        /// Its number.
        version: u32,
    },
    /// A version's values are impossible.
    #[error("params version {version}: {source}")]
    Values {
        /// Its number.
        version: u32,
        /// What is wrong with them.
        source: ParamsError,
    },
}

impl ParamsVersions {
    /// Takes the versions in their order; numbers rise by one from 0, activation heights strictly.
    pub fn new(versions: Vec<StakingParams>) -> Result<Self, ParamsVersionsError> {
        let mut previous = None;
        for (number, params) in (0..).zip(&versions) {
            let version = params.version;
            if version != number || previous >= Some(params.activation_height) {
                return Err(ParamsVersionsError::Order { version });
            }
            params
                .validate()
                .map_err(|source| ParamsVersionsError::Values { version, source })?;
            previous = Some(params.activation_height);
        }
        Ok(Self(versions))
    }

    /// The version that governs a Bitcoin block at `height`; `None` below the first activation.
    pub fn at_height(&self, height: BitcoinHeight) -> Option<&StakingParams> {
        self.0
            .iter()
            .rev()
            .find(|params| params.activation_height <= height)
    }

    /// The version numbered `version`.
    pub fn version(&self, version: u32) -> Option<&StakingParams> {
        self.0.get(usize::try_from(version).ok()?)
    }

    /// All versions, oldest first.
    pub fn all(&self) -> &[StakingParams] {
        &self.0
    }
}
