//! Why a delegation is refused: one variant for each rule, with a name for machines and a message for people.

use bitcoin::{Amount, OutPoint, ScriptBuf, Weight};

use crate::params::{StakingTimeError, StakingValueError};
use crate::sanity::SanityError;
use crate::scripts::DelegationKeysError;
use crate::sighash::SighashError;
use crate::slashing_rate::SlashingRate;
use crate::units::BlockInterval;

/// The rule that a delegation breaks; the first one in the order of the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DelegationError {
    /// The keys make no scripts.
    #[error(transparent)]
    Keys(#[from] DelegationKeysError),
    /// The unbonding time is not the prescribed one.
    #[error("the unbonding time is {actual} blocks; the params prescribe {required}")]
    UnbondingTime {
        /// Registered time.
        actual: BlockInterval,
        /// Prescribed time.
        required: BlockInterval,
    },
    /// The staking transaction could be in no block.
    #[error("the staking transaction is invalid: {0}")]
    StakingTransaction(#[from] SanityError),
    /// No output is the stake.
    #[error(
        "the staking transaction has no output of {} sat with the staking script {script:x}; check keys, staking time, value and params version", .value.to_sat()
    )]
    StakingOutputMissing {
        /// Value of the stake.
        value: Amount,
        /// Its rebuilt script.
        script: ScriptBuf,
    },
    /// Two outputs are the stake.
    #[error(
        "outputs {first} and {second} of the staking transaction are both the stake; it must be unique"
    )]
    StakingOutputDuplicate {
        /// First match.
        first: usize,
        /// Second match.
        second: usize,
    },
    /// Another output is the stake.
    #[error("output {found} of the staking transaction is the stake, not output {registered}")]
    StakingOutputIndex {
        /// Where it was said to be.
        registered: u32,
        /// Where it is.
        found: u32,
    },
    /// The stake is locked too shortly or too long.
    #[error(transparent)]
    StakingTime(#[from] StakingTimeError),
    /// The stake is too small or too large.
    #[error(transparent)]
    StakingValue(#[from] StakingValueError),
    /// The slashing of the staking output is wrong.
    #[error("the slashing transaction {0}")]
    Slashing(SlashingError),
    /// The unbonding is wrong.
    #[error("the unbonding transaction {0}")]
    Unbonding(#[from] UnbondingError),
    /// The slashing of the unbonding output is wrong.
    #[error("the unbonding slashing transaction {0}")]
    UnbondingSlashing(SlashingError),
}

/// Why a transaction is not final, standard and the only spend of its output (spec 1.7, 1.8).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresignedError {
    /// It could be in no block.
    #[error("is invalid: {0}")]
    Transaction(#[from] SanityError),
    /// It spends several outputs.
    #[error("has {0} inputs; it must have exactly 1")]
    Inputs(usize),
    /// It has too few or too many outputs.
    #[error("has {actual} outputs; it must have exactly {required}")]
    Outputs {
        /// Its outputs.
        actual: usize,
        /// Prescribed number.
        required: usize,
    },
    /// It is not final.
    #[error("has lock time {0}; it must be 0")]
    LockTime(u32),
    /// Its version is not allowed.
    #[error("has version {actual}; it must be {required}")]
    Version {
        /// Its version.
        actual: i32,
        /// What is allowed, in words.
        required: &'static str,
    },
    /// Bitcoin nodes would not relay it.
    #[error("weighs {actual} units; at most {max} are relayed")]
    Weight {
        /// Its weight, with its witness.
        actual: Weight,
        /// Largest weight.
        max: Weight,
    },
    /// It is replaceable or timelocked.
    #[error("has sequence {0:#010x}; it must be 0xffffffff")]
    Sequence(u32),
    /// Its input has a scriptSig, which a Taproot spend cannot have.
    #[error("has a scriptSig of {0} bytes; it must be empty")]
    ScriptSig(usize),
    /// It spends another output.
    #[error("spends {actual}; it must spend {required}")]
    Outpoint {
        /// What it spends.
        actual: OutPoint,
        /// What it must spend.
        required: OutPoint,
    },
}

/// A number of previous outputs that does not fit says that there is not exactly one input.
impl From<SighashError> for PresignedError {
    fn from(error: SighashError) -> Self {
        Self::Inputs(error.inputs)
    }
}

impl From<SighashError> for SlashingError {
    fn from(error: SighashError) -> Self {
        Self::Presigned(error.into())
    }
}

impl From<SighashError> for UnbondingError {
    fn from(error: SighashError) -> Self {
        Self::Presigned(error.into())
    }
}

/// Why a slashing transaction is refused (spec 1.8).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlashingError {
    /// It is no pre-signed transaction.
    #[error(transparent)]
    Presigned(#[from] PresignedError),
    /// The slashed coins go elsewhere.
    #[error("pays the slashed coins to script {actual:x}; the params prescribe {required:x}")]
    Script {
        /// Script of output 0.
        actual: ScriptBuf,
        /// Prescribed script.
        required: ScriptBuf,
    },
    /// Too little is slashed.
    #[error("slashes {} sat; a rate of {rate} of {} sat takes at least {} sat", .actual.to_sat(), .value.to_sat(), .required.to_sat())]
    Amount {
        /// Value of output 0.
        actual: Amount,
        /// Prescribed share.
        rate: SlashingRate,
        /// Value of the slashed output.
        value: Amount,
        /// Least amount, above 0.
        required: Amount,
    },
    /// The rest goes elsewhere.
    #[error(
        "pays its change to script {actual:x}; it must be {required:x}, the staker's with the unbonding time"
    )]
    ChangeScript {
        /// Script of output 1.
        actual: ScriptBuf,
        /// The rebuilt script.
        required: ScriptBuf,
    },
    /// An output is too small to be relayed.
    #[error("has output {index} of {} sat, which is dust for its script", .value.to_sat())]
    Dust {
        /// Which output.
        index: usize,
        /// Its value.
        value: Amount,
    },
    /// It pays too little to the miners.
    #[error("spends {} sat on outputs of {} sat; a fee of at least {} sat must remain", .value.to_sat(), .outputs.to_sat(), .required.to_sat())]
    Fee {
        /// Value of the slashed output.
        value: Amount,
        /// Value of all its outputs.
        outputs: Amount,
        /// Least fee, above 0.
        required: Amount,
    },
}

/// Why an unbonding transaction is refused (spec 1.7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnbondingError {
    /// It is no pre-signed transaction.
    #[error(transparent)]
    Presigned(#[from] PresignedError),
    /// It does not create the unbonding output.
    #[error("pays to script {actual:x}; the unbonding output's is {required:x}")]
    Script {
        /// Script of output 0.
        actual: ScriptBuf,
        /// The rebuilt script.
        required: ScriptBuf,
    },
    /// Its fee is not the prescribed one.
    #[error("turns {} sat into {} sat; the fee must be exactly {} sat", .staked.to_sat(), .unbonded.to_sat(), .required.to_sat())]
    Fee {
        /// Value of the staking output.
        staked: Amount,
        /// Value of the unbonding output.
        unbonded: Amount,
        /// Prescribed fee.
        required: Amount,
    },
}

/// Names of the rules in kebab case, the transaction's name first.
macro_rules! presigned_rule {
    ($transaction:literal, $error:expr) => {
        match $error {
            PresignedError::Transaction(_) => concat!($transaction, "-transaction"),
            PresignedError::Inputs(_) => concat!($transaction, "-inputs"),
            PresignedError::Outputs { .. } => concat!($transaction, "-outputs"),
            PresignedError::LockTime(_) => concat!($transaction, "-lock-time"),
            PresignedError::Version { .. } => concat!($transaction, "-version"),
            PresignedError::Weight { .. } => concat!($transaction, "-weight"),
            PresignedError::Sequence(_) => concat!($transaction, "-sequence"),
            PresignedError::ScriptSig(_) => concat!($transaction, "-script-sig"),
            PresignedError::Outpoint { .. } => concat!($transaction, "-outpoint"),
        }
    };
}

macro_rules! slashing_rule {
    ($transaction:literal, $error:expr) => {
        match $error {
            SlashingError::Presigned(error) => presigned_rule!($transaction, error),
            SlashingError::Script { .. } => concat!($transaction, "-script"),
            SlashingError::Amount { .. } => concat!($transaction, "-amount"),
            SlashingError::ChangeScript { .. } => concat!($transaction, "-change-script"),
            SlashingError::Dust { .. } => concat!($transaction, "-dust"),
            SlashingError::Fee { .. } => concat!($transaction, "-fee"),
        }
    };
}

impl DelegationError {
    /// Name of the broken rule, such as `unbonding-fee`; it does not change between versions.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Keys(DelegationKeysError::NoFinalityProvider) => "finality-provider-missing",
            Self::Keys(DelegationKeysError::Duplicate(_)) => "duplicate-key",
            Self::UnbondingTime { .. } => "unbonding-time",
            Self::StakingTransaction(_) => "staking-transaction",
            Self::StakingOutputMissing { .. } => "staking-output-missing",
            Self::StakingOutputDuplicate { .. } => "staking-output-duplicate",
            Self::StakingOutputIndex { .. } => "staking-output-index",
            Self::StakingTime(_) => "staking-time",
            Self::StakingValue(_) => "staking-value",
            Self::Slashing(error) => slashing_rule!("slashing", error),
            Self::Unbonding(UnbondingError::Presigned(error)) => {
                presigned_rule!("unbonding", error)
            }
            Self::Unbonding(UnbondingError::Script { .. }) => "unbonding-script",
            Self::Unbonding(UnbondingError::Fee { .. }) => "unbonding-fee",
            Self::UnbondingSlashing(error) => slashing_rule!("unbonding-slashing", error),
        }
    }
}
