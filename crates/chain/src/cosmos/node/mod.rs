//! Questions to one node.
//!
//! Every method asks one gRPC query, with a deadline, and gives back domain types. The connection is made on the first
//! question and remade after it broke. What only one chain answers is asked there, by further methods of [`Node`].

mod account;
mod head;
mod listing;
mod refusal;
mod transaction;

use std::time::Duration;

use proto::field::FieldError;
use proto::tonic::transport::Channel;
use proto::tonic::{Response, Status};

pub(crate) use account::amount;
pub(crate) use refusal::{Failure, SDK};
pub(crate) use transaction::{AccountState, Included, TransactionService};

use super::config::Config;
use crate::ChainError;

/// Largest answer that is read. A thousand delegations with all their signatures take about 10 MiB.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A connection to one node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    channel: Channel,
    endpoint: String,
    request_timeout: Duration,
}

impl Node {
    /// Connects to the node.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`] while it does not answer, [`ChainError::WrongChain`] where it serves another chain.
    pub(crate) async fn connect(config: &Config) -> Result<Self, ChainError> {
        let node = Self::new(config)?;
        let actual = node.chain_id().await?;
        if actual == config.chain_id {
            Ok(node)
        } else {
            Err(ChainError::WrongChain {
                expected: config.chain_id.clone(),
                actual,
            })
        }
    }

    /// Prepares the connection; nothing is sent yet.
    fn new(config: &Config) -> Result<Self, ChainError> {
        let url = &config.grpc_url;
        let endpoint = url.transport().map_err(|error| ChainError::Unreachable {
            endpoint: url.to_string(),
            reason: format!("TLS cannot be set up: {error}"),
        })?;
        Ok(Self {
            channel: endpoint.connect_lazy(),
            endpoint: url.to_string(),
            request_timeout: config.request_timeout(),
        })
    }

    /// The connection, for [`client`].
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for an answer until the deadline.
    pub(crate) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.request_timeout, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Failure::from(&status)),
            Err(_) => Err(Failure::Unreachable(format!(
                "no answer within {} s",
                self.request_timeout.as_secs()
            ))),
        }
    }

    /// The error for a question that has no other answer.
    pub(crate) fn error(&self, query: &'static str, failure: Failure) -> ChainError {
        match failure {
            Failure::Unreachable(reason) => ChainError::Unreachable {
                endpoint: self.endpoint.clone(),
                reason,
            },
            Failure::Refused(rejection) => ChainError::Rejected(rejection),
            Failure::TooLarge(reason) => ChainError::InvalidAnswer { query, reason },
            Failure::Other(code, words) => ChainError::InvalidAnswer {
                query,
                reason: format!("{code:?}: {words}"),
            },
        }
    }
}

/// The error for an answer that has a bad field.
pub(crate) fn invalid(query: &'static str) -> impl Fn(FieldError) -> ChainError {
    move |error| ChainError::InvalidAnswer {
        query,
        reason: error.to_string(),
    }
}

/// A client of one of the node's services; `$client` is the generated type's path below `proto`.
macro_rules! client {
    ($node:expr, $($client:ident)::+) => {
        ::proto::$($client)::+::new($node.channel())
            .max_decoding_message_size($crate::cosmos::node::MAX_ANSWER_BYTES)
    };
}
pub(crate) use client;
