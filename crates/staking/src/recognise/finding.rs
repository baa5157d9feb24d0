//! What recognising finds.

use bitcoin::{Amount, OutPoint, ScriptBuf};

use super::reason::Kind;
use crate::delegation::SlashedOutput;
use crate::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use crate::units::BlockInterval;

/// One thing that a transaction does in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Creates a stake.
    Staking(Stake),
    /// Creates a stake out of another one.
    Expansion(Expansion),
    /// Unbonds a stake early.
    Unbonding(Unbonding),
    /// Slashes a stake, bonded or unbonding.
    Slashing(Slashing),
    /// Takes coins back after a timelock.
    Withdrawal(Withdrawal),
}

impl Finding {
    /// Which of them it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Staking(_) => Kind::Staking,
            Self::Expansion(_) => Kind::Expansion,
            Self::Unbonding(_) => Kind::Unbonding,
            Self::Slashing(_) => Kind::Slashing,
            Self::Withdrawal(_) => Kind::Withdrawal,
        }
    }
}

/// A new stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stake {
    /// Where it is.
    pub outpoint: OutPoint,
    /// Value of the staking output.
    pub value: Amount,
    /// Key of the staker.
    pub staker: StakerKey,
    /// The chosen finality providers.
    pub finality_providers: Vec<FinalityProviderKey>,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Versions of the parameters with this committee.
    pub params_versions: Vec<u32>,
}

/// A stake that was spent on a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// The previous stake.
    pub previous: OutPoint,
    /// Key of the staker.
    pub staker: StakerKey,
    /// The new stake.
    pub stake: OutPoint,
    /// Its value.
    pub value: Amount,
    /// Its staking time, where that can be told.
    pub staking_time: Option<BlockInterval>,
    /// Versions of the parameters with this committee.
    pub params_versions: Vec<u32>,
}

/// A stake that was unbonded early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbonding {
    /// The staking output that is spent.
    pub staking_outpoint: OutPoint,
    /// Key of the staker.
    pub staker: StakerKey,
    /// Value of the unbonding output.
    pub value: Amount,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// Members of the committee that signed; empty where the witness is missing.
    pub signers: Vec<CovenantKey>,
    /// Versions of the parameters with this committee and unbonding time.
    pub params_versions: Vec<u32>,
}

/// A stake that was slashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slashing {
    /// The output that is spent.
    pub spent: OutPoint,
    /// Which output of the delegation it is.
    pub output: SlashedOutput,
    /// Key of the staker.
    pub staker: StakerKey,
    /// The finality provider whose key was used; `None` where the witness is missing.
    pub finality_provider: Option<FinalityProviderKey>,
    /// What was taken.
    pub slashed: Amount,
    /// What the staker gets back.
    pub change: Amount,
    /// Members of the committee whose signatures were decrypted; empty where the witness is missing.
    pub signers: Vec<CovenantKey>,
    /// Versions of the parameters with this committee, slashing script and unbonding time.
    pub params_versions: Vec<u32>,
}

/// Coins that the staker took back after a timelock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The output that is spent.
    pub spent: OutPoint,
    /// Its script.
    pub spent_script: ScriptBuf,
    /// Which output of a delegation it is.
    pub output: WithdrawnOutput,
    /// Key of the staker.
    pub staker: StakerKey,
    /// Its timelock.
    pub timelock: BlockInterval,
    /// Versions of the parameters that it may be under.
    pub params_versions: Vec<u32>,
}

/// What a withdrawal takes back, as far as its witness tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WithdrawnOutput {
    /// The bonded stake; the witness proves the committee.
    Staking,
    /// The stake after early unbonding; the witness proves no more than the unbonding time.
    Unbonding,
    /// What slashing left; the witness proves no more than the unbonding time.
    SlashingChange,
}
