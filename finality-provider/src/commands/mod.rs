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

use chain::{Account, Chain, ChainError, Message, Receipt, SecuredChain};
use daemon::output::{CommandError, Exit};
use keystore::Passphrase;
use proto::endpoint::Endpoint;

use crate::config::ProviderConfig;
use crate::keys::account_key;
use crate::signer::Remote;

/// The signer in another process, for one chain.
fn remote_signer(chain: &SecuredChain, endpoint: &Endpoint) -> Result<Remote, CommandError> {
    Remote::new(endpoint.clone(), &chain.domain().to_string())
        .map_err(|error| CommandError::caused_by(Exit::Unreachable, "signer-unreachable", &error))
}

/// The chain, with the account of one provider.
async fn connect(
    chain: &SecuredChain,
    provider: &ProviderConfig,
    home: &Path,
    passphrase: &Passphrase,
) -> Result<Arc<dyn Chain>, CommandError> {
    let account = Account::Unlocked(account_key(provider, home, passphrase)?);
    Ok(chain.connect(account).await?.chain())
}

/// Sends one message and waits until it is in a block.
async fn submit_one(chain: &dyn Chain, message: Message) -> Result<Receipt, ChainError> {
    chain.submit(vec![message]).await.pop().unwrap_or_else(|| {
        Err(ChainError::InvalidMessage {
            reason: "no outcome came for it".to_owned(),
        })
    })
}
