//! Why a transaction is only almost one of the protocol's.

use std::fmt;

use bitcoin::{OutPoint, ScriptBuf, XOnlyPublicKey};

use super::leaf::LeafError;
use crate::phase1::Phase1Error;
use crate::units::BlockInterval;

/// What a transaction, or one of its inputs, can be to the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Creates a stake.
    Staking,
    /// Creates a stake out of another one.
    Expansion,
    /// Unbonds a stake early.
    Unbonding,
    /// Slashes a stake, bonded or unbonding.
    Slashing,
    /// Takes coins back after a timelock.
    Withdrawal,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Staking => "staking",
            Self::Expansion => "expansion",
            Self::Unbonding => "unbonding",
            Self::Slashing => "slashing",
            Self::Withdrawal => "withdrawal",
        })
    }
}

/// Something that looks like the protocol's but is not, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} looks like a {kind} but is none: {reason}", place(input.as_ref()))]
pub struct NearMiss {
    /// What it looks like.
    pub kind: Kind,
    /// Which input looks so; `None` where it is about outputs.
    pub input: Option<OutPoint>,
    /// Why it is none.
    pub reason: Reason,
}

fn place(input: Option<&OutPoint>) -> String {
    match input {
        Some(outpoint) => format!("the spend of {outpoint}"),
        None => "the transaction".to_owned(),
    }
}

/// What keeps something from being the protocol's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Somebody might have the secret key of the output.
    #[error("its internal key {0} is not the one without secret key")]
    InternalKey(XOnlyPublicKey),
    /// The control block proves nothing.
    #[error("its control block has the wrong parity")]
    Parity,
    /// The script is malformed.
    #[error("its script is no protocol script: {0}")]
    Leaf(#[source] LeafError),
    /// The script is in another tree.
    #[error("its script is {0} levels deep in its tree, where the protocol has none")]
    Depth(usize),
    /// The committee is of another network, or of parameters newer than ours.
    #[error("its covenant committee is of no known params version; is this the right network?")]
    UnknownCommittee,
    /// The unbonding time is of another network, or of parameters newer than ours.
    #[error("a timelock of {0} blocks is the unbonding time of no known params version")]
    UnknownTimelock(BlockInterval),
    /// The witness does not fit its script.
    #[error("its witness has {actual} items before the script; the script needs {required}")]
    WitnessItems {
        /// Items given.
        actual: usize,
        /// One for each key of the script.
        required: usize,
    },
    /// The script counts its signatures.
    #[error("{actual} covenant members signed; the script needs exactly {quorum}")]
    CovenantSignatures {
        /// Members that signed.
        actual: usize,
        /// The quorum.
        quorum: usize,
    },
    /// The script counts its signatures.
    #[error("{0} finality providers signed; the script needs exactly 1")]
    ProviderSignatures(usize),
    /// Nobody but the staker can spend.
    #[error("the staker did not sign")]
    StakerSignature,
    /// The timelock is not over, or is not even claimed to be.
    #[error(
        "sequence {sequence:#010x} and version {version} do not claim a depth of {timelock} blocks"
    )]
    Immature {
        /// nSequence of the input.
        sequence: u32,
        /// Version of the transaction.
        version: i32,
        /// Timelock of the script.
        timelock: BlockInterval,
    },
    /// Staker and committee have spent the stake on something else.
    #[error(
        "output {0:x} is not the unbonding output of this stake under any known params: they are newer than ours, or the committee let the stake go elsewhere"
    )]
    UnbondingOutput(ScriptBuf),
    /// Staker and committee have spent the stake on something else.
    #[error(
        "none of its outputs is the previous stake's script, or one with another staking time of the params"
    )]
    NoNewStake,
    /// The inputs are the other way round: no chain takes it.
    #[error("it spends the stake with its second input; an expansion spends it with the first")]
    StakeNotFirst,
    /// Staker and committee have spent the stake together with other coins.
    #[error(
        "it has {inputs} inputs and {outputs} outputs; an unbonding has 1 and 1, an expansion 2 and 1 or more"
    )]
    UnbondingShape {
        /// Inputs.
        inputs: usize,
        /// Outputs.
        outputs: usize,
    },
    /// Too many or too few inputs or outputs.
    #[error("it has {inputs} inputs and {outputs} outputs; a slashing has 1 and 2")]
    SlashingShape {
        /// Inputs.
        inputs: usize,
        /// Outputs.
        outputs: usize,
    },
    /// The slashed coins or the change go elsewhere.
    #[error(
        "its outputs are not the slashing script and the staker's timelock of any known params version"
    )]
    SlashingOutputs,
    /// The outputs promise a stake of phase 1 that is not there.
    #[error(transparent)]
    Phase1(#[from] Phase1Error),
}
