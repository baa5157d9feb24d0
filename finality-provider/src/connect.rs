//! Connections that commands and the service open from the configuration.

use std::path::Path;
use std::sync::Arc;

use chain::babylon::{AccountKey, Babylon};
use chain::{Chain, ChainError};
use daemon::output::{CommandError, Exit};
use keystore::Passphrase;
use sign_guard::{ChainDomain, ChainDomainError};
use staking::proof_of_possession::AccountAddress;

use crate::config::{Config, ProviderConfig};
use crate::keys::account_key;

/// The chain, with the account of one provider.
pub async fn chain(
    config: &Config,
    provider: &ProviderConfig,
    home: &Path,
    passphrase: &Passphrase,
) -> Result<Arc<dyn Chain>, CommandError> {
    Ok(chain_for(config, account_key(provider, home, passphrase)?).await?)
}

/// The chain, with an account.
pub async fn chain_for(config: &Config, account: AccountKey) -> Result<Arc<dyn Chain>, ChainError> {
    Ok(Arc::new(
        Babylon::connect(config.babylon.clone(), account).await?,
    ))
}

/// The chain, to ask but not to send.
pub async fn chain_without_account(config: &Config) -> Result<Arc<dyn Chain>, ChainError> {
    let nobody =
        AccountAddress::new(&config.babylon.account_prefix, &[0; 20]).map_err(|error| {
            ChainError::InvalidMessage {
                reason: error.to_string(),
            }
        })?;
    Ok(Arc::new(
        Babylon::watch(config.babylon.clone(), nobody).await?,
    ))
}

/// The chain as signing records name it.
pub fn chain_domain(config: &Config) -> Result<ChainDomain, CommandError> {
    config
        .babylon
        .chain_id
        .parse()
        .map_err(|error: ChainDomainError| {
            CommandError::caused_by(Exit::Configuration, "config-invalid", &error)
        })
}
