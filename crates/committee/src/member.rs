//! One member, and what is believed of its answers.

use std::time::Duration;

use bitcoin::Network;
use proto::btcmesh::covenant::v1 as message;
use proto::btcmesh::covenant::v1::committee_member_client::CommitteeMemberClient;
use proto::btcmesh::covenant::v1::cosign_delegation_response::Outcome;
use proto::field::FieldError;
use proto::grpc_url::GrpcUrl;
use proto::tonic::transport::{Channel, Error as TransportError};
use proto::tonic::{Code, Response, Status};
use staking::delegation::{CovenantSignatureError, CovenantSignatures};
use staking::keys::CovenantKey;
use staking::params::StakingParams;
use tokio::time::timeout;

use crate::message::{
    delegation_to_proto, refusal_from_proto, signatures_from_proto, terms_from_proto,
};
use crate::{Refusal, SignatureRequest};

/// How long a member may take for one answer: far above what signing takes, so that only a stuck one runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest answer that is read. Signatures take some hundred bytes, a set of parameters some thousand.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What a member says of itself. Nothing of it is believed: signatures prove the key, and the staker brings the
/// parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The member's key.
    pub key: CovenantKey,
    /// Its Bitcoin network.
    pub network: Network,
    /// The sets of parameters that it signs under, with its own numbers.
    pub params: Vec<StakingParams>,
}

/// Why a member gave no signatures that are worth anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// It does not answer, or does not sign at the moment. Asking later may help.
    #[error("it does not answer: {0}")]
    Unreachable(String),
    /// A limit of the member's was reached. Asking later helps.
    #[error("it turned the request away for now: {0}")]
    Limited(String),
    /// It refused the delegation by a rule.
    #[error("it refuses to sign: {0}")]
    Refused(Refusal),
    /// It could not read the question, for example because it runs another version.
    #[error("it cannot read the request: {0}")]
    Misunderstood(String),
    /// Its answer cannot be read.
    #[error("its answer cannot be read: {0}")]
    InvalidAnswer(#[from] FieldError),
    /// It answered with nothing.
    #[error("its answer has neither signatures nor a refusal")]
    NoOutcome,
    /// It serves another Bitcoin network.
    #[error("it serves Bitcoin network {actual}, not {required}")]
    Network {
        /// The member's.
        actual: Network,
        /// The request's.
        required: Network,
    },
    /// It has another key than it was configured with.
    #[error("its key is {actual}, not the {required} that it was to have")]
    OtherKey {
        /// The member's.
        actual: CovenantKey,
        /// The one that is asked for.
        required: CovenantKey,
    },
    /// Its key is not in the committee.
    #[error("its key {0} is not in the covenant committee of the parameters")]
    NotAMember(CovenantKey),
    /// None of its sets of parameters is the one that governs the delegation.
    #[error("it does not sign under these parameters for stakers; it has {0} other sets")]
    OtherParams(usize),
    /// What it signed is something else.
    #[error("its signatures are worthless: {0}")]
    Signatures(#[from] CovenantSignatureError),
}

/// A committee member that is asked over gRPC. It is connected to when it is first asked, and again whenever the
/// connection is lost.
#[derive(Debug, Clone)]
pub struct Member {
    url: GrpcUrl,
    key: Option<CovenantKey>,
    channel: Channel,
}

impl Member {
    /// Prepares to ask the member at `url`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub fn new(url: GrpcUrl) -> Result<Self, TransportError> {
        let channel = url.transport()?.connect_lazy();
        Ok(Self {
            url,
            key: None,
            channel,
        })
    }

    /// The member, whose signatures count only where they are of this key.
    #[must_use]
    pub fn with_key(self, key: CovenantKey) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Where it is.
    pub fn url(&self) -> &GrpcUrl {
        &self.url
    }

    /// Asks which member this is and what it signs under.
    pub async fn terms(&self) -> Result<Terms, MemberError> {
        let answer = ask(self.client().get_member(message::GetMemberRequest {})).await?;
        Ok(terms_from_proto(answer)?)
    }

    /// Asks for the member's signatures of a delegation, and verifies all of them.
    pub async fn sign(
        &self,
        request: &SignatureRequest,
    ) -> Result<CovenantSignatures, MemberError> {
        let terms = self.terms().await?;
        if terms.network != request.network {
            return Err(MemberError::Network {
                actual: terms.network,
                required: request.network,
            });
        }
        if let Some(required) = self.key
            && terms.key != required
        {
            return Err(MemberError::OtherKey {
                actual: terms.key,
                required,
            });
        }
        if !request.params().covenant.contains(&terms.key) {
            return Err(MemberError::NotAMember(terms.key));
        }
        let params_version = request
            .version_among(&terms.params)
            .ok_or(MemberError::OtherParams(terms.params.len()))?;
        let question = message::CosignDelegationRequest {
            params_version,
            delegation: Some(delegation_to_proto(&request.delegation)),
        };
        match ask(self.client().cosign_delegation(question))
            .await?
            .outcome
        {
            Some(Outcome::Signatures(signatures)) => {
                let signatures = signatures_from_proto(signatures, terms.key)
                    .map_err(|error| error.inside("signatures"))?;
                request.valid().check_covenant_signatures(&signatures)?;
                Ok(signatures)
            }
            Some(Outcome::Refusal(refusal)) => Err(MemberError::Refused(
                refusal_from_proto(refusal).map_err(|error| error.inside("refusal"))?,
            )),
            None => Err(MemberError::NoOutcome),
        }
    }

    fn client(&self) -> CommitteeMemberClient<Channel> {
        CommitteeMemberClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }
}

async fn ask<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, MemberError> {
    let Ok(answer) = timeout(PATIENCE, call).await else {
        let seconds = PATIENCE.as_secs();
        return Err(MemberError::Unreachable(format!("not within {seconds} s")));
    };
    answer.map(Response::into_inner).map_err(|status| {
        let reason = crate::message::printable(status.message());
        match status.code() {
            Code::ResourceExhausted => MemberError::Limited(reason),
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
                MemberError::Misunderstood(reason)
            }
            _ => MemberError::Unreachable(reason),
        }
    })
}
