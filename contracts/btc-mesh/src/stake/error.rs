//! Why a stake, a consent, a spend or an activation is refused.

use bitcoin::OutPoint;
use eots::{ParseError, PublicKey};
use mesh_core::Domain;
use mesh_core::consent::ConsentError;
use staking::delegation::{CovenantSignatureError, DelegationError, StakerSignatureError};
use staking::inclusion::InclusionError;
use staking::keys::{CovenantKey, KeyError};
use staking::units::BlockIntervalError;

use crate::msg::{EndReason, StakeStatus};

/// Why a stake, a consent, a spend or an activation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StakeError {
    /// More bytes than are read.
    #[error("the {what} is {found} bytes, at most {max} are taken; leave witnesses out")]
    Size {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// Most.
        max: usize,
    },
    /// Bytes that are no transaction.
    #[error("the {what} is no transaction: {reason}")]
    Transaction {
        /// Which one.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The stake is at no output.
    #[error("the staking transaction has {outputs} outputs, none with number {vout}")]
    NoOutput {
        /// Where the stake should be.
        vout: u32,
        /// How many outputs there are.
        outputs: usize,
    },
    /// Bytes that are no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A timelock of nothing.
    #[error(transparent)]
    Timelock(#[from] BlockIntervalError),
    /// A covenant set that no stake can keep.
    #[error("covenant set {number} cannot be used: {reason}")]
    CovenantSet {
        /// Its number.
        number: u32,
        /// What is wrong.
        reason: String,
    },
    /// The transactions are not those of such a stake.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
    /// Bytes that are no signature.
    #[error("the {what} cannot be read: {reason}")]
    SignatureBytes {
        /// Whose and of what.
        what: &'static str,
        /// What is wrong.
        reason: ParseError,
    },
    /// The staker did not sign it.
    #[error(transparent)]
    StakerSignature(#[from] StakerSignatureError),
    /// More signatures than the committee has members.
    #[error("{found} covenant members are said to have signed, the committee has {members}")]
    TooManySignatures {
        /// How many.
        found: usize,
        /// How many there are.
        members: usize,
    },
    /// Fewer signatures than a spend needs.
    #[error("{found} covenant members signed, the quorum is {quorum}")]
    Quorum {
        /// How many.
        found: usize,
        /// How many must.
        quorum: usize,
    },
    /// A member twice, or out of order.
    #[error(
        "covenant signatures must be strictly ascending by member, the one of {0} is not above the one before"
    )]
    CovenantOrder(CovenantKey),
    /// A member did not sign it.
    #[error(transparent)]
    CovenantSignature(#[from] CovenantSignatureError),
    /// A block that this chain does not know.
    #[error(
        "no header of Bitcoin's best chain is known at height {0}; bring it to btc-light (`headers`, or `ancestor` for an old one)"
    )]
    UnknownBlock(u32),
    /// A block that may be undone yet.
    #[error("the block at height {height} is {depth} deep, it is believed from {required} on")]
    TooShallow {
        /// Its height.
        height: u32,
        /// Blocks on top of it.
        depth: u32,
        /// How many there must be.
        required: u32,
    },
    /// It is not proven to be in the block.
    #[error(transparent)]
    Inclusion(#[from] InclusionError),
    /// It does not count any more.
    #[error(
        "the stake counts below height {expires} only, its timelock less the unbonding time; Bitcoin's tip is {tip}"
    )]
    TimeOver {
        /// From where it does not count.
        expires: u32,
        /// Bitcoin's tip.
        tip: u32,
    },
    /// Its provider's key is out.
    #[error("finality provider {0} was slashed; nothing counts for it any more")]
    ProviderSlashed(PublicKey),
    /// It was shown before.
    #[error("the stake at {outpoint} is known already ({status:?}); it is shown once")]
    Known {
        /// Where it is.
        outpoint: OutPoint,
        /// Where it stands.
        status: StakeStatus,
    },
    /// It is proven anew under other rules.
    #[error("the stake was shown under covenant set {registered} and keeps it, not {found}")]
    OtherCovenant {
        /// The set given.
        found: u32,
        /// Its set.
        registered: u32,
    },
    /// A list that is no consent.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// Number 0 would count at once beside number 1.
    #[error("consents are numbered from 1 on")]
    ConsentZero,
    /// The staker did not sign it.
    #[error("the consent is not signed by staker {0} for this stake")]
    ConsentSignature(PublicKey),
    /// The staker does not let this chain count anything.
    #[error("the consent has no share for this instance, {0}")]
    NoShare(Domain),
    /// Nobody could be paid.
    #[error("reward address `{address}` is none of this chain: {reason}")]
    RewardAddress {
        /// The address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// A consent that was replaced.
    #[error("consent {found} was replaced by number {newest}; it means nothing any more")]
    OlderConsent {
        /// Its number.
        found: u32,
        /// The newest known here.
        newest: u32,
    },
    /// Two consents that do not contradict each other.
    #[error("the two consents have different numbers or are the same: they prove nothing")]
    NoConflict,
    /// It ended.
    #[error("the stake at {outpoint} has ended ({reason:?})")]
    Ended {
        /// Where it is.
        outpoint: OutPoint,
        /// Why.
        reason: EndReason,
    },
    /// Its block was undone.
    #[error(
        "the block of the stake at {0} was undone by a reorganisation; show the stake again with a new proof"
    )]
    Unproven(OutPoint),
    /// It counts, and nothing more waits.
    #[error("the stake at {0} counts already, and no increase of its share waits")]
    Active(OutPoint),
    /// It must wait.
    #[error("the stake may count from height {from} on, Bitcoin's tip is {tip}")]
    Waits {
        /// From where it may.
        from: u32,
        /// Bitcoin's tip.
        tip: u32,
    },
    /// The increase of its share must wait.
    #[error("the increase of the share may count from height {from} on, Bitcoin's tip is {tip}")]
    IncreaseWaits {
        /// From where it may.
        from: u32,
        /// Bitcoin's tip.
        tip: u32,
    },
    /// Nothing of it may count.
    #[error(
        "nothing of the stake at {0} may count here: its staker took the share back or it is below one satoshi"
    )]
    NothingCounts(OutPoint),
    /// A deep reorganisation must be dealt with.
    #[error("a reorganisation of Bitcoin undid blocks that were believed: send unwind first")]
    Unwinding,
    /// A deep reorganisation was not long ago.
    #[error(
        "after a deep reorganisation of Bitcoin nothing is activated below height {until}, the tip is {tip}"
    )]
    Frozen {
        /// From where things go on.
        until: u32,
        /// Bitcoin's tip.
        tip: u32,
    },
    /// What is known of Bitcoin is too old.
    #[error(
        "Bitcoin's tip is {lag} seconds behind this chain's clock, nothing is activated beyond {max}: bring headers"
    )]
    Lag {
        /// How old, seconds.
        lag: u64,
        /// How old it may be.
        max: u32,
    },
    /// Bitcoin comes too slowly to be the real one.
    #[error(
        "fewer than {required} blocks of Bitcoin are dated within the last 24 hours; nothing is activated at such a pace"
    )]
    Pace {
        /// How many there must be.
        required: u32,
    },
    /// Its block is not on the best chain.
    #[error("the block at height {0} that holds the stake is not on Bitcoin's best chain any more")]
    BlockGone(u32),
    /// More new weight than an epoch takes.
    #[error(
        "{added} sat are more than the {left} sat of new weight that this epoch still takes; wait for another epoch, or for a depth of {settled} (now {depth})"
    )]
    Growth {
        /// What would be added.
        added: u64,
        /// What is left.
        left: u64,
        /// Blocks on top of the stake's.
        depth: u32,
        /// How many make it free of this limit.
        settled: u32,
    },
    /// A transaction that spends something else.
    #[error("input {vin} of transaction {txid} does not spend {outpoint}")]
    OtherSpend {
        /// Which input.
        vin: u32,
        /// The transaction.
        txid: bitcoin::Txid,
        /// The staking output.
        outpoint: OutPoint,
    },
    /// What burns it is forgotten.
    #[error("the timelock of the stake at {0} is over; what burned it is not kept any more")]
    Forgotten(OutPoint),
}
