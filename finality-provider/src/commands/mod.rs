//! One module for each command.

pub mod extract_key;
pub mod init;
pub mod keys;
pub mod register;
pub mod rewards;
pub mod signer;
pub mod start;
pub mod status;
pub mod unjail;

use std::path::Path;
use std::sync::Arc;

use chain::{Chain, ChainError, Message, Receipt};
use daemon::output::{CommandError, Exit};
use keystore::Passphrase;

use crate::config::Config;
use crate::connect::{self, MissingRecord};
use crate::signer::{EotsSigner, Remote};

/// The signer that the configuration names: another process, or the keys of this home.
async fn own_signer(
    config: &Config,
    home: &Path,
    passphrase: &Passphrase,
    chain: &dyn Chain,
    missing: MissingRecord,
) -> Result<Arc<dyn EotsSigner>, CommandError> {
    if let Some(endpoint) = &config.signer.endpoint {
        let remote = Remote::new(endpoint.clone(), &config.babylon.chain_id);
        return Ok(Arc::new(remote.map_err(|error| {
            CommandError::caused_by(Exit::Unreachable, "signer-unreachable", &error)
        })?));
    }
    let embedded = connect::embedded_signer(config, home, passphrase, chain, missing).await?;
    Ok(Arc::new(embedded))
}

/// Sends one message and waits until it is in a block.
async fn submit_one(chain: &dyn Chain, message: Message) -> Result<Receipt, ChainError> {
    chain.submit(vec![message]).await.pop().unwrap_or_else(|| {
        Err(ChainError::InvalidMessage {
            reason: "no outcome came for it".to_owned(),
        })
    })
}
