//! What can go wrong when talking to a secured chain, sorted by what a caller does about it.

use staking::units::ChainHeight;

/// A failed question or submission.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The node did not answer: wait and try again.
    #[error("chain node {endpoint} did not answer: {reason}; is it running and reachable?")]
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// What came instead.
        reason: String,
    },
    /// The node's answer could not be read.
    #[error("chain node's answer to {query}: {reason}")]
    InvalidAnswer {
        /// What was asked.
        query: &'static str,
        /// What is wrong, with the field's name.
        reason: String,
    },
    /// The node is not where its chain is: wait until it has caught up.
    #[error("chain node {endpoint} is behind: {reason}")]
    Behind {
        /// Where it was asked.
        endpoint: String,
        /// How that shows.
        reason: String,
    },
    /// The node belongs to another chain.
    #[error("the node serves chain `{actual}`, the configuration says `{expected}`")]
    WrongChain {
        /// Configured chain id.
        expected: String,
        /// The node's.
        actual: String,
    },
    /// The contract is another instance than the one that is pinned.
    #[error(
        "chain `{chain}`: the contract's domain is {actual}, the configuration says {expected}; votes under one domain must \
         never be mixed with another's, so find out why before you change `domain`"
    )]
    OtherInstance {
        /// Name of the chain in the configuration.
        chain: String,
        /// The pinned domain.
        expected: String,
        /// The contract's.
        actual: String,
    },
    /// The chain's governance began an era that is not the pinned one.
    #[error(
        "chain `{chain}` is in era {actual}, the configuration says {expected}; governance resumed it after a stall, and \
         nothing is signed until you have read why and set `era = {actual}`"
    )]
    OtherEra {
        /// Name of the chain in the configuration.
        chain: String,
        /// The pinned era.
        expected: u32,
        /// The chain's.
        actual: u32,
    },
    /// The message cannot be put into the chain's form; nothing was sent.
    #[error("invalid message: {reason}")]
    InvalidMessage {
        /// What is wrong, with the field's name.
        reason: String,
    },
    /// The chain refused the message.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The account cannot pay the fee.
    #[error("account {account} cannot pay the fee: {reason}; send it coins")]
    InsufficientFunds {
        /// The paying account.
        account: String,
        /// The node's words.
        reason: String,
    },
    /// The message alone costs more than the configuration allows.
    #[error(
        "the message needs {gas} gas for {fee} {denomination}; the configuration allows {max_gas} gas and \
         {max_fee} {denomination} for a transaction (max_gas, max_fee)"
    )]
    FeeAboveCap {
        /// The fee it would cost, without the gas adjustment.
        fee: u64,
        /// The gas it used in a simulation.
        gas: u64,
        /// Largest allowed fee.
        max_fee: u64,
        /// Largest gas limit, that of the fee included.
        max_gas: u64,
        /// Denomination of the fees.
        denomination: String,
    },
    /// The transaction was sent but was not seen in a block in time; it may still land.
    #[error("transaction {tx_hash} was not in a block after {seconds} s")]
    Timeout {
        /// Its hash.
        tx_hash: String,
        /// How long we waited.
        seconds: u64,
    },
    /// The message took effect, but what the node tells of that could not be read.
    #[error(
        "transaction {tx_hash} took effect at height {height}, but the node's account of it is unreadable: {reason}"
    )]
    UnreadableEffect {
        /// The transaction's hash.
        tx_hash: String,
        /// The block it is in.
        height: ChainHeight,
        /// What is wrong, with the field's name.
        reason: String,
    },
    /// The program is stopping; the message may have been sent.
    #[error("the transaction sender stopped before the message was answered for")]
    Stopped,
}

/// A message that the chain refused: the same message will be refused again unless the chain changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused by the chain ({codespace} {code}): {log}")]
pub struct Rejection {
    /// Module that refused, such as `btcstaking`.
    pub codespace: String,
    /// Its error code (spec 2.17).
    pub code: u32,
    /// Its words.
    pub log: String,
}
