//! Staking parameters: what the secured chain prescribes for delegations, and which version governs which block.

use bitcoin::{Amount, ScriptBuf};

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
    /// The quorum is zero or larger than the committee.
    #[error("a quorum of {quorum} is impossible with {members} covenant members")]
    Quorum {
        /// The refused quorum.
        quorum: u32,
        /// Number of members.
        members: usize,
    },
}

impl CovenantCommittee {
    /// Creates a committee; `keys` may come in any order.
    pub fn new(
        mut keys: Vec<CovenantKey>,
        quorum: u32,
    ) -> Result<CovenantCommittee, CommitteeError> {
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(CommitteeError::Duplicate(pair[0]));
        }
        if keys.is_empty() {
            return Err(CommitteeError::Empty);
        }
        match usize::try_from(quorum) {
            Ok(quorum) if (1..=keys.len()).contains(&quorum) => Ok(Self { keys, quorum }),
            _ => Err(CommitteeError::Quorum { quorum, members: keys.len() }),
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

/// All versions of a chain's staking parameters, by the Bitcoin height at which they start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsVersions(Vec<StakingParams>);

/// Why a list of parameters is no history of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("params version {version} must follow its predecessor in number and in activation height")]
pub struct ParamsOrderError {
    /// The version out of order.
    pub version: u32,
}

impl ParamsVersions {
    /// Takes the versions in their order; numbers rise by one from 0, activation heights strictly.
    pub fn new(versions: Vec<StakingParams>) -> Result<Self, ParamsOrderError> {
        let mut next = 0;
        let mut previous = None;
        for params in &versions {
            if params.version != next || previous >= Some(params.activation_height) {
                return Err(ParamsOrderError { version: params.version });
            }
            next += 1;
            previous = Some(params.activation_height);
        }
        Ok(Self(versions))
    }

    /// The version that governs a Bitcoin block at `height`; `None` below the first activation.
    pub fn at_height(&self, height: BitcoinHeight) -> Option<&StakingParams> {
        self.0.iter().rev().find(|params| params.activation_height <= height)
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
