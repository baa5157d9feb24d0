//! Finality providers, their commitments and votes, and the evidence against them.

use std::time::{Duration, SystemTime};

use eots::commitment::Commitment;
use eots::{PublicRandomness, Signature};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

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
}

/// Parameters of finality votes, public randomness and liveness (spec 3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalityParams {
    /// Least number of heights in one commitment.
    pub min_public_randomness: u64,
    /// First height that takes votes.
    pub activation_height: ChainHeight,
    /// Number of heights over which missed votes are counted.
    pub signed_blocks_window: u64,
    /// Number of missed votes in the window beyond which a provider is jailed.
    pub max_missed_in_window: u64,
    /// Blocks after which a missing vote counts as missed.
    pub finality_vote_timeout: u64,
    /// How long a jailed provider must wait.
    pub jail_duration: Duration,
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
    /// What a vote signs: the app hash in the header of this height.
    pub app_hash: [u8; 32],
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
    /// Epoch in which it was made.
    pub epoch: u64,
}

/// Two votes of one provider at one height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
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
