//! The signer's side of gRPC: reads requests, asks the embedded signer, writes its answers.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use chain::VoteContent;
use mesh_core::vote::CheckpointVote;
use proto::btcmesh::finality::v1::eots_signer_server::{
    EotsSigner as EotsSignerService, EotsSignerServer,
};
use proto::btcmesh::finality::v1::{
    CheckpointVote as WireCheckpoint, GetKeysRequest, GetKeysResponse, Key as WireKey, KeyList,
    PublicRandomnessList, PublicRandomnessRequest, PublicRandomnessResponse,
    Refusal as WireRefusal, RefusalReason, SignCommitmentRequest, SignCommitmentResponse,
    SignProofOfPossessionRequest, SignProofOfPossessionResponse, SignRegistrationRequest,
    SignRegistrationResponse, SignVotesRequest, SignVotesResponse,
    SignedCommitment as WireCommitment, VoteOutcome, get_keys_response, public_randomness_response,
    sign_commitment_response, sign_proof_of_possession_response, sign_registration_response, vote,
    vote_outcome,
};
use proto::endpoint::{Endpoint, ServeError};
use proto::field::{FieldError, array, each, number, required};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::units::ChainHeight;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::{EotsSigner, HeightRange, Refusal, Registration, SignerError, Vote};

/// The signers of a process by the chains that they sign for.
pub type Signers = BTreeMap<String, Arc<dyn EotsSigner>>;

/// Serves `signers` until `shutdown` completes.
pub async fn serve(
    endpoint: &Endpoint,
    signers: Signers,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let service = Service { signers };
    let router = Server::builder().add_service(EotsSignerServer::new(service));
    endpoint.serve(router, shutdown).await
}

struct Service {
    signers: Signers,
}

impl Service {
    /// Votes do not name their chain, the nonce does: a request for one chain must not be answered with another's.
    fn signer(&self, chain_id: &str) -> Result<&dyn EotsSigner, SignerError> {
        let signer = self.signers.get(chain_id).map(|signer| &**signer);
        signer.ok_or_else(|| {
            let known: Vec<_> = self.signers.keys().map(String::as_str).collect();
            Refusal::UnknownChain(format!(
                "the signer signs for chain `{}`, it was asked to for `{chain_id}`",
                known.join("`, `")
            ))
            .into()
        })
    }
}

#[async_trait]
impl EotsSignerService for Service {
    async fn get_keys(
        &self,
        request: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        let answer = match self.signer(&request.into_inner().chain_id) {
            Ok(signer) => signer.keys().await,
            Err(error) => Err(error),
        };
        let outcome = match refused(answer)? {
            Ok(keys) => get_keys_response::Outcome::List(KeyList {
                keys: keys
                    .into_iter()
                    .map(|held| WireKey {
                        public_key: held.key.to_bytes().into(),
                        signed_to: held.signed_to.map(|height| height.0),
                    })
                    .collect(),
            }),
            Err(refusal) => get_keys_response::Outcome::Refusal(write(refusal)),
        };
        Ok(Response::new(GetKeysResponse {
            outcome: Some(outcome),
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
        let answer = match self.signer(&request.chain_id) {
            Ok(signer) => signer.public_randomness(key, range).await,
            Err(error) => Err(error),
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
        let answer = match self.signer(&request.chain_id) {
            Ok(signer) => signer.sign_commitment(key, range, request.number).await,
            Err(error) => Err(error),
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
            let height = ChainHeight(vote.height);
            let content = match required("content", vote.content)? {
                vote::Content::AppHash(bytes) => VoteContent::AppHash(array("app_hash", &bytes)?),
                vote::Content::Checkpoint(vote) => {
                    VoteContent::Checkpoint(checkpoint(height, &vote)?)
                }
            };
            Ok(Vote { height, content })
        })
        .map_err(|error| malformed(&error))?;
        let answer = match self.signer(&request.chain_id) {
            Ok(signer) => signer.sign_votes(key, &votes).await,
            Err(error) => Err(error),
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
        // The proof names the account and no chain, so any of the signers gives the same.
        let holders = self.signers.values();
        let mut answer = Err(Refusal::UnknownChain("the signer signs for no chain".into()).into());
        for signer in holders {
            answer = signer
                .sign_proof_of_possession(key, &request.account_address)
                .await;
            if answer.is_ok() {
                break;
            }
        }
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

    async fn sign_registration(
        &self,
        request: Request<SignRegistrationRequest>,
    ) -> Result<Response<SignRegistrationResponse>, Status> {
        let request = request.into_inner();
        let key = read_key(&request.public_key)?;
        let commission = number("commission_basis_points", request.commission_basis_points)
            .map_err(|error| malformed(&error))?;
        let registration = Registration {
            number: request.number,
            operator: request.operator,
            commission,
        };
        let answer = match self.signer(&request.chain_id) {
            Ok(signer) => signer.sign_registration(key, &registration).await,
            Err(error) => Err(error),
        };
        let outcome = match refused(answer)? {
            Ok(signature) => {
                sign_registration_response::Outcome::Signature(signature.serialize().into())
            }
            Err(refusal) => sign_registration_response::Outcome::Refusal(write(refusal)),
        };
        Ok(Response::new(SignRegistrationResponse {
            outcome: Some(outcome),
        }))
    }
}

/// What a vote for a checkpoint says; `height` is its number.
fn checkpoint(height: ChainHeight, vote: &WireCheckpoint) -> Result<CheckpointVote, FieldError> {
    Ok(CheckpointVote {
        epoch: vote.epoch,
        checkpoint: height.0,
        height: vote.block_height,
        header_hash: array("header_hash", &vote.header_hash)?,
        table_root: array("table_root", &vote.table_root)?,
        next_root: array("next_root", &vote.next_root)?,
    })
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
