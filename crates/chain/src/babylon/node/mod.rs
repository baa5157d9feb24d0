//! Questions to one Babylon node.
//!
//! Every method asks one gRPC query, with a deadline, and gives back domain types: what the node sent is read in
//! `read` and nothing of it travels further. The connection is made on the first question and remade after it broke.

mod account;
mod checkpoint;
mod finality;
mod light_client;
mod refusal;
mod staking;
mod transaction;

use std::time::Duration;

use proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use proto::field::FieldError;
use proto::tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use proto::tonic::{Response, Status};

pub(super) use refusal::SDK;
pub(super) use transaction::{AccountState, Included, TransactionService};

use super::config::Config;
use crate::ChainError;
use refusal::Failure;

/// Largest answer that is read. A thousand delegations with all their signatures take about 10 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// How many items a page of a listing has that is read to its end.
const PAGE_SIZE: u64 = 500;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence within a request after which the connection is tested, and how long the test may take. A connection that
/// turned dead unnoticed is given up within the first request that it swallows. Never while idle: the node's gRPC server
/// hangs up on clients that do that.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A connection to one node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    channel: Channel,
    endpoint: String,
    request_timeout: Duration,
}

impl Node {
    /// Prepares the connection; nothing is sent yet.
    pub(super) fn new(config: &Config) -> Result<Self, ChainError> {
        let url = &config.grpc_url;
        let mut endpoint = Endpoint::from(url.uri().clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(false)
            .tcp_nodelay(true);
        if url.uses_tls() {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_native_roots())
                .map_err(|error| ChainError::Unreachable {
                    endpoint: url.to_string(),
                    reason: format!("TLS cannot be set up: {error}"),
                })?;
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            endpoint: url.to_string(),
            request_timeout: config.request_timeout(),
        })
    }

    /// Waits for an answer until the deadline.
    async fn ask<T>(
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
    fn error(&self, query: &'static str, failure: Failure) -> ChainError {
        match failure {
            Failure::Unreachable(reason) => ChainError::Unreachable {
                endpoint: self.endpoint.clone(),
                reason,
            },
            Failure::Refused(rejection) => ChainError::Rejected(rejection),
            Failure::TooLarge(reason) | Failure::Other(reason) => {
                ChainError::InvalidAnswer { query, reason }
            }
        }
    }
}

/// The error for an answer that has a bad field.
fn invalid(query: &'static str) -> impl Fn(FieldError) -> ChainError {
    move |error| ChainError::InvalidAnswer {
        query,
        reason: error.to_string(),
    }
}

/// Asks for the page that begins at `key`, or for the first.
fn page(key: Vec<u8>, limit: u64) -> PageRequest {
    PageRequest {
        key,
        limit,
        ..PageRequest::default()
    }
}

/// Where the next page begins; `None` on the last.
fn next_key(pagination: Option<PageResponse>) -> Option<Vec<u8>> {
    pagination
        .map(|page| page.next_key)
        .filter(|key| !key.is_empty())
}

/// A client of one of the node's services; `$client` is the generated type's path below `proto`.
macro_rules! client {
    ($node:expr, $($client:ident)::+) => {
        ::proto::$($client)::+::new($node.channel.clone())
            .max_decoding_message_size($crate::babylon::node::MAX_ANSWER_BYTES)
    };
}
use client;
