//! The signer as a process of its own: the gRPC side that holds the key.

use std::future::Future;
use std::sync::Arc;

use committee::message::{refusal_to_proto, signatures_to_proto};
use proto::btcmesh::covenant::v1::covenant_signer_server as generated;
use proto::btcmesh::covenant::v1::sign_delegation_response::Outcome;
use proto::btcmesh::covenant::v1::{
    GetPublicKeyRequest, GetPublicKeyResponse, SignDelegationRequest, SignDelegationResponse,
};
use proto::endpoint::{Endpoint, ServeError};
use proto::tonic::transport::Server;
use proto::tonic::{Request, Response, Status, async_trait};

use super::wire::{self, Asked};
use super::{CovenantSigner, SignerError, no_expansion};

/// Serves `signer` at `endpoint` until `shutdown` completes.
pub async fn serve(
    signer: Arc<dyn CovenantSigner>,
    endpoint: &Endpoint,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let service = generated::CovenantSignerServer::new(SignerService { signer });
    endpoint
        .serve(Server::builder().add_service(service), shutdown)
        .await
}

struct SignerService {
    signer: Arc<dyn CovenantSigner>,
}

#[async_trait]
impl generated::CovenantSigner for SignerService {
    async fn get_public_key(
        &self,
        _: Request<GetPublicKeyRequest>,
    ) -> Result<Response<GetPublicKeyResponse>, Status> {
        let identity = self
            .signer
            .identity()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Response::new(GetPublicKeyResponse {
            public_key: identity.key.to_bytes().to_vec(),
            bitcoin_network: identity.network.to_string(),
        }))
    }

    async fn sign_delegation(
        &self,
        request: Request<SignDelegationRequest>,
    ) -> Result<Response<SignDelegationResponse>, Status> {
        let asked = wire::request_from_proto(request.into_inner())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let outcome = match asked {
            Asked::Delegation(request) => self.signer.sign(*request).await,
            Asked::Expansion => Err(no_expansion().into()),
        };
        let outcome = match outcome {
            Ok(signatures) => Outcome::Signatures(signatures_to_proto(&signatures)),
            Err(SignerError::Refused(refusal)) => Outcome::Refusal(refusal_to_proto(refusal)),
            Err(SignerError::Unavailable(reason)) => return Err(Status::unavailable(reason)),
        };
        Ok(Response::new(SignDelegationResponse {
            outcome: Some(outcome),
        }))
    }
}
