//! The chains that the providers of this process vote on: Babylon and partner chains, each by itself.

use std::sync::Arc;

use chain::babylon::{AccountKey, Babylon};
use chain::mesh::{BABYLON, Mesh};
use chain::{Chain, ChainError, VotingDomain, babylon, mesh};
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

impl SecuredChain {
    /// What commands, logs and metrics call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Babylon(_) => BABYLON,
            Self::Partner(config) => &config.name,
        }
    }

    /// Whose votes it takes: known before it answers.
    pub fn domain(&self) -> VotingDomain {
        match self {
            Self::Babylon(config) => VotingDomain::Babylon(config.chain_id.clone()),
            Self::Partner(config) => VotingDomain::PartnerChain(config.domain.0),
        }
    }

    /// Prefix of its account addresses.
    pub fn account_prefix(&self) -> &str {
        match self {
            Self::Babylon(config) => &config.account_prefix,
            Self::Partner(config) => &config.node.account_prefix,
        }
    }

    /// The chain, with an account.
    pub async fn connect(&self, account: AccountKey) -> Result<Arc<dyn Chain>, ChainError> {
        Ok(match self {
            Self::Babylon(config) => Arc::new(Babylon::connect(config.clone(), account).await?),
            Self::Partner(config) => Arc::new(Mesh::connect(config.clone(), account).await?),
        })
    }

    /// The chain, to ask but not to send.
    pub async fn watch(&self) -> Result<Arc<dyn Chain>, ChainError> {
        Ok(match self {
            Self::Babylon(config) => {
                let nobody = AccountAddress::new(&config.account_prefix, &[0; 20]);
                let nobody = nobody.map_err(|error| ChainError::InvalidMessage {
                    reason: error.to_string(),
                })?;
                Arc::new(Babylon::watch(config.clone(), nobody).await?)
            }
            Self::Partner(config) => Arc::new(Mesh::watch(config.clone()).await?),
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

    /// The chain that a command names; where it names none, the only one, or Babylon.
    pub fn secured_chain(&self, name: Option<&str>) -> Result<SecuredChain, CommandError> {
        let mut chains = self.secured_chains();
        let names: Vec<_> = chains.iter().map(|chain| chain.name().to_owned()).collect();
        let position = match name {
            Some(name) => names.iter().position(|known| known == name),
            None if self.babylon.is_some() || names.len() == 1 => Some(0),
            None => None,
        };
        if let Some(position) = position.filter(|position| *position < chains.len()) {
            return Ok(chains.swap_remove(position));
        }
        let message = match name {
            Some(name) => format!("the configuration has no chain with the name `{name}`"),
            None => "the configuration has several chains: say which one with --chain".to_owned(),
        };
        let error = CommandError::new(Exit::Configuration, "unknown-chain", message);
        Err(error.with_hint(format!("it has: {}", names.join(", "))))
    }
}
