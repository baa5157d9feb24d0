//! What can go wrong when asking for Bitcoin data, sorted by what a caller does about it.

use bitcoin::Network;

use crate::config::ConfigError;
use crate::rejection::Rejection;

/// A question or broadcast that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Nobody answered, or the node is still starting: wait and try again.
    #[error("bitcoin node {endpoint} did not answer: {reason}; is it running and reachable?")]
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// What came instead.
        reason: String,
    },
    /// The node refused our credentials.
    #[error(
        "bitcoin node {endpoint} refused the credentials: {reason}; check `cookie_file`, or `rpc_user` and \
         `rpc_password_file`"
    )]
    Auth {
        /// Where it was asked.
        endpoint: String,
        /// Why, without the credentials.
        reason: String,
    },
    /// The node follows another chain than the configuration says.
    #[error(
        "the bitcoin node is on `{actual}`, the configuration says `{}`; correct `network` or `rpc_url`",
        expected.to_core_arg()
    )]
    WrongNetwork {
        /// Configured network.
        expected: Network,
        /// The node's, in its own words.
        actual: String,
    },
    /// The node does not have what was asked for.
    #[error("the bitcoin node does not have {what}: {reason}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The node's words.
        reason: String,
    },
    /// The node has deleted what was asked for to save space.
    #[error(
        "the bitcoin node has deleted {what}: {reason}; use a node that keeps all blocks (`prune=0`)"
    )]
    Pruned {
        /// What was asked for.
        what: String,
        /// The node's words.
        reason: String,
    },
    /// The node refused a transaction or a request.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The node's answer could not be read or contradicts itself.
    #[error("bitcoin node's answer to {question}: {reason}")]
    InvalidAnswer {
        /// What was asked.
        question: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl SourceError {
    /// Whether the same question may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
