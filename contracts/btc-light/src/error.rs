//! Why a message or query is refused.

use bitcoin::{BlockHash, consensus};
use cosmwasm_std::{Addr, StdError};
use staking::header::{HeaderError, MEDIAN_TIMES, UnsupportedNetwork};
use staking::inclusion::InclusionError;

use crate::msg::Network;

/// Why a message or query is refused. A refused message changes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// From the chain's own interface.
    #[error(transparent)]
    Std(#[from] StdError),
    /// Storage does not hold what this contract wrote.
    #[error("the stored header at height {0} cannot be read")]
    Corrupt(u32),
    /// A flag that does not fit the network.
    #[error(
        "test_only must be true exactly where coins are worthless, and is {test_only} on {network:?}"
    )]
    TestOnly {
        /// The network.
        network: Network,
        /// The flag given.
        test_only: bool,
    },
    /// A network whose headers cannot be judged.
    #[error(transparent)]
    Network(#[from] UnsupportedNetwork),
    /// A list of submitters that does not fit the network.
    #[error(
        "{network:?} was given {found} submitters; signet needs 1 to {max}, the other networks none"
    )]
    Submitters {
        /// The network.
        network: Network,
        /// Number of addresses given.
        found: usize,
        /// Most that can be named.
        max: usize,
    },
    /// A reorganisation limit outside its range.
    #[error("max_reorg is {found}, it must be 1 to {max} blocks")]
    MaxReorg {
        /// The limit given.
        found: u32,
        /// The largest.
        max: u32,
    },
    /// Not eleven headers at the beginning.
    #[error(
        "the beginning must be {MEDIAN_TIMES} headers of 80 bytes that end at height {height}, found {found}"
    )]
    BaseHeaders {
        /// Height given.
        height: u32,
        /// Number of headers given.
        found: usize,
    },
    /// Two headers at the beginning that do not follow each other.
    #[error("header {hash} does not follow {parent}, which precedes it at the beginning")]
    BaseNotLinked {
        /// The refused header.
        hash: BlockHash,
        /// The header before it.
        parent: BlockHash,
    },
    /// The time at which the difficulty period began contradicts the headers.
    #[error("epoch_start_time is {found}, but the header at height {height} has time {expected}")]
    EpochStartTime {
        /// The time given.
        found: u32,
        /// Height at which the period began.
        height: u32,
        /// Its header's time.
        expected: u32,
    },
    /// A work that cannot be that of a chain with these headers.
    #[error(
        "chainwork must be 32 bytes, below 2^128, and not less than the work of the headers given"
    )]
    Chainwork,
    /// Coins with a message.
    #[error("this contract takes no coins")]
    Coins,
    /// Somebody who may not bring headers.
    #[error("{0} is not among the submitters")]
    NotASubmitter(Addr),
    /// Bytes that are no sequence of headers.
    #[error("{0} bytes are not 1 to {max} headers of 80 bytes", max = crate::chain::MAX_HEADERS)]
    HeaderBytes(usize),
    /// A parent that is not on the stored chain.
    #[error(
        "there is no header at height {height} to build on; the chain goes from {base} to {tip}"
    )]
    UnknownParent {
        /// Height given.
        height: u32,
        /// Height of the trusted header, below which nothing can be built on.
        base: u32,
        /// Height of the tip.
        tip: u32,
    },
    /// A fork from too far back.
    #[error("a reorganisation of {depth} blocks from height {fork_height} is deeper than {max}")]
    ReorgTooDeep {
        /// Height of the last common header.
        fork_height: u32,
        /// Number of blocks it would undo.
        depth: u32,
        /// Most that may be undone.
        max: u32,
    },
    /// A side branch that does not win.
    #[error(
        "the side branch from height {fork_height} ends at {height} with no more work than the tip"
    )]
    LessWork {
        /// Height of the last common header.
        fork_height: u32,
        /// Height at which the branch ends.
        height: u32,
    },
    /// A header that claims to be from the future.
    #[error("header {hash} has time {time}, more than two hours after this chain's {now}")]
    Future {
        /// The refused header.
        hash: BlockHash,
        /// Its time, seconds since 1970.
        time: u32,
        /// Time of the present block, seconds since 1970.
        now: u64,
    },
    /// A header that breaks Bitcoin's rules.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A height whose header is not stored.
    #[error(
        "the header at height {0} is not stored; headers below the tip can be brought as ancestors"
    )]
    UnknownHeight(u32),
    /// A header that is not the parent of the one above it.
    #[error("header {hash} is not the parent of the header at height {child_height}")]
    NotAnAncestor {
        /// The refused header.
        hash: BlockHash,
        /// Height of the header above.
        child_height: u32,
    },
    /// A transaction longer than any that nodes relay.
    #[error("the transaction is {0} bytes, at most {max} are judged", max = crate::proof::MAX_TRANSACTION)]
    TransactionSize(usize),
    /// Bytes that are no transaction.
    #[error("the bytes are no transaction: {0}")]
    Transaction(#[from] consensus::encode::Error),
    /// A proof that does not hold.
    #[error(transparent)]
    Inclusion(#[from] InclusionError),
}
