//! Why a message or query is refused.

use bitcoin::OutPoint;
use cosmwasm_std::{Addr, StdError};
use eots::{ParseError, PublicKey};
use mesh_core::DomainError;

use crate::config::ParamsError;
use crate::finality::{EvidenceError, GovernanceError, RollError};
use crate::provider::ProviderError;
use crate::reward::RewardError;
use crate::stake::StakeError;
use crate::state_proof::StateProofError;

/// Why a message or query is refused. A refused message changes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// From the chain's own interface.
    #[error(transparent)]
    Std(#[from] StdError),
    /// From the contract that is believed about Bitcoin.
    #[error("btc-light: {0}")]
    Light(#[from] btc_light::ContractError),
    /// Bytes that are no key, signature or randomness.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// This instance cannot be named.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Parameters that would not be safe.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// A provider's message.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A stake, consent or spend.
    #[error(transparent)]
    Stake(#[from] StakeError),
    /// The next table.
    #[error(transparent)]
    Roll(#[from] RollError),
    /// Evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A decision of governance.
    #[error(transparent)]
    Governance(#[from] GovernanceError),
    /// Rewards.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// A record that is not shown to be in a final state.
    #[error(transparent)]
    StateProof(#[from] StateProofError),
    /// Only governance may do this.
    #[error("only governance, {gov}, may do this; {sender} is somebody else")]
    NotGovernance {
        /// Who sent it.
        sender: Addr,
        /// Who may.
        gov: Addr,
    },
    /// No stakes and votes are taken any more.
    #[error("this instance was closed by governance, for good")]
    Closed,
    /// The contract runs where its signatures mean nothing.
    #[error(
        "this instance is contract {contract} of chain {chain_id}, and runs elsewhere now; a new instance is needed"
    )]
    Elsewhere {
        /// Its chain.
        chain_id: String,
        /// Its address.
        contract: Addr,
    },
    /// No table is in force yet.
    #[error("governance has not started this instance")]
    NotStarted,
    /// A key that nobody registered.
    #[error("provider {0} is not registered")]
    UnknownProvider(PublicKey),
    /// An output that nobody showed, or that is forgotten.
    #[error("no stake at {0} is known")]
    UnknownStake(OutPoint),
    /// A number of no covenant set.
    #[error("there is no covenant set {0}")]
    UnknownCovenant(u32),
    /// A checkpoint that is not final, or not kept any more.
    #[error("no final checkpoint is known for {0}")]
    NotFinal(String),
    /// A question about two checkpoints.
    #[error("ask for a checkpoint or for a height, not for both")]
    Ambiguous,
    /// A provider whose key is not out.
    #[error("provider {0} was not slashed")]
    NotSlashed(PublicKey),
    /// An epoch whose table is not there.
    #[error("the table of epoch {0} is not kept any more or not made yet")]
    UnknownTable(u64),
    /// None or too many of something.
    #[error("{found} {what} in one message, 1 to {max} are taken")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// Most.
        max: usize,
    },
    /// A page of nothing, or too large a one.
    #[error("limit is {found}, it must be 1 to {max}")]
    Limit {
        /// The limit given.
        found: u32,
        /// The largest.
        max: u32,
    },
    /// Coins with a message that takes none.
    #[error("this message takes no coins; send `fund` to pay rewards")]
    Coins,
    /// Storage does not hold what this contract wrote.
    #[error("the stored table of epoch {0} cannot be read")]
    CorruptTable(u64),
    /// Storage does not hold what this contract wrote.
    #[error("a stored vote for checkpoint {0} cannot be read")]
    CorruptVote(u64),
    /// Storage does not hold what this contract wrote.
    #[error("the stored final checkpoint {0} cannot be read")]
    CorruptFinal(u64),
    /// Storage does not hold what this contract wrote.
    #[error("what is stored of the stake at {0} cannot be read")]
    CorruptStake(OutPoint),
}
