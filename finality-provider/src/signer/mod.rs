//! Where EOTS keys live: the only code that signs for a finality provider.
//!
//! The service asks an [`EotsSigner`], which is [`Embedded`] in the process or [`Remote`] behind gRPC; both end in
//! the same [`Embedded`] code, so that a separate process changes where the key is, not what may be signed. A signer
//! builds everything it signs itself; it is never given a digest. One signer signs for one chain; a process has one for
//! each chain, over one record.

mod domain;
mod embedded;
mod remote;
mod service;

use async_trait::async_trait;
use bitcoin::secp256k1::schnorr;
use chain::VoteContent;
use eots::commitment::Commitment;
use eots::{PublicRandomness, Signature};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::units::ChainHeight;

pub use embedded::{Embedded, prove_possession, register};
pub use remote::Remote;
pub use service::{Signers, serve};

/// Most heights in one commitment: four months of blocks of ten seconds, derived in half a minute on one core.
///
/// We never make a longer one, so a longer one on the chain is not ours, and nobody can have us derive it.
pub const MOST_COMMITTED: u32 = 1_000_000;

/// Most heights of public randomness asked for at once: 0.6 MB, far below what one gRPC answer may carry. A whole number
/// of a commitment tree's blocks.
pub const MOST_RANDOMNESS: u32 = 16_384;

/// Most votes asked for at once.
pub const MOST_VOTES: usize = 1_000;

/// A vote to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// The height that is voted on.
    pub height: ChainHeight,
    /// What the vote says of it.
    pub content: VoteContent,
}

/// What a provider tells a partner chain of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Grows with each registration.
    pub number: u64,
    /// Account on the chain (bech32) that unjails and receives the commission.
    pub operator: String,
    /// Commission in basis points.
    pub commission: u16,
}

/// A range of heights to commit to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeightRange {
    /// First height.
    pub start: ChainHeight,
    /// Number of heights.
    pub count: u32,
}

/// A commitment to public randomness with the provider's signature of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCommitment {
    /// Root of the commitment tree.
    pub commitment: Commitment,
    /// BIP-0340 signature of the range and the root (spec 3.5).
    pub signature: schnorr::Signature,
}

/// Why a signer gives no signature. None of these heals by asking again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The signer has no such key.
    #[error("{0}")]
    UnknownKey(String),
    /// The signer is set up for another chain.
    #[error("{0}")]
    UnknownChain(String),
    /// Another block was signed at this height: a second signature would reveal the key.
    #[error("{0}")]
    Equivocation(String),
    /// The height is at or below the record's low watermark.
    #[error("{0}")]
    BelowWatermark(String),
    /// The signing record cannot be read or written, so nothing may be signed.
    #[error("{0}")]
    RecordUnavailable(String),
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
}

/// A question to the signer that brought no signature.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The signer said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The signer's process did not answer; asking again may help.
    #[error("the EOTS signer at {endpoint} did not answer: {reason}")]
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// What came instead.
        reason: String,
    },
    /// The signer's process answered something that cannot be right.
    #[error("the EOTS signer's answer: {0}")]
    InvalidAnswer(String),
}

/// A key that may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldKey {
    /// The key.
    pub key: FinalityProviderKey,
    /// Highest height that it may have signed here, if any; a vote above it was made elsewhere.
    pub signed_to: Option<ChainHeight>,
}

/// Holds keys and signs with them.
#[async_trait]
pub trait EotsSigner: Send + Sync {
    /// The keys that may sign, and how far each has come.
    async fn keys(&self) -> Result<Vec<HeldKey>, SignerError>;

    /// Public randomness of the heights in `range`, in their order.
    async fn public_randomness(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
    ) -> Result<Vec<PublicRandomness>, SignerError>;

    /// Commits to the public randomness of the heights in `range`; `number` is the commitment's, where the chain numbers
    /// them.
    async fn sign_commitment(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
        number: u64,
    ) -> Result<SignedCommitment, SignerError>;

    /// Signs votes; each answer is the vote's signature or why there is none, in the order asked.
    ///
    /// A signature is only given out after its record is durable; asking for the same vote again brings the same one.
    async fn sign_votes(
        &self,
        key: FinalityProviderKey,
        votes: &[Vote],
    ) -> Result<Vec<Result<Signature, Refusal>>, SignerError>;

    /// Shows that the owner of the account at `address` (bech32) has the key (spec 2.5, BIP-0340 kind).
    async fn sign_proof_of_possession(
        &self,
        key: FinalityProviderKey,
        address: &str,
    ) -> Result<ProofOfPossession, SignerError>;

    /// Signs the provider's registration on a partner chain.
    async fn sign_registration(
        &self,
        key: FinalityProviderKey,
        registration: &Registration,
    ) -> Result<schnorr::Signature, SignerError>;
}
