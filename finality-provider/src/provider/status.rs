//! How one provider is doing, for `/status`, for metrics and for people.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use staking::units::ChainHeight;

/// What a provider can do at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The chain has not been asked yet.
    #[default]
    Unknown,
    /// The chain does not know the provider: `register` it.
    Unregistered,
    /// May vote wherever it has power.
    Registered,
    /// Out of the active set until `unjail`.
    Jailed,
    /// For ever.
    Slashed,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "not asked yet",
            Self::Unregistered => "not registered",
            Self::Registered => "registered",
            Self::Jailed => "jailed",
            Self::Slashed => "slashed",
        })
    }
}

/// A provider's state as last seen.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ProviderStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its EOTS key, hex.
    pub key: String,
    /// What it can do at present.
    pub standing: Standing,
    /// Voting power at the newest height looked at, in satoshi.
    pub power: u64,
    /// The chain's tip when last asked.
    pub tip: ChainHeight,
    /// Newest height voted for since the start of the process.
    pub last_vote: Option<ChainHeight>,
    /// Votes accepted since the start of the process.
    pub votes: u64,
    /// Last height for which randomness is committed.
    pub randomness_to: Option<ChainHeight>,
    /// Covered heights above the tip.
    pub runway: u64,
    /// Signatures the signer refused to give since the start of the process.
    pub refused: u64,
    /// What went wrong last, until something goes right again.
    pub problem: Option<String>,
}

/// One provider's status, written by its tasks and read by whoever asks.
#[derive(Debug, Clone, Default)]
pub struct StatusCell(Arc<Mutex<ProviderStatus>>);

impl StatusCell {
    /// Starts out knowing only who it is.
    pub fn new(name: &str, key: String) -> Self {
        Self(Arc::new(Mutex::new(ProviderStatus {
            name: name.to_owned(),
            key,
            ..ProviderStatus::default()
        })))
    }

    /// The state as last seen.
    pub fn get(&self) -> ProviderStatus {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ProviderStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
