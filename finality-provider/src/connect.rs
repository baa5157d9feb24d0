//! Connections that commands and the service open from the configuration.

use std::path::Path;
use std::sync::Arc;

use chain::babylon::{AccountKey, Babylon};
use chain::{Chain, ChainError};
use daemon::output::{CommandError, Exit};
use keystore::Passphrase;
use sign_guard::{ChainDomain, ChainDomainError, Identity, OpenError, SignGuard};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::AccountAddress;

use crate::config::{Config, ProviderConfig};
use crate::keys::{account_key, eots_key};
use crate::signer::Embedded;

/// Where the signing record is below the home directory.
pub const RECORD_FILE: &str = "data/signing-record.redb";

/// What to do where there is no signing record although a key has voted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRecord {
    /// Refuse: another machine may still sign with the key.
    Refuse,
    /// Make one that signs nothing up to the highest vote on the chain.
    AdoptChainWatermark,
}

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

/// The signer of this process: unlocks the keys of all enabled providers and opens their signing record.
///
/// # Errors
///
/// Refuses a missing record where the chain has seen votes of one of the keys, unless told to adopt them: without the
/// record nothing keeps the key from signing a height twice.
pub async fn embedded_signer(
    config: &Config,
    home: &Path,
    passphrase: &Passphrase,
    chain: &dyn Chain,
    missing: MissingRecord,
) -> Result<Embedded, CommandError> {
    let domain: ChainDomain =
        config
            .babylon
            .chain_id
            .parse()
            .map_err(|error: ChainDomainError| {
                CommandError::caused_by(Exit::Configuration, "config-invalid", &error)
            })?;
    let keys: Vec<_> = config
        .providers
        .iter()
        .filter(|provider| provider.enabled)
        .map(|provider| eots_key(provider, home, passphrase))
        .collect::<Result<_, _>>()?;
    let record = open_record(home)?;
    for (key, _) in &keys {
        let identity = Identity {
            public_key: key.to_bytes(),
            chain: domain.clone(),
        };
        if record
            .status(&identity)
            .map_err(|error| storage(&error))?
            .is_none()
        {
            let watermark = first_watermark(chain, *key, missing).await?;
            record
                .register(&identity, watermark)
                .map_err(|error| storage(&error))?;
        }
    }
    Ok(Embedded::new(domain, keys, record))
}

fn open_record(home: &Path) -> Result<SignGuard, CommandError> {
    let path = home.join(RECORD_FILE);
    match SignGuard::open(&path) {
        Err(OpenError::Missing { .. }) => {
            let directory = path.parent().unwrap_or(home);
            std::fs::create_dir_all(directory).map_err(|error| {
                let message = format!("{} cannot be created: {error}", directory.display());
                CommandError::new(Exit::Failed, "directory-not-created", message)
            })?;
            SignGuard::create(&path)
        }
        opened => opened,
    }
    .map_err(|error| match error {
        OpenError::InUse { .. } => {
            CommandError::caused_by(Exit::Refused, "signing-record-in-use", &error)
        }
        _ => CommandError::caused_by(Exit::Refused, "signing-record", &error),
    })
}

/// The watermark with which a key without a record starts: 0 for one that has never voted.
async fn first_watermark(
    chain: &dyn Chain,
    key: FinalityProviderKey,
    missing: MissingRecord,
) -> Result<u64, CommandError> {
    let voted = chain
        .finality_provider(&key)
        .await?
        .and_then(|known| known.highest_voted_height);
    match (voted, missing) {
        (None, _) => Ok(0),
        (Some(height), MissingRecord::AdoptChainWatermark) => Ok(height.0),
        (Some(height), MissingRecord::Refuse) => Err(CommandError::new(
            Exit::Refused,
            "signing-record-missing",
            format!(
                "finality provider {key} has voted up to height {height}, but this home has no record of what it \
                 signed; signing a height again would reveal the key and burn the stake"
            ),
        )
        .with_hint(
            "start it where its record is; if that is lost and no other machine uses the key any more, \
             use --adopt-chain-watermark",
        )),
    }
}

fn storage(error: &sign_guard::StorageError) -> CommandError {
    CommandError::caused_by(Exit::Refused, "signing-record", error)
}
