//! The chains that this watchtower serves: Babylon and partner chains, each by itself.

use std::sync::Arc;

use chain::babylon::{AccountKey, Babylon};
use chain::mesh::{BABYLON, Mesh};
use chain::{Chain, ChainError, babylon, mesh};
use daemon::output::{CommandError, Exit};
use staking::proof_of_possession::AccountAddress;

use crate::config::Config;

/// One chain of the configuration.
#[derive(Debug, Clone)]
pub enum SecuredChain {
    /// `[babylon]`.
    Babylon(babylon::Config),
    /// One `[[chain]]`.
    Partner(mesh::Config),
}

/// A chain that answered.
#[derive(Debug, Clone)]
pub enum Connected {
    /// Babylon.
    Babylon(Arc<Babylon>),
    /// A partner chain.
    Partner(Arc<Mesh>),
}

/// For whom a chain is talked to.
#[derive(Debug, Clone)]
pub enum Account {
    /// Only questions are asked.
    Watched(AccountAddress),
    /// Messages are sent too.
    Unlocked(AccountKey),
}

impl Connected {
    /// The chain without what only one kind of chain has.
    pub fn chain(&self) -> Arc<dyn Chain> {
        match self {
            Self::Babylon(chain) => Arc::<Babylon>::clone(chain),
            Self::Partner(chain) => Arc::<Mesh>::clone(chain),
        }
    }
}

impl SecuredChain {
    /// What commands, logs and metrics call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Babylon(_) => BABYLON,
            Self::Partner(config) => &config.name,
        }
    }

    /// Its id.
    pub fn chain_id(&self) -> &str {
        match self {
            Self::Babylon(config) => &config.chain_id,
            Self::Partner(config) => &config.node.chain_id,
        }
    }

    /// Where the configuration says how it is reached.
    pub fn url_setting(&self) -> &'static str {
        match self {
            Self::Babylon(_) => "babylon.grpc_url",
            Self::Partner(_) => "chain.node.grpc_url",
        }
    }

    /// What a role, its parked items and its entry of `/ready` are called here.
    pub fn task(&self, role: &str) -> String {
        match self {
            Self::Babylon(_) => role.to_owned(),
            Self::Partner(config) => format!("{}-{role}", config.name),
        }
    }

    /// The table of a role's progress: of the instance and not of its name, so that nobody goes on where another stopped.
    pub fn table(&self, role: &str) -> String {
        match self {
            Self::Babylon(_) => role.to_owned(),
            Self::Partner(config) => format!("{}/{role}", config.domain.0),
        }
    }

    fn account_prefix(&self) -> &str {
        match self {
            Self::Babylon(config) => &config.account_prefix,
            Self::Partner(config) => &config.node.account_prefix,
        }
    }

    /// The address of an account there.
    ///
    /// # Errors
    ///
    /// Fails for a prefix that no address can have.
    pub fn address(&self, account: &AccountKey) -> Result<AccountAddress, CommandError> {
        account
            .address(self.account_prefix())
            .map_err(|error| CommandError::caused_by(Exit::Configuration, "config-invalid", &error))
    }

    /// The same account there as `other` is on another chain of this seed.
    ///
    /// # Errors
    ///
    /// As [`Self::address`].
    pub fn same_address(&self, other: &AccountAddress) -> Result<AccountAddress, CommandError> {
        AccountAddress::new(self.account_prefix(), other.bytes())
            .map_err(|error| CommandError::caused_by(Exit::Configuration, "config-invalid", &error))
    }

    /// The address of nobody, to ask questions with.
    ///
    /// # Errors
    ///
    /// As [`Self::address`].
    pub fn nobody(&self) -> Result<AccountAddress, CommandError> {
        AccountAddress::new(self.account_prefix(), &[0; 20])
            .map_err(|error| CommandError::caused_by(Exit::Configuration, "config-invalid", &error))
    }

    /// Connects once.
    ///
    /// # Errors
    ///
    /// Fails where the node does not answer, or is another chain's.
    pub async fn connect(&self, account: Account) -> Result<Connected, ChainError> {
        Ok(match (self, account) {
            (Self::Babylon(config), Account::Watched(address)) => {
                Connected::Babylon(Arc::new(Babylon::watch(config.clone(), address).await?))
            }
            (Self::Babylon(config), Account::Unlocked(key)) => {
                Connected::Babylon(Arc::new(Babylon::connect(config.clone(), key).await?))
            }
            (Self::Partner(config), Account::Watched(_)) => {
                Connected::Partner(Arc::new(Mesh::watch(config.clone()).await?))
            }
            (Self::Partner(config), Account::Unlocked(key)) => {
                Connected::Partner(Arc::new(Mesh::connect(config.clone(), key).await?))
            }
        })
    }
}

impl Config {
    /// All chains, Babylon first; at least one.
    pub fn secured_chains(&self) -> Vec<SecuredChain> {
        let babylon = self.babylon.iter().cloned().map(SecuredChain::Babylon);
        let partners = self.chains.iter().cloned().map(SecuredChain::Partner);
        babylon.chain(partners).collect()
    }
}
