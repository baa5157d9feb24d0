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

use chain::{Chain, ChainError, Message, Receipt};
use daemon::output::{CommandError, Exit};
use proto::endpoint::Endpoint;

use crate::config::Config;
use crate::signer::Remote;

/// The signer in another process.
fn remote_signer(config: &Config, endpoint: &Endpoint) -> Result<Remote, CommandError> {
    Remote::new(endpoint.clone(), &config.babylon.chain_id)
        .map_err(|error| CommandError::caused_by(Exit::Unreachable, "signer-unreachable", &error))
}

/// Sends one message and waits until it is in a block.
async fn submit_one(chain: &dyn Chain, message: Message) -> Result<Receipt, ChainError> {
    chain.submit(vec![message]).await.pop().unwrap_or_else(|| {
        Err(ChainError::InvalidMessage {
            reason: "no outcome came for it".to_owned(),
        })
    })
}
