//! What can go wrong in a stake's life besides nodes and files.

use bitcoin::Txid;
use daemon::output::{CommandError, Exit};
use staking::delegation::{DelegationError, PlanError, SpendError, StakerSignatureError};
use staking::inclusion::InclusionError;

use super::step::Obstacle;

/// Why a step of a stake's life cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LifeError {
    /// Neither journal nor chain know it.
    #[error("there is no stake {0} here")]
    UnknownStake(Txid),
    /// The chain has forgotten a version of its parameters.
    #[error(
        "stake {txid} is under version {version} of the staking parameters, which the chain does not have"
    )]
    UnknownParams {
        /// The stake.
        txid: Txid,
        /// Its version.
        version: u32,
    },
    /// What the journal holds cannot be rebuilt.
    #[error("stake {txid} cannot be rebuilt from the journal: {source}")]
    Plan {
        /// The stake.
        txid: Txid,
        /// Why.
        source: Box<PlanError>,
    },
    /// What the chain has registered breaks the rules.
    #[error(
        "what the chain has registered as stake {txid} is invalid: {source}; do not trust this node"
    )]
    Registered {
        /// The stake.
        txid: Txid,
        /// The broken rule.
        source: Box<DelegationError>,
    },
    /// What the chain has registered is not what we signed.
    #[error(
        "what the chain has registered as stake {txid} is not what we signed: {reason}; do not trust this node"
    )]
    NotOurs {
        /// The stake.
        txid: Txid,
        /// The difference.
        reason: String,
    },
    /// The staking transaction pays somebody else.
    #[error(
        "the staking transaction {txid} pays {script} besides the stake, which is not this wallet's; it is not signed"
    )]
    PaysOthers {
        /// The stake.
        txid: Txid,
        /// Whom.
        script: bitcoin::ScriptBuf,
    },
    /// A transaction is not in the block where it was seen.
    #[error("transaction {0} has left its block meanwhile")]
    LeftItsBlock(Txid),
    /// An inclusion proof cannot be made.
    #[error(transparent)]
    Inclusion(#[from] InclusionError),
    /// A pre-signed transaction cannot be finished.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// Our own signature is wrong.
    #[error(transparent)]
    Signature(#[from] StakerSignatureError),
    /// Its owner must decide.
    #[error("stake {txid} cannot go on: {obstacle}")]
    Stuck {
        /// The stake.
        txid: Txid,
        /// Why.
        obstacle: Obstacle,
    },
}

impl From<LifeError> for CommandError {
    fn from(error: LifeError) -> Self {
        let (exit, code) = match &error {
            LifeError::UnknownStake(_) => (Exit::Failed, "unknown-stake"),
            LifeError::Registered { .. }
            | LifeError::NotOurs { .. }
            | LifeError::PaysOthers { .. } => (Exit::Refused, "foreign-stake"),
            LifeError::Stuck { obstacle, .. } => match obstacle {
                Obstacle::ProviderSlashed => (Exit::Refused, "provider-slashed"),
                Obstacle::ProviderUnknown => (Exit::Failed, "unknown-provider"),
                Obstacle::ParamsChanged { .. } => (Exit::Refused, "params-changed"),
                Obstacle::NotRegistered(_) => (Exit::Failed, "not-registered"),
                Obstacle::NotBroadcast => (Exit::Failed, "not-broadcast"),
                Obstacle::TooLateToProve(_) => (Exit::Failed, "too-late"),
            },
            _ => (Exit::Failed, "stake"),
        };
        let answer = Self::caused_by(exit, code, &error);
        match error {
            LifeError::UnknownStake(_) => answer.with_hint(
                "`btc-staker list` shows all stakes; after a restore, `wallet sync --find-stakes` finds them on the chain",
            ),
            _ => answer,
        }
    }
}
