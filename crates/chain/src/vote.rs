//! What a finality vote says, on any secured chain.
//!
//! A [`VotingDomain`] keeps the votes of one chain apart from those of all others: it decides which message is signed
//! and, at the signer, under which nonce. Both are built by whoever holds the key; no digest is ever handed to it.

use eots::vote_message;
use mesh_core::Domain;
use mesh_core::vote::CheckpointVote;
use staking::units::ChainHeight;

/// Whose votes these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VotingDomain {
    /// Babylon Genesis, by its chain id (spec 3.3, 3.8).
    Babylon(String),
    /// One instance of `btc-mesh` on a partner chain.
    PartnerChain(Domain),
}

/// What a vote says of its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoteContent {
    /// Babylon: the app hash in the header of this height.
    AppHash([u8; 32]),
    /// A partner chain: the header's hash at a checkpoint, and the tables.
    Checkpoint(CheckpointVote),
}

impl VoteContent {
    /// The app hash that a vote on Babylon names; `None` on a partner chain.
    pub fn app_hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::AppHash(app_hash) => Some(*app_hash),
            Self::Checkpoint(_) => None,
        }
    }

    /// Root of the table that a vote on a partner chain hands over to, if it does.
    pub fn next_table(&self) -> Option<[u8; 32]> {
        match self {
            Self::Checkpoint(vote) if vote.next_root != [0; 32] => Some(vote.next_root),
            Self::Checkpoint(_) | Self::AppHash(_) => None,
        }
    }
}

/// A vote that no chain of this domain takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a vote for {height} of another kind, or for another checkpoint, is none of {domain}")]
pub struct ForeignVote {
    domain: VotingDomain,
    height: ChainHeight,
}

impl VotingDomain {
    /// The message that a vote signs with EOTS.
    ///
    /// # Errors
    ///
    /// Refuses the vote of another kind of chain, and one for another checkpoint than its height.
    pub fn message(
        &self,
        height: ChainHeight,
        content: &VoteContent,
    ) -> Result<Vec<u8>, ForeignVote> {
        match (self, content) {
            (Self::Babylon(_), VoteContent::AppHash(app_hash)) => {
                Ok(vote_message(height.0, app_hash).to_vec())
            }
            (Self::PartnerChain(domain), VoteContent::Checkpoint(vote))
                if vote.checkpoint == height.0 =>
            {
                Ok(vote.message(domain))
            }
            _ => Err(ForeignVote {
                domain: self.clone(),
                height,
            }),
        }
    }
}

impl std::fmt::Display for VotingDomain {
    /// As signing records name it: the chain id, or the hex of the instance's domain.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Babylon(chain_id) => f.write_str(chain_id),
            Self::PartnerChain(domain) => write!(f, "{domain}"),
        }
    }
}
