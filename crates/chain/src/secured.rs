//! A chain of a program's configuration: Babylon or a partner chain, before and after it answers.

use std::sync::Arc;

use staking::proof_of_possession::{AccountAddress, AccountAddressError};

use crate::babylon::{self, AccountKey, Babylon};
use crate::mesh::{self, BABYLON, Mesh};
use crate::{Chain, ChainError, VotingDomain};

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
    /// All chains of a configuration, Babylon first.
    pub fn all(babylon: Option<&babylon::Config>, partners: &[mesh::Config]) -> Vec<Self> {
        let babylon = babylon.cloned().map(Self::Babylon);
        let partners = partners.iter().cloned().map(Self::Partner);
        babylon.into_iter().chain(partners).collect()
    }

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

    /// Whose votes it takes: known before it answers.
    pub fn domain(&self) -> VotingDomain {
        match self {
            Self::Babylon(config) => VotingDomain::Babylon(config.chain_id.clone()),
            Self::Partner(config) => VotingDomain::PartnerChain(config.domain.0),
        }
    }

    /// Where the configuration says how it is reached.
    pub fn url_setting(&self) -> &'static str {
        match self {
            Self::Babylon(_) => "babylon.grpc_url",
            Self::Partner(_) => "chain.node.grpc_url",
        }
    }

    /// Prefix of its account addresses.
    pub fn account_prefix(&self) -> &str {
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
    pub fn address(&self, account: &AccountKey) -> Result<AccountAddress, AccountAddressError> {
        account.address(self.account_prefix())
    }

    /// The same account there as `other` is on another chain of this seed.
    ///
    /// # Errors
    ///
    /// As [`Self::address`].
    pub fn same_address(
        &self,
        other: &AccountAddress,
    ) -> Result<AccountAddress, AccountAddressError> {
        AccountAddress::new(self.account_prefix(), other.bytes())
    }

    /// The address of nobody, to ask questions with.
    ///
    /// # Errors
    ///
    /// As [`Self::address`].
    pub fn nobody(&self) -> Result<AccountAddress, AccountAddressError> {
        AccountAddress::new(self.account_prefix(), &[0; 20])
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

    /// Connects once, to ask questions for nobody.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`], and for a prefix that no address can have.
    pub async fn watch(&self) -> Result<Connected, ChainError> {
        let nobody = self.nobody().map_err(|error| ChainError::InvalidMessage {
            reason: error.to_string(),
        })?;
        self.connect(Account::Watched(nobody)).await
    }
}
