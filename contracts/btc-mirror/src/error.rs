//! Why a message or query is refused.

use btc_mesh::EvidenceError;
use btc_mesh::msg::Bytes32;
use cosmwasm_std::{Addr, StdError};
use eots::PublicKey;
use mesh_core::DomainError;
use mesh_core::commit::CommitError;
use mesh_core::table::TableError;

use crate::{Bound, Halt};

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
    /// What the subject would refuse as well.
    #[error(transparent)]
    Mesh(#[from] btc_mesh::ContractError),
    /// No instance can have such a chain or address.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// What is no table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A table with a commit that cannot be.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A subject's domain that is another's.
    #[error(
        "chain id, contract, height and time of the subject give domain {computed}, it says {given}; copy all five from its \
         query config"
    )]
    SubjectDomain {
        /// What was given.
        given: Bytes32,
        /// What follows from the rest.
        computed: Bytes32,
    },
    /// A number outside its range.
    #[error("{name} is {value}, it must be {rule}")]
    Range {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: u32,
        /// What it must be.
        rule: &'static str,
    },
    /// A table of another instance.
    #[error("the table is of domain {given}, this mirror follows {followed}")]
    OtherDomain {
        /// Of the table.
        given: Bytes32,
        /// Of the subject.
        followed: Bytes32,
    },
    /// A table that is not what it says.
    #[error(
        "the table says root {given} and {given_total} sat, its head and entries give {computed} and {total} sat"
    )]
    Root {
        /// What it says.
        given: Bytes32,
        /// What it says, sat.
        given_total: u64,
        /// What the rest gives.
        computed: Bytes32,
        /// What the rest gives, sat.
        total: u64,
    },
    /// A table that the one in force did not sign.
    #[error("the table has root {found}, signed was {signed}; bring the table of that root")]
    NotSigned {
        /// Of the table.
        found: Bytes32,
        /// What more than two thirds signed.
        signed: Bytes32,
    },
    /// No table is awaited.
    #[error(
        "checkpoint {next} is to be final next and the epoch ends with {last}; a table follows once that is final"
    )]
    TooEarly {
        /// The next checkpoint.
        next: u64,
        /// The last one of the epoch.
        last: u64,
    },
    /// A table that does not follow.
    #[error(
        "the table has {name} {found}, by what is in force or final here it must be {bound}; bring another"
    )]
    DoesNotFollow {
        /// What of it.
        name: &'static str,
        /// What it is.
        found: u64,
        /// What it must be.
        bound: Bound,
    },
    /// A table under which nothing could become final.
    #[error("the table cannot be pinned: {0}")]
    Halted(#[from] Halt),
    /// A key of no table.
    #[error(
        "provider {0} is neither in the table in force here nor in the one before; show its key to the chain that follows it"
    )]
    NotListed(PublicKey),
    /// Only governance may do this.
    #[error("only governance, {gov}, may do this; {sender} is somebody else")]
    NotGovernance {
        /// Who sent it.
        sender: Addr,
        /// Who may.
        gov: Addr,
    },
    /// Coins with a message.
    #[error("a mirror takes no coins")]
    Coins,
    /// Storage does not hold what this contract wrote.
    #[error("a stored tally of checkpoint {0} cannot be read")]
    CorruptTally(u64),
}

impl From<EvidenceError> for ContractError {
    fn from(error: EvidenceError) -> Self {
        Self::Mesh(error.into())
    }
}
