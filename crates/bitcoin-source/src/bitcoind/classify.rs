//! Sorts failures of an RPC call by what the caller can do about them.

use std::io;

use bitcoincore_rpc::Error as RpcError;
use bitcoincore_rpc::jsonrpc;

use super::rpc::{RpcClient, http_status};
use crate::error::SourceError;
use crate::rejection::Rejection;

// Error codes of Bitcoin Core's `rpc/protocol.h`.
const MISC_ERROR: i32 = -1;
const INVALID_ADDRESS_OR_KEY: i32 = -5;
const INVALID_PARAMETER: i32 = -8;
const CLIENT_NOT_CONNECTED: i32 = -9;
const CLIENT_IN_INITIAL_DOWNLOAD: i32 = -10;
const IN_WARMUP: i32 = -28;

impl RpcClient {
    /// Sorts the failure of a call. `question` names what was asked in messages, such as `block 00ab..`.
    pub fn classify(&self, question: &str, error: &RpcError) -> SourceError {
        match error {
            RpcError::JsonRpc(jsonrpc::Error::Rpc(error)) => {
                self.classify_answer(question, error.code, &error.message)
            }
            RpcError::JsonRpc(jsonrpc::Error::Transport(transport)) => match http_status(error) {
                Some(401) => self.refused("wrong user, password or cookie"),
                Some(403) => self.refused("not allowed by `rpcallowip` or `rpcwhitelist`"),
                // The body of such an answer is not for people.
                Some(status) => self.unreachable(format!("HTTP status {status}")),
                None => self.unreachable(transport.to_string()),
            },
            // bitcoind removes its cookie when it stops and writes a new one when it starts.
            RpcError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                self.unreachable(error.to_string())
            }
            RpcError::Io(error) => self.refused(&error.to_string()),
            RpcError::InvalidCookieFile => self.refused("the cookie file is not `user:password`"),
            other => invalid(question, other.to_string()),
        }
    }

    fn classify_answer(&self, question: &str, code: i32, message: &str) -> SourceError {
        match code {
            IN_WARMUP | CLIENT_NOT_CONNECTED | CLIENT_IN_INITIAL_DOWNLOAD => {
                self.unreachable(message.to_owned())
            }
            INVALID_ADDRESS_OR_KEY => SourceError::NotFound {
                what: question.to_owned(),
                reason: message.to_owned(),
            },
            INVALID_PARAMETER if message.contains("out of range") => SourceError::NotFound {
                what: question.to_owned(),
                reason: message.to_owned(),
            },
            MISC_ERROR if message.contains("pruned") => SourceError::Pruned {
                what: question.to_owned(),
                reason: message.to_owned(),
            },
            code => Rejection {
                code,
                reason: message.to_owned(),
            }
            .into(),
        }
    }

    /// An error that says: try again later.
    pub(super) fn unreachable(&self, reason: String) -> SourceError {
        SourceError::Unreachable {
            endpoint: self.endpoint().to_owned(),
            reason,
        }
    }

    fn refused(&self, reason: &str) -> SourceError {
        SourceError::Auth {
            endpoint: self.endpoint().to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// An answer that makes no sense.
pub(super) fn invalid(question: &str, reason: impl Into<String>) -> SourceError {
    SourceError::InvalidAnswer {
        question: question.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::Network;
    use bitcoincore_rpc::RpcApi as _;

    use super::*;
    use crate::config::Config;

    fn client() -> RpcClient {
        let config = Config::new(Network::Regtest, "http://127.0.0.1:1", "/no/.cookie".into());
        RpcClient::new(&config).unwrap()
    }

    fn answer(code: i32, message: &str) -> SourceError {
        let error = jsonrpc::error::RpcError {
            code,
            message: message.to_owned(),
            data: None,
        };
        client().classify("the thing", &RpcError::JsonRpc(jsonrpc::Error::Rpc(error)))
    }

    #[test]
    fn answers_are_sorted_by_what_to_do() {
        assert!(matches!(
            answer(-28, "Loading block index…"),
            SourceError::Unreachable { .. }
        ));
        assert!(matches!(
            answer(-5, "Block not found"),
            SourceError::NotFound { .. }
        ));
        assert!(matches!(
            answer(-8, "Block height out of range"),
            SourceError::NotFound { .. }
        ));
        assert!(matches!(
            answer(-1, "Block not available (pruned data)"),
            SourceError::Pruned { .. }
        ));
        assert!(matches!(answer(-26, "dust"), SourceError::Rejected(_)));
        assert!(matches!(
            answer(-8, "vout cannot be negative"),
            SourceError::Rejected(_)
        ));
    }

    #[test]
    fn a_stopped_node_is_unreachable_even_though_its_cookie_is_gone() {
        let client = client();
        let error = client.get_block_count().unwrap_err();
        assert!(client.classify("the tip", &error).is_transient());
    }
}
