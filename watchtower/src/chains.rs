//! The chains that this watchtower serves: Babylon and partner chains, each by itself.

use chain::SecuredChain;

use crate::config::Config;

/// What belongs to a role is told apart by its chain.
pub trait OfRole {
    /// What a role, its parked items and its entry of `/ready` are called here.
    fn task(&self, role: &str) -> String;

    /// The table of a role's progress: of the instance and not of its name, so that nobody goes on where another stopped.
    fn table(&self, role: &str) -> String;
}

impl OfRole for SecuredChain {
    fn task(&self, role: &str) -> String {
        match self {
            Self::Babylon(_) => role.to_owned(),
            Self::Partner(config) => format!("{}-{role}", config.name),
        }
    }

    fn table(&self, role: &str) -> String {
        match self {
            Self::Babylon(_) => role.to_owned(),
            Self::Partner(config) => format!("{}/{role}", config.domain.0),
        }
    }
}

impl Config {
    /// All chains, Babylon first; at least one.
    pub fn secured_chains(&self) -> Vec<SecuredChain> {
        SecuredChain::all(self.babylon.as_ref(), &self.chains)
    }
}
