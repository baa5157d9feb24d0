//! A signer in a process of its own: the gRPC side that asks.

use std::fmt::Display;
use std::time::Duration;

use async_trait::async_trait;
use committee::message::{network, signatures_from_proto};
use proto::btcmesh::covenant::v1::covenant_signer_client::CovenantSignerClient;
use proto::btcmesh::covenant::v1::sign_delegation_response::Outcome;
use proto::btcmesh::covenant::v1::{GetPublicKeyRequest, GetPublicKeyResponse};
use proto::endpoint::Endpoint;
use proto::field::FieldError;
use proto::tonic::transport::{Channel, Error as TransportError};
use proto::tonic::{Code, Status};
use staking::delegation::CovenantSignatures;
use staking::keys::CovenantKey;
use tokio::sync::OnceCell;

use super::{CovenantSigner, Identity, Refusal, SignerError, SigningRequest, examine, wire};

/// How long to wait for an answer: far above what a signature takes, so that only a stuck signer runs into it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks the signer at an endpoint; connects when it is first asked, and again whenever the connection is lost.
#[derive(Debug)]
pub struct Remote {
    endpoint: Endpoint,
    channel: Channel,
    key: OnceCell<CovenantKey>,
}

impl Remote {
    /// Prepares to ask the signer at `endpoint`.
    pub fn new(endpoint: Endpoint) -> Result<Self, TransportError> {
        let channel = endpoint.channel(TIMEOUT)?;
        Ok(Self {
            endpoint,
            channel,
            key: OnceCell::new(),
        })
    }

    fn client(&self) -> CovenantSignerClient<Channel> {
        CovenantSignerClient::new(self.channel.clone())
    }

    fn unavailable(&self, status: &Status) -> SignerError {
        SignerError::Unavailable(format!("signer at {}: {}", self.endpoint, status.message()))
    }

    fn unreadable(&self, problem: impl Display) -> SignerError {
        SignerError::Unavailable(format!(
            "answer of the signer at {}: {problem}",
            self.endpoint
        ))
    }
}

#[async_trait]
impl CovenantSigner for Remote {
    async fn identity(&self) -> Result<Identity, SignerError> {
        let response = self
            .client()
            .get_public_key(GetPublicKeyRequest {})
            .await
            .map_err(|status| self.unavailable(&status))?;
        identity_from_proto(&response.into_inner()).map_err(|error| self.unreadable(error))
    }

    async fn sign(&self, request: SigningRequest) -> Result<CovenantSignatures, SignerError> {
        let key = *self
            .key
            .get_or_try_init(|| async { self.identity().await.map(|identity| identity.key) })
            .await?;
        let response = self
            .client()
            .sign_delegation(wire::request_to_proto(&request))
            .await
            .map_err(|status| match status.code() {
                // The same request would be unreadable again.
                Code::InvalidArgument => Refusal::new("malformed-request", status.message()).into(),
                _ => self.unavailable(&status),
            })?;
        match response.into_inner().outcome {
            Some(Outcome::Signatures(signatures)) => {
                let signatures = signatures_from_proto(signatures, key)
                    .map_err(|error| self.unreadable(error))?;
                // Signatures of another key would cost fees and be refused by the chain.
                examine(&request, key)?
                    .check_covenant_signatures(&signatures)
                    .map_err(|error| self.unreadable(error))?;
                Ok(signatures)
            }
            Some(Outcome::Refusal(refusal)) => {
                Err(Refusal::new(refusal.rule, refusal.message).into())
            }
            None => Err(self.unreadable("no outcome")),
        }
    }
}

fn identity_from_proto(response: &GetPublicKeyResponse) -> Result<Identity, FieldError> {
    Ok(Identity {
        key: CovenantKey::from_slice(&response.public_key)
            .map_err(|error| FieldError::new("public_key", error))?,
        network: network("bitcoin_network", &response.bitcoin_network)?,
    })
}
