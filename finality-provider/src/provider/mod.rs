//! One finality provider at work.
//!
//! Two loops share what the provider has committed to: [`Provider::commit`] keeps the runway of public randomness
//! long enough, [`Provider::vote`] casts the votes that are due. Each round asks the chain, decides with a pure
//! function, and acts; a round that fails is the loop's to repeat, and nothing it did needs undoing.

mod committed;
mod committer;
mod status;
mod voter;

use std::sync::Arc;

use chain::{Chain, ChainError, FinalityProvider};
use staking::keys::FinalityProviderKey;
use tokio::sync::Mutex;

use crate::randomness::CommitPolicy;
use crate::signer::{EotsSigner, SignerError};
use committed::Committed;

pub use committed::CommittedError;
pub use status::{ProviderStatus, Standing, StatusCell};
pub use voter::VotingProgress;

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
}

/// A finality provider and what it works with.
pub struct Provider {
    name: String,
    key: FinalityProviderKey,
    chain: Arc<dyn Chain>,
    signer: Arc<dyn EotsSigner>,
    policy: CommitPolicy,
    committed: Mutex<Committed>,
    status: StatusCell,
}

impl Provider {
    /// A provider called `name` that votes on `chain` with a key that `signer` holds.
    pub fn new(
        name: &str,
        key: FinalityProviderKey,
        chain: Arc<dyn Chain>,
        signer: Arc<dyn EotsSigner>,
        policy: CommitPolicy,
    ) -> Self {
        Self {
            name: name.to_owned(),
            key,
            chain,
            signer,
            policy,
            committed: Mutex::new(Committed::new(key)),
            status: StatusCell::new(name, key.to_string()),
        }
    }

    /// Its EOTS key.
    pub fn key(&self) -> FinalityProviderKey {
        self.key
    }

    /// Where its state can be read while it works.
    pub fn status(&self) -> StatusCell {
        self.status.clone()
    }

    /// Asks the chain what the provider may do; a jailed one may still commit, a slashed one nothing.
    async fn standing(&self) -> Result<Standing, ChainError> {
        Ok(standing(
            self.chain.finality_provider(&self.key).await?.as_ref(),
        ))
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
