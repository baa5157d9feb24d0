//! What can go wrong in a stake's life besides nodes and files.

use bitcoin::Txid;
use committee::SignatureRequestError;
use daemon::output::{CommandError, Exit};
use staking::delegation::{DelegationError, PlanError, SpendError, StakerSignatureError};
use staking::inclusion::InclusionError;

use super::partners::Refusal;
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
    /// The committee is not to be asked: what would be asked for is no delegation.
    #[error(transparent)]
    Request(#[from] SignatureRequestError),
    /// Too few members of the committee have signed, and nothing that would be waited for changes that.
    #[error(
        "the covenant committee does not sign stake {txid}: {signed} of {quorum} members have; {reasons}"
    )]
    Unsigned {
        /// The stake.
        txid: Txid,
        /// How many have signed.
        signed: usize,
        /// How many must.
        quorum: usize,
        /// What the others said.
        reasons: String,
    },
    /// Too few members of the committee have signed so far.
    #[error(
        "{signed} of {quorum} members of the covenant committee have signed stake {txid}; {reasons}"
    )]
    NotYetSigned {
        /// The stake.
        txid: Txid,
        /// How many have signed.
        signed: usize,
        /// How many must.
        quorum: usize,
        /// What the others said.
        reasons: String,
    },
    /// There is nothing to show partner chains.
    #[error("there is no consent of stake {0} in this home: no partner chain can be shown it")]
    NoConsent(Txid),
    /// Partner chains refused.
    #[error("{}", refused(.refusals))]
    Refused {
        /// The stake.
        txid: Txid,
        /// Which chains, and why.
        refusals: Vec<Refusal>,
    },
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
            LifeError::Unsigned { .. } => (Exit::Refused, "not-signed"),
            LifeError::NotYetSigned { .. } => (Exit::Unreachable, "not-signed-yet"),
            LifeError::NoConsent(_) => (Exit::Failed, "no-consent"),
            LifeError::Refused { .. } => (Exit::Failed, "chain-rejected"),
            LifeError::Stuck { obstacle, .. } => match obstacle {
                Obstacle::ProviderSlashed => (Exit::Refused, "provider-slashed"),
                Obstacle::ProviderUnknown => (Exit::Failed, "unknown-provider"),
                Obstacle::ParamsChanged { .. } => (Exit::Refused, "params-changed"),
                Obstacle::NotTaken => (Exit::Refused, "not-taken"),
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
            LifeError::Unsigned { .. } => answer.with_hint(
                "check that the members sign under the parameters of these chains; a stake that was not broadcast is cancelled, \
                 and its coins are free again: one that is on Bitcoin can be withdrawn after its staking time",
            ),
            LifeError::NotYetSigned { .. } => answer.with_hint(
                "`btc-staker resume` asks again, `btc-staker cancel` gives up a stake that was not broadcast",
            ),
            LifeError::NoConsent(_) => {
                answer.with_hint("`btc-staker restake` signs one and shows the stake")
            }
            LifeError::Refused { .. } => answer.with_hint("`btc-staker resume` tries again"),
            _ => answer,
        }
    }
}

fn refused(refusals: &[Refusal]) -> String {
    let each = refusals
        .iter()
        .map(|refusal| format!("chain `{}`: {}", refusal.chain, refusal.reason));
    each.collect::<Vec<_>>().join("; ")
}
