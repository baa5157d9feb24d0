//! Finality providers, their commitments and votes, and the evidence against them.
//!
//! A height is one that is voted on: of a block on Babylon, the number of a checkpoint on a partner chain.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use eots::commitment::Commitment;
use eots::{PublicRandomness, SecretKey, Signature};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use crate::VoteContent;

/// A registered finality provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalityProvider {
    /// Its EOTS key.
    pub key: FinalityProviderKey,
    /// Its account (bech32), which receives the commission.
    pub address: String,
    /// Its name for people.
    pub moniker: String,
    /// Commission as a decimal text, such as `0.05`.
    pub commission: String,
    /// Out of the active set until it unjails itself.
    pub jailed: bool,
    /// Chain height at which it was slashed.
    pub slashed_at: Option<ChainHeight>,
    /// Newest height it has voted for.
    pub highest_voted_height: Option<ChainHeight>,
    /// Number of its newest commitment, on chains that number them; 0 before the first and elsewhere.
    pub commit_number: u64,
}

/// Parameters of finality votes, public randomness and liveness (spec 3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalityParams {
    /// Least number of heights in one commitment.
    pub min_public_randomness: u64,
    /// First height that takes votes.
    pub activation_height: ChainHeight,
    /// Where a new commitment begins.
    pub commit_start: CommitStart,
    /// Number of heights over which missed votes are counted.
    pub signed_blocks_window: u64,
    /// Number of missed votes in the window beyond which a provider is jailed.
    pub max_missed_in_window: u64,
    /// Blocks after which a missing vote counts as missed.
    pub finality_vote_timeout: u64,
    /// How long a jailed provider must wait.
    pub jail_duration: Duration,
}

/// Where a new commitment to public randomness begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitStart {
    /// Above all heights that are covered: the chain takes none twice (Babylon, spec 3.6).
    AboveCovered,
    /// At this height, covered or not: the chain takes one commitment for a whole epoch, and this is where the first
    /// epoch begins that is not bound to one yet (partner chains).
    At(ChainHeight),
}

/// Liveness record of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningInfo {
    /// Where its present window began.
    pub start_height: ChainHeight,
    /// Votes missed in the window.
    pub missed_blocks: u64,
    /// Until when it stays jailed.
    pub jailed_until: Option<SystemTime>,
}

/// A block as finality votes see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalityBlock {
    /// Its height.
    pub height: ChainHeight,
    /// What a vote for it says.
    pub content: VoteContent,
    /// Whether more than two thirds of the power have voted for it.
    pub finalized: bool,
}

/// A provider's commitment to its public randomness for a range of heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicRandomnessCommit {
    /// First height.
    pub start: ChainHeight,
    /// Number of heights.
    pub count: u64,
    /// Root of the commitment tree.
    pub commitment: Commitment,
    /// Epoch in which it was made; 0 where the chain does not say.
    pub epoch: u64,
}

impl PublicRandomnessCommit {
    /// Last height that it covers.
    pub fn last(&self) -> ChainHeight {
        ChainHeight(self.start.0.saturating_add(self.count.saturating_sub(1)))
    }
}

/// A commitment under which votes for these heights count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveCommit {
    /// The heights; no two have one in common.
    pub heights: RangeInclusive<ChainHeight>,
    /// The commitment, which covers them all.
    pub commit: PublicRandomnessCommit,
}

/// What shows that a provider equivocated.
#[derive(Debug, Clone)]
pub enum Evidence {
    /// Its votes.
    Votes(DoubleVote),
    /// Its secret key, which the chain has found to be the provider's.
    Key {
        /// The provider.
        finality_provider: FinalityProviderKey,
        /// What it gave away.
        secret: SecretKey,
    },
}

impl Evidence {
    /// Whom it is against.
    pub fn finality_provider(&self) -> FinalityProviderKey {
        match self {
            Self::Votes(votes) => votes.finality_provider,
            Self::Key {
                finality_provider, ..
            } => *finality_provider,
        }
    }
}

/// Two votes of one provider at one height of Babylon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleVote {
    /// The provider.
    pub finality_provider: FinalityProviderKey,
    /// The height.
    pub height: ChainHeight,
    /// Its public randomness for the height.
    pub public_randomness: PublicRandomness,
    /// App hash of the chain.
    pub canonical_app_hash: [u8; 32],
    /// The other one it signed.
    pub fork_app_hash: [u8; 32],
    /// Vote for the chain's block; `None` while only the other vote was seen.
    pub canonical_signature: Option<Signature>,
    /// Vote for the other block.
    pub fork_signature: Signature,
}
