//! One finality provider at work.
//!
//! Two workers share nothing but what can be seen: the [`Committer`] keeps the runway of public randomness long enough,
//! the [`Voter`] casts the votes that are due. Each round asks the chain, decides with a pure function, and acts; a
//! round that fails is repeated, and nothing it did needs undoing.

mod ballot;
mod committed;
mod committer;
mod outcome;
mod status;
mod voter;
mod work;

use std::sync::Arc;
use std::time::SystemTime;

use chain::{Chain, ChainError, FinalityProvider};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use crate::signer::{EotsSigner, SignerError};
use crate::tables::Verdicts;

pub use committed::CommittedError;
pub use committer::Committer;
pub use status::{Concern, NextTable, ProviderStatus, RewardStatus, Standing, StatusCell};
pub use voter::Voter;
pub use work::{Next, Worker, repeat, spawn};

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoundError {
    /// The chain did not answer, or refused.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The signer did not answer, or refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A commitment cannot be used.
    #[error(transparent)]
    Committed(#[from] CommittedError),
    /// Somebody else votes with this key.
    #[error(
        "the chain has a vote of this provider for height {voted}, but its signer has signed nothing above {signed_to}: \
         another machine votes with the same key. Nothing is signed here until it is stopped; two votes for different \
         blocks burn the stake"
    )]
    UsedElsewhere {
        /// Highest vote on the chain.
        voted: ChainHeight,
        /// Highest height that our signer may have signed.
        signed_to: ChainHeight,
    },
    /// The signer has not taken the provider's key in.
    #[error(
        "the signer does not sign for this provider: is its key file there, and what does the signer's log say?"
    )]
    NotHeld,
    /// The chain asks for more than we ever commit to at once.
    #[error("{count} heights cannot be committed to at once, the most is {most}")]
    TooManyHeights {
        /// What the chain or the configuration asks for.
        count: u64,
        /// The most.
        most: u32,
    },
}

/// A finality provider and what it works with. Clones are the same provider.
#[derive(Clone)]
pub struct Provider {
    key: FinalityProviderKey,
    chain: Arc<dyn Chain>,
    signer: Arc<dyn EotsSigner>,
    tables: Verdicts,
    status: StatusCell,
}

impl Provider {
    /// A provider that votes on `chain` with a key that `signer` holds, hands over to tables that `tables` gives leave to,
    /// and tells `status` how it is doing.
    pub fn new(
        key: FinalityProviderKey,
        chain: Arc<dyn Chain>,
        signer: Arc<dyn EotsSigner>,
        tables: Verdicts,
        status: StatusCell,
    ) -> Self {
        Self {
            key,
            chain,
            signer,
            tables,
            status,
        }
    }

    /// Asks the chain what the provider may do.
    async fn look(&self) -> Result<Look, ChainError> {
        let known = self.chain.finality_provider(&self.key).await?;
        let standing = standing(known.as_ref());
        let mut jailed_until = None;
        if standing == Standing::Jailed {
            let info = self.chain.signing_info(&self.key).await?;
            jailed_until = info.and_then(|info| info.jailed_until);
        }
        let voted = known.as_ref().and_then(|known| known.highest_voted_height);
        let commit_number = known.as_ref().map_or(0, |known| known.commit_number);
        self.status.update(|status| {
            if status.standing != standing {
                tracing::info!(%standing, "the provider's standing on the chain");
            }
            status.standing = standing;
            status.jailed_until = jailed_until.map(unix_seconds);
            status.slashed_at = known.and_then(|known| known.slashed_at);
            status.last_vote = status.last_vote.max(voted);
        });
        Ok(Look {
            standing,
            jailed_until,
            voted,
            commit_number,
        })
    }
}

/// What the chain says of a provider.
struct Look {
    standing: Standing,
    /// Where it is jailed and the chain says so.
    jailed_until: Option<SystemTime>,
    /// Highest height at which the chain has its vote.
    voted: Option<ChainHeight>,
    /// Number of its newest commitment.
    commit_number: u64,
}

impl Look {
    /// What keeps the provider from working, and whether that can end.
    fn obstacle(&self) -> Option<Next> {
        match self.standing {
            Standing::Registered => None,
            Standing::Unknown | Standing::Unregistered => Some(Next::Waiting(
                "the chain does not know this provider: register it with `finality-provider register`"
                    .to_owned(),
            )),
            Standing::Jailed => Some(Next::Waiting(format!(
                "jailed, {}: find out why votes were missed, then `finality-provider unjail`",
                self.jailed_until.map_or_else(
                    || "and the chain does not say for how long".to_owned(),
                    |until| time_left(until, SystemTime::now())
                )
            ))),
            Standing::Slashed => Some(Next::End(Some(
                "slashed, for ever: two votes for one height were published and its key is public; take it out of the \
                 configuration"
                    .to_owned(),
            ))),
        }
    }
}

/// What a provider may do, as the chain describes it.
pub fn standing(known: Option<&FinalityProvider>) -> Standing {
    match known {
        None => Standing::Unregistered,
        Some(provider) if provider.slashed_at.is_some() => Standing::Slashed,
        Some(provider) if provider.jailed => Standing::Jailed,
        Some(_) => Standing::Registered,
    }
}

/// How long it is from `now` until a jail ends, in words.
pub fn time_left(until: SystemTime, now: SystemTime) -> String {
    match until.duration_since(now) {
        Ok(left) if left.as_secs() > 0 => {
            let minutes = left.as_secs().div_ceil(60);
            format!("for another {} h {} min", minutes / 60, minutes % 60)
        }
        _ => "its time is over".to_owned(),
    }
}

/// Seconds since 1970.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
