//! A signer in another process, over gRPC. Its answers are checked like anything that comes from outside.

use std::time::Duration;

use async_trait::async_trait;
use bitcoin::secp256k1::schnorr;
use chain::VoteContent;
use eots::commitment::Commitment;
use eots::{PublicRandomness, Signature};
use proto::btcmesh::finality::v1::eots_signer_client::EotsSignerClient;
use proto::btcmesh::finality::v1::{
    CheckpointVote as WireCheckpoint, GetKeysRequest, PublicRandomnessRequest,
    Refusal as WireRefusal, RefusalReason, SignCommitmentRequest, SignProofOfPossessionRequest,
    SignRegistrationRequest, SignVotesRequest, Vote as WireVote, get_keys_response,
    public_randomness_response, sign_commitment_response, sign_proof_of_possession_response,
    sign_registration_response, vote, vote_outcome,
};
use proto::endpoint::Endpoint;
use proto::field::{FieldError, each, required};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::units::ChainHeight;
use tonic::Status;
use tonic::transport::Channel;

use super::{
    EotsSigner, HeightRange, HeldKey, Refusal, Registration, SignedCommitment, SignerError, Vote,
};

/// Committing to 50,000 heights takes the signer a second or two, to the most that it takes half a minute.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Client of a signer process that serves one chain's votes.
pub struct Remote {
    endpoint: Endpoint,
    chain_id: String,
    client: EotsSignerClient<Channel>,
}

impl Remote {
    /// A client that connects when it is first asked.
    pub fn new(endpoint: Endpoint, chain_id: &str) -> Result<Self, SignerError> {
        let channel = endpoint
            .channel(TIMEOUT)
            .map_err(|error| SignerError::Unreachable {
                endpoint: endpoint.to_string(),
                reason: error.to_string(),
            })?;
        let client = EotsSignerClient::new(channel);
        Ok(Self {
            endpoint,
            chain_id: chain_id.to_owned(),
            client,
        })
    }

    fn failed(&self, status: &Status) -> SignerError {
        if status.code() == tonic::Code::InvalidArgument {
            return Refusal::InvalidRequest(status.message().to_owned()).into();
        }
        SignerError::Unreachable {
            endpoint: self.endpoint.to_string(),
            reason: status.message().to_owned(),
        }
    }
}

#[async_trait]
impl EotsSigner for Remote {
    async fn keys(&self) -> Result<Vec<HeldKey>, SignerError> {
        let request = GetKeysRequest {
            chain_id: self.chain_id.clone(),
        };
        let answer = self.client.clone().get_keys(request).await;
        let outcome = answer
            .map_err(|status| self.failed(&status))?
            .into_inner()
            .outcome;
        let list = match required("outcome", outcome).map_err(invalid("GetKeys"))? {
            get_keys_response::Outcome::Refusal(refusal) => return Err(read(refusal).into()),
            get_keys_response::Outcome::List(list) => list,
        };
        each("keys", list.keys, |held| {
            let key = FinalityProviderKey::from_slice(&held.public_key);
            Ok(HeldKey {
                key: key.map_err(|error| FieldError::new("public_key", error))?,
                signed_to: held.signed_to.map(ChainHeight),
            })
        })
        .map_err(invalid("GetKeys"))
    }

    async fn public_randomness(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
    ) -> Result<Vec<PublicRandomness>, SignerError> {
        let request = PublicRandomnessRequest {
            public_key: key.to_bytes().into(),
            chain_id: self.chain_id.clone(),
            start_height: range.start.0,
            count: range.count,
        };
        let answer = self.client.clone().public_randomness(request).await;
        let outcome = answer
            .map_err(|status| self.failed(&status))?
            .into_inner()
            .outcome;
        match required("outcome", outcome).map_err(invalid("PublicRandomness"))? {
            public_randomness_response::Outcome::Refusal(refusal) => Err(read(refusal).into()),
            public_randomness_response::Outcome::List(list) => list
                .public_randomness
                .iter()
                .map(|x| PublicRandomness::from_slice(x).map_err(invalid("public_randomness")))
                .collect(),
        }
    }

    async fn sign_commitment(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
        number: u64,
    ) -> Result<SignedCommitment, SignerError> {
        let request = SignCommitmentRequest {
            public_key: key.to_bytes().into(),
            chain_id: self.chain_id.clone(),
            start_height: range.start.0,
            count: range.count,
            number,
        };
        let answer = self.client.clone().sign_commitment(request).await;
        let outcome = answer
            .map_err(|status| self.failed(&status))?
            .into_inner()
            .outcome;
        match required("outcome", outcome).map_err(invalid("SignCommitment"))? {
            sign_commitment_response::Outcome::Refusal(refusal) => Err(read(refusal).into()),
            sign_commitment_response::Outcome::Signed(signed) => Ok(SignedCommitment {
                commitment: Commitment::from_slice(&signed.commitment)
                    .map_err(invalid("signed.commitment"))?,
                signature: schnorr::Signature::from_slice(&signed.signature)
                    .map_err(invalid("signed.signature"))?,
            }),
        }
    }

    async fn sign_votes(
        &self,
        key: FinalityProviderKey,
        votes: &[Vote],
    ) -> Result<Vec<Result<Signature, Refusal>>, SignerError> {
        let request = SignVotesRequest {
            public_key: key.to_bytes().into(),
            chain_id: self.chain_id.clone(),
            votes: votes
                .iter()
                .map(|vote| WireVote {
                    height: vote.height.0,
                    content: Some(content(&vote.content)),
                })
                .collect(),
        };
        let answer = self.client.clone().sign_votes(request).await;
        let outcomes = answer
            .map_err(|status| self.failed(&status))?
            .into_inner()
            .outcomes;
        if outcomes.len() != votes.len() {
            return Err(SignerError::InvalidAnswer(format!(
                "{} votes were asked for, {} outcomes came",
                votes.len(),
                outcomes.len()
            )));
        }
        each("outcomes", outcomes, |outcome| {
            required("outcome", outcome.outcome)
        })
        .map_err(invalid("SignVotes"))?
        .into_iter()
        .map(|outcome| match outcome {
            vote_outcome::Outcome::Refusal(refusal) => Ok(Err(read(refusal))),
            vote_outcome::Outcome::Signature(bytes) => Signature::from_slice(&bytes)
                .map(Ok)
                .map_err(invalid("outcomes.signature")),
        })
        .collect()
    }

    async fn sign_proof_of_possession(
        &self,
        key: FinalityProviderKey,
        address: &str,
    ) -> Result<ProofOfPossession, SignerError> {
        let request = SignProofOfPossessionRequest {
            public_key: key.to_bytes().into(),
            account_address: address.to_owned(),
        };
        let answer = self.client.clone().sign_proof_of_possession(request).await;
        let outcome = answer
            .map_err(|status| self.failed(&status))?
            .into_inner()
            .outcome;
        match required("outcome", outcome).map_err(invalid("SignProofOfPossession"))? {
            sign_proof_of_possession_response::Outcome::Refusal(refusal) => {
                Err(read(refusal).into())
            }
            sign_proof_of_possession_response::Outcome::Signature(bytes) => {
                schnorr::Signature::from_slice(&bytes)
                    .map(ProofOfPossession::Bip340)
                    .map_err(invalid("signature"))
            }
        }
    }

    async fn sign_registration(
        &self,
        key: FinalityProviderKey,
        registration: &Registration,
    ) -> Result<schnorr::Signature, SignerError> {
        let request = SignRegistrationRequest {
            public_key: key.to_bytes().into(),
            chain_id: self.chain_id.clone(),
            number: registration.number,
            operator: registration.operator.clone(),
            commission_basis_points: registration.commission.into(),
        };
        let answer = self.client.clone().sign_registration(request).await;
        let outcome = answer
            .map_err(|status| self.failed(&status))?
            .into_inner()
            .outcome;
        match required("outcome", outcome).map_err(invalid("SignRegistration"))? {
            sign_registration_response::Outcome::Refusal(refusal) => Err(read(refusal).into()),
            sign_registration_response::Outcome::Signature(bytes) => {
                schnorr::Signature::from_slice(&bytes).map_err(invalid("signature"))
            }
        }
    }
}

fn content(content: &VoteContent) -> vote::Content {
    match content {
        VoteContent::AppHash(app_hash) => vote::Content::AppHash((*app_hash).into()),
        VoteContent::Checkpoint(vote) => vote::Content::Checkpoint(WireCheckpoint {
            epoch: vote.epoch,
            block_height: vote.height,
            header_hash: vote.header_hash.into(),
            table_root: vote.table_root.into(),
            next_root: vote.next_root.into(),
        }),
    }
}

fn invalid<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> SignerError {
    move |error| SignerError::InvalidAnswer(format!("field `{field}`: {error}"))
}

/// A reason that this version does not know is a refusal all the same.
fn read(refusal: WireRefusal) -> Refusal {
    let reason = refusal.reason();
    let message = refusal.message;
    match reason {
        RefusalReason::UnknownKey => Refusal::UnknownKey(message),
        RefusalReason::UnknownChain => Refusal::UnknownChain(message),
        RefusalReason::Equivocation => Refusal::Equivocation(message),
        RefusalReason::BelowWatermark => Refusal::BelowWatermark(message),
        RefusalReason::RecordUnavailable => Refusal::RecordUnavailable(message),
        RefusalReason::InvalidRequest | RefusalReason::Unspecified => {
            Refusal::InvalidRequest(message)
        }
    }
}
