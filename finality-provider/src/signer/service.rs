//! The signer's side of gRPC: reads requests, asks the embedded signer, writes its answers.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use proto::btcmesh::finality::v1::eots_signer_server::{
    EotsSigner as EotsSignerService, EotsSignerServer,
};
use proto::btcmesh::finality::v1::{
    GetKeysRequest, GetKeysResponse, Key as WireKey, PublicRandomnessList, PublicRandomnessRequest,
    PublicRandomnessResponse, Refusal as WireRefusal, RefusalReason, SignCommitmentRequest,
    SignCommitmentResponse, SignProofOfPossessionRequest, SignProofOfPossessionResponse,
    SignVotesRequest, SignVotesResponse, SignedCommitment as WireCommitment, VoteOutcome,
    public_randomness_response, sign_commitment_response, sign_proof_of_possession_response,
    vote_outcome,
};
use proto::endpoint::{Endpoint, ServeError};
use proto::field::{FieldError, array, each};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::units::ChainHeight;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::{EotsSigner, HeightRange, Refusal, SignerError, Vote};

/// Serves `signer`, which signs for the chain `chain_id` only, until `shutdown` completes.
pub async fn serve(
    endpoint: &Endpoint,
    signer: Arc<dyn EotsSigner>,
    chain_id: &str,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let service = Service {
        signer,
        chain_id: chain_id.to_owned(),
    };
    let router = Server::builder().add_service(EotsSignerServer::new(service));
    endpoint.serve(router, shutdown).await
}

struct Service {
    signer: Arc<dyn EotsSigner>,
    chain_id: String,
}

impl Service {
    /// Votes do not name their chain, the nonce does: a request for another chain must not be answered with this one's.
    fn check_chain(&self, chain_id: &str) -> Result<(), Refusal> {
        if chain_id == self.chain_id {
            return Ok(());
        }
        Err(Refusal::UnknownChain(format!(
            "the signer signs for chain `{}`, it was asked to for `{chain_id}`",
            self.chain_id
        )))
    }
}

#[async_trait]
impl EotsSignerService for Service {
    async fn get_keys(
        &self,
        _: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        let keys = self.signer.keys().await.map_err(|error| internal(&error))?;
        let keys = keys
            .into_iter()
            .map(|held| WireKey {
                public_key: held.key.to_bytes().into(),
                signed_to: held.signed_to.0,
            })
            .collect();
        Ok(Response::new(GetKeysResponse {
            chain_id: self.chain_id.clone(),
            keys,
        }))
    }

    async fn public_randomness(
        &self,
        request: Request<PublicRandomnessRequest>,
    ) -> Result<Response<PublicRandomnessResponse>, Status> {
        let request = request.into_inner();
        let key = read_key(&request.public_key)?;
        let range = HeightRange {
            start: ChainHeight(request.start_height),
            count: request.count,
        };
        let answer = match self.check_chain(&request.chain_id) {
            Ok(()) => self.signer.public_randomness(key, range).await,
            Err(refusal) => Err(refusal.into()),
        };
        let outcome = match refused(answer)? {
            Ok(list) => public_randomness_response::Outcome::List(PublicRandomnessList {
                public_randomness: list.into_iter().map(|x| x.to_bytes().into()).collect(),
            }),
            Err(refusal) => public_randomness_response::Outcome::Refusal(write(refusal)),
        };
        Ok(Response::new(PublicRandomnessResponse {
            outcome: Some(outcome),
        }))
    }

    async fn sign_commitment(
        &self,
        request: Request<SignCommitmentRequest>,
    ) -> Result<Response<SignCommitmentResponse>, Status> {
        let request = request.into_inner();
        let key = read_key(&request.public_key)?;
        let range = HeightRange {
            start: ChainHeight(request.start_height),
            count: request.count,
        };
        let answer = match self.check_chain(&request.chain_id) {
            Ok(()) => self.signer.sign_commitment(key, range).await,
            Err(refusal) => Err(refusal.into()),
        };
        let outcome = match refused(answer)? {
            Ok(signed) => sign_commitment_response::Outcome::Signed(WireCommitment {
                commitment: signed.commitment.to_bytes().into(),
                signature: signed.signature.serialize().into(),
            }),
            Err(refusal) => sign_commitment_response::Outcome::Refusal(write(refusal)),
        };
        Ok(Response::new(SignCommitmentResponse {
            outcome: Some(outcome),
        }))
    }

    async fn sign_votes(
        &self,
        request: Request<SignVotesRequest>,
    ) -> Result<Response<SignVotesResponse>, Status> {
        let request = request.into_inner();
        let key = read_key(&request.public_key)?;
        let votes = each("votes", request.votes, |vote| {
            let app_hash = array("app_hash", &vote.app_hash)?;
            Ok(Vote {
                height: ChainHeight(vote.height),
                app_hash,
            })
        })
        .map_err(|error| malformed(&error))?;
        let answer = match self.check_chain(&request.chain_id) {
            Ok(()) => self.signer.sign_votes(key, &votes).await,
            Err(refusal) => Err(refusal.into()),
        };
        let outcomes = match refused(answer)? {
            Ok(outcomes) => outcomes,
            Err(refusal) => votes.iter().map(|_| Err(refusal.clone())).collect(),
        };
        let outcomes = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Ok(signature) => vote_outcome::Outcome::Signature(signature.to_bytes().into()),
                Err(refusal) => vote_outcome::Outcome::Refusal(write(refusal)),
            })
            .map(|outcome| VoteOutcome {
                outcome: Some(outcome),
            })
            .collect();
        Ok(Response::new(SignVotesResponse { outcomes }))
    }

    async fn sign_proof_of_possession(
        &self,
        request: Request<SignProofOfPossessionRequest>,
    ) -> Result<Response<SignProofOfPossessionResponse>, Status> {
        let request = request.into_inner();
        let key = read_key(&request.public_key)?;
        let answer = self
            .signer
            .sign_proof_of_possession(key, &request.account_address)
            .await;
        let outcome = match refused(answer)? {
            Ok(ProofOfPossession::Bip340(signature)) => {
                sign_proof_of_possession_response::Outcome::Signature(signature.serialize().into())
            }
            Ok(_) => return Err(Status::internal("the signer made a proof of another kind")),
            Err(refusal) => sign_proof_of_possession_response::Outcome::Refusal(write(refusal)),
        };
        Ok(Response::new(SignProofOfPossessionResponse {
            outcome: Some(outcome),
        }))
    }
}

fn read_key(bytes: &[u8]) -> Result<FinalityProviderKey, Status> {
    FinalityProviderKey::from_slice(bytes)
        .map_err(|error| malformed(&FieldError::new("public_key", error)))
}

fn malformed(error: &FieldError) -> Status {
    Status::invalid_argument(error.to_string())
}

fn internal(error: &SignerError) -> Status {
    Status::internal(error.to_string())
}

/// A refusal is an answer; any other error is the call's.
fn refused<T>(answer: Result<T, SignerError>) -> Result<Result<T, Refusal>, Status> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(SignerError::Refused(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(internal(&error)),
    }
}

fn write(refusal: Refusal) -> WireRefusal {
    let (reason, message) = match refusal {
        Refusal::UnknownKey(message) => (RefusalReason::UnknownKey, message),
        Refusal::UnknownChain(message) => (RefusalReason::UnknownChain, message),
        Refusal::Equivocation(message) => (RefusalReason::Equivocation, message),
        Refusal::BelowWatermark(message) => (RefusalReason::BelowWatermark, message),
        Refusal::RecordUnavailable(message) => (RefusalReason::RecordUnavailable, message),
        Refusal::InvalidRequest(message) => (RefusalReason::InvalidRequest, message),
    };
    WireRefusal {
        reason: reason.into(),
        message,
    }
}
