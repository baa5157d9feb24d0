//! How often a provider looks at its chains, and how far ahead it commits.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use serde::Deserialize;

use crate::randomness::CommitPolicy;

/// `[randomness]`; in blocks of the chain.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomnessConfig {
    /// Commit again when fewer covered heights than this remain.
    pub commit_ahead: NonZeroU64,
    /// Heights in one commitment; at most [`MOST_COMMITTED`](crate::signer::MOST_COMMITTED).
    pub commit_count: NonZeroU32,
    /// How often the runway is looked at. Seconds.
    pub check_interval_seconds: NonZeroU32,
}

impl Default for RandomnessConfig {
    /// A commitment counts about 100 Bitcoin blocks (17 hours, 6,000 blocks of ten seconds) after it was made; 10,000
    /// leaves room for slow blocks. 50,000 heights are five to six days.
    fn default() -> Self {
        Self {
            commit_ahead: const { NonZeroU64::new(10_000).unwrap() },
            commit_count: const { NonZeroU32::new(50_000).unwrap() },
            check_interval_seconds: const { NonZeroU32::new(30).unwrap() },
        }
    }
}

impl RandomnessConfig {
    /// The policy that these settings make.
    pub fn policy(&self) -> CommitPolicy {
        CommitPolicy {
            ahead: self.commit_ahead.get(),
            count: self.commit_count.get().into(),
        }
    }

    /// How often the runway is looked at.
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs(self.check_interval_seconds.get().into())
    }
}

/// `[voting]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VotingConfig {
    /// How often to look for a new block. Milliseconds.
    pub poll_interval_milliseconds: NonZeroU32,
}

impl Default for VotingConfig {
    /// Babylon makes a block in about ten seconds, and a vote is in time for three of them.
    fn default() -> Self {
        Self {
            poll_interval_milliseconds: const { NonZeroU32::new(1_000).unwrap() },
        }
    }
}

impl VotingConfig {
    /// How often to look for a new block.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_milliseconds.get().into())
    }
}

/// `[reporting]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportingConfig {
    /// Whether stakes are shown to the partner chains that their stakers have consented to.
    pub enabled: bool,
    /// How often to look for what is to be shown. Seconds.
    pub interval_seconds: NonZeroU32,
}

impl Default for ReportingConfig {
    /// A stake waits for blocks of Bitcoin anyway.
    fn default() -> Self {
        Self {
            enabled: true,
            interval_seconds: const { NonZeroU32::new(30).unwrap() },
        }
    }
}

impl ReportingConfig {
    /// How often to look.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.get().into())
    }
}
