//! What can go wrong with the wallet.

use bitcoin::{Amount, FeeRate, Network, OutPoint, Txid};
use bitcoin_source::{SourceError, sat_per_vb};
use staking::units::BitcoinHeight;

/// A wallet operation that failed; nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// There is a wallet already, and it is not overwritten.
    #[error("a wallet exists here already; open it, or choose another folder")]
    Exists,
    /// There is no wallet.
    #[error("there is no wallet here; create or restore one first")]
    Missing,
    /// The wallet belongs to another network.
    #[error("the wallet is for {stored}, the configuration says {expected}")]
    WrongNetwork {
        /// The wallet's network.
        stored: Network,
        /// The configured one.
        expected: Network,
    },
    /// The mnemonic is not this wallet's.
    #[error("the seed does not belong to this wallet: its addresses are other ones")]
    WrongSeed,
    /// Signing was asked of a wallet that was not unlocked.
    #[error("the wallet is locked: unlock it with its seed to sign")]
    Locked,
    /// The coins that may be spent are not enough.
    #[error(
        "insufficient funds: {needed} are needed including {fee} of fee, {available} are available; {reserved} are \
         reserved for other transactions and {unconfirmed} wait for confirmation"
    )]
    InsufficientFunds {
        /// What the coins that may be spent hold.
        available: Amount,
        /// Outputs and fee.
        needed: Amount,
        /// The fee within `needed`, as far as it was known when the coins ran out.
        fee: Amount,
        /// Held by coins that are reserved.
        reserved: Amount,
        /// Held by unconfirmed coins that were not allowed to be spent.
        unconfirmed: Amount,
    },
    /// An output is too small to be relayed.
    #[error(
        "output {index} of {value} is dust: the least that nodes relay for its script is {minimum}"
    )]
    Dust {
        /// Which of the outputs asked for.
        index: usize,
        /// Its value.
        value: Amount,
        /// The least it must hold.
        minimum: Amount,
    },
    /// No output was asked for.
    #[error("the transaction would have no outputs")]
    NoOutputs,
    /// The fee rate asked for is above the cap.
    #[error(
        "fee rate {} sat/vB is above the cap of {} sat/vB; raise `fees.max` if you mean it",
        sat_per_vb::from_rate(*rate),
        sat_per_vb::from_rate(*cap)
    )]
    FeeRateAboveCap {
        /// The rate asked for.
        rate: FeeRate,
        /// The cap.
        cap: FeeRate,
    },
    /// The fee in total is above the cap.
    #[error("the fee would be {fee}, above the cap of {cap}")]
    FeeAboveCap {
        /// The fee.
        fee: Amount,
        /// The cap.
        cap: Amount,
    },
    /// A replacement must pay more than what it replaces (BIP-0125).
    #[error(
        "a replacement at {} sat/vB pays too little: at least {} sat/vB are needed",
        sat_per_vb::from_rate(*rate),
        sat_per_vb::from_rate(*required)
    )]
    ReplacementFeeTooLow {
        /// The rate asked for.
        rate: FeeRate,
        /// The lowest rate that replaces.
        required: FeeRate,
    },
    /// The transaction cannot be replaced.
    #[error("transaction {txid} cannot be replaced: {reason}")]
    NotReplaceable {
        /// Which transaction.
        txid: Txid,
        /// Why.
        reason: NotReplaceable,
    },
    /// A coin is neither the wallet's nor unspent.
    #[error("{0} is not an unspent coin of this wallet")]
    UnknownCoin(OutPoint),
    /// The wallet's store cannot be read or written.
    #[error("wallet store: {0}; the wallet can be restored from its seed into an empty folder")]
    Storage(String),
    /// The Bitcoin source failed while syncing; what was synced before is kept.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's blocks do not connect to the wallet's.
    #[error(
        "block at height {height} does not connect to the wallet's chain: {reason}; sync again"
    )]
    Disconnected {
        /// Height of the block.
        height: BitcoinHeight,
        /// The wallet's words.
        reason: String,
    },
    /// A key could not be derived.
    #[error("key derivation: {0}")]
    Derivation(#[from] bitcoin::bip32::Error),
    /// Building or signing failed in a way that correct inputs exclude.
    #[error("cannot {action}: {reason}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// The library's words.
        reason: String,
    },
}

/// Why a transaction cannot be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReplaceable {
    /// Another wallet's, or never seen.
    #[error("the wallet does not know it")]
    Unknown,
    /// It is in a block.
    #[error("it is confirmed")]
    Confirmed,
    /// It does not signal that it may be.
    #[error("it does not signal replaceability (BIP-0125)")]
    NotSignalled,
    /// Another transaction of the wallet spends its outputs and would be lost with it.
    #[error("a later transaction spends its outputs and would be lost with it")]
    HasDescendants,
    /// Some of its inputs are not the wallet's.
    #[error("it spends coins that are not the wallet's")]
    ForeignInputs,
}
