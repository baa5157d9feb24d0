//! How one provider is doing, for `/status`, for metrics and for people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chain::Reward;
use serde::{Deserialize, Serialize};
use staking::units::ChainHeight;

use crate::reporting::ReportingStatus;

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

/// What a provider's problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concern {
    /// Keys, signing record, connection: it does not work yet.
    Start,
    /// Commitments to public randomness.
    Randomness,
    /// Votes.
    Votes,
    /// Stakes that chains are shown.
    Reporting,
    /// The next table, compared with the own Bitcoin node.
    Tables,
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Randomness => "randomness",
            Self::Votes => "votes",
            Self::Reporting => "reporting",
            Self::Tables => "tables",
        })
    }
}

/// How far a table that votes hand over to is from what our own Bitcoin node says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextTable {
    /// Its epoch.
    pub epoch: u64,
    /// Its weight. Satoshi.
    pub total: u64,
    /// Weight without coins that can be burnt. Satoshi.
    pub unbacked: u64,
    /// Weight taken out although its coins are there. Satoshi.
    pub removed: u64,
    /// Whether so much is tolerated, so that votes hand over to it.
    pub agrees: bool,
}

/// A provider's state as last seen.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ProviderStatus {
    /// Its name in the configuration; on a partner chain `name@chain`.
    pub name: String,
    /// Its EOTS key, hex; `None` where the key file cannot be read.
    pub key: Option<String>,
    /// What it can do at present.
    pub standing: Standing,
    /// Until when it stays jailed at least, in seconds since 1970.
    pub jailed_until: Option<u64>,
    /// Height at which it was slashed.
    pub slashed_at: Option<ChainHeight>,
    /// Voting power at the newest height looked at, in satoshi.
    pub power: u64,
    /// The chain's tip when last asked.
    pub tip: ChainHeight,
    /// Heights up to the tip that are not dealt with yet.
    pub lag: u64,
    /// Newest height voted for.
    pub last_vote: Option<ChainHeight>,
    /// When the chain last took a vote since the start of the process, in seconds since 1970.
    pub last_vote_at: Option<u64>,
    /// Votes accepted since the start of the process.
    pub votes: u64,
    /// Votes missed in the chain's present window; too many of them jail.
    pub missed_in_window: Option<u64>,
    /// Last height for which randomness is committed.
    pub randomness_to: Option<ChainHeight>,
    /// Covered heights above the tip.
    pub runway: u64,
    /// What the account has for fees, in the smallest unit; as text, because it can be above 2^53.
    pub fee_balance: Option<String>,
    /// What the account has earned and not withdrawn.
    pub rewards: Vec<RewardStatus>,
    /// Signatures that would have been a second one at their height, refused since the start of the process.
    pub refused: u64,
    /// Which vote was lost last since the start of the process, and why; the others went on.
    pub last_lost_vote: Option<String>,
    /// Stakes that are reported; `None` where nothing is.
    pub reporting: Option<ReportingStatus>,
    /// The table of a partner chain that was compared with the own Bitcoin node last.
    pub next_table: Option<NextTable>,
    /// What is wrong at present, by what it is about.
    pub problems: BTreeMap<Concern, String>,
}

/// Coins that an account earned as one kind of stakeholder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardStatus {
    /// Kind of stakeholder as which it earned them.
    pub kind: String,
    /// As text, because it can be above 2^53.
    pub amount: String,
    /// Of which coin.
    pub denomination: String,
}

impl From<Reward> for RewardStatus {
    fn from(reward: Reward) -> Self {
        Self {
            kind: reward.kind,
            amount: reward.amount.to_string(),
            denomination: reward.denomination,
        }
    }
}

impl ProviderStatus {
    /// The same, with what keeps the provider from working.
    #[must_use]
    pub fn with_problem(mut self, problem: String) -> Self {
        self.problems.insert(Concern::Start, problem);
        self
    }
}

/// One provider's status, written by its tasks and read by whoever asks.
#[derive(Debug, Clone, Default)]
pub struct StatusCell(Arc<Mutex<ProviderStatus>>);

impl StatusCell {
    /// Starts out knowing only who it is.
    pub fn new(name: &str, key: Option<String>) -> Self {
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

    /// Notes a problem, or that there is none any more.
    pub fn set_problem(&self, concern: Concern, problem: Option<String>) {
        self.update(|status| {
            match problem {
                Some(problem) => status.problems.insert(concern, problem),
                None => status.problems.remove(&concern),
            };
        });
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ProviderStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
