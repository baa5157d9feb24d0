//! Both ends of the signer's gRPC against a partner that says anything: it is an answer or an error, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chain::VoteContent;
use finality_provider::signer::{
    EotsSigner, HeightRange, MOST_COMMITTED, MOST_RANDOMNESS, Registration, Remote, Vote, serve,
};
use fixture::{CHAIN_ID, alone, key, signer};
use proptest::prelude::*;
use proptest::sample::select;
use proto::btcmesh::finality::v1::eots_signer_client::EotsSignerClient;
use proto::btcmesh::finality::v1::eots_signer_server::{
    EotsSigner as EotsSignerService, EotsSignerServer,
};
use proto::btcmesh::finality::v1::vote::Content;
use proto::btcmesh::finality::v1::{
    GetKeysRequest, GetKeysResponse, Key, KeyList, PublicRandomnessList, PublicRandomnessRequest,
    PublicRandomnessResponse, Refusal, SignCommitmentRequest, SignCommitmentResponse,
    SignProofOfPossessionRequest, SignProofOfPossessionResponse, SignRegistrationRequest,
    SignRegistrationResponse, SignVotesRequest, SignVotesResponse, SignedCommitment,
    Vote as WireVote, VoteOutcome, get_keys_response, public_randomness_response,
    sign_commitment_response, sign_proof_of_possession_response, sign_registration_response,
    vote_outcome,
};
use proto::endpoint::Endpoint;
use staking::units::ChainHeight;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};

const PATIENCE: Duration = Duration::from_secs(30);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn socket(home: &TempDir) -> Endpoint {
    let path = home.path().join("signer.sock");
    format!("unix:{}", path.display()).parse().unwrap()
}

/// Bytes of a key, a signature or a hash, or of none.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let real = vec![
        key(1).to_bytes().to_vec(),
        key(2).to_bytes().to_vec(),
        vec![0; 32],
        vec![0xff; 32],
    ];
    prop_oneof![
        3 => select(real),
        2 => prop::collection::vec(any::<u8>(), 32),
        1 => prop::collection::vec(any::<u8>(), 64),
        1 => prop::collection::vec(any::<u8>(), 0..70),
    ]
}

fn chain_id() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(CHAIN_ID.to_owned()), 1 => any::<String>()]
}

fn height() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0_u64..8, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

// --- Our server, and a client that asks anything ---

struct Served {
    client: EotsSignerClient<Channel>,
    /// What each height was signed for.
    signed: Mutex<BTreeMap<u64, Vec<u8>>>,
    _home: TempDir,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let home = tempfile::tempdir().unwrap();
        let endpoint = socket(&home);
        let signers = alone(signer(home.path(), &[1]).await);
        let at = endpoint.clone();
        tokio::spawn(async move { serve(&at, signers, std::future::pending()).await });
        let client = EotsSignerClient::new(endpoint.channel(PATIENCE).unwrap());
        let answered = async {
            while client
                .clone()
                .get_keys(GetKeysRequest::default())
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap();
        Served {
            client,
            signed: Mutex::default(),
            _home: home,
        }
    })
});

/// A panic of the server would show as a connection that breaks.
fn is_named<T>(answer: &Result<Response<T>, Status>) -> bool {
    match answer {
        Ok(_) => true,
        Err(status) => {
            status.code() == Code::InvalidArgument && status.message().starts_with("field `")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_is_asked_is_answered_and_no_height_is_signed_twice(
        public_key in bytes(),
        chain_id in chain_id(),
        start_height in height(),
        count in select(vec![0, 1, 2, 300, MOST_RANDOMNESS + 1, MOST_COMMITTED + 1, u32::MAX]),
        votes in prop::collection::vec((height(), bytes()), 0..4),
        account_address in any::<String>(),
    ) {
        let served = &*SERVED;
        let mut client = served.client.clone();
        let randomness = PublicRandomnessRequest {
            public_key: public_key.clone(), chain_id: chain_id.clone(), start_height, count,
        };
        let randomness = RUNTIME.block_on(client.public_randomness(randomness));
        prop_assert!(is_named(&randomness), "{:?}", randomness);
        let commitment = SignCommitmentRequest {
            public_key: public_key.clone(), chain_id: chain_id.clone(), start_height, count, number: 1,
        };
        let commitment = RUNTIME.block_on(client.sign_commitment(commitment));
        prop_assert!(is_named(&commitment), "{:?}", commitment);
        let proof = SignProofOfPossessionRequest { public_key: public_key.clone(), account_address };
        let proof = RUNTIME.block_on(client.sign_proof_of_possession(proof));
        prop_assert!(is_named(&proof), "{:?}", proof);

        let asked: Vec<_> = votes
            .iter()
            .map(|(height, app_hash)| WireVote { height: *height, content: Some(Content::AppHash(app_hash.clone())) })
            .collect();
        let request = SignVotesRequest { public_key, chain_id, votes: asked };
        let answer = RUNTIME.block_on(client.sign_votes(request));
        prop_assert!(is_named(&answer), "{:?}", answer);
        let Ok(answer) = answer else { return Ok(()) };
        let outcomes = answer.into_inner().outcomes;
        prop_assert_eq!(outcomes.len(), votes.len());
        let mut signed = served.signed.lock().unwrap();
        for ((height, app_hash), outcome) in votes.into_iter().zip(outcomes) {
            if let Some(vote_outcome::Outcome::Signature(_)) = outcome.outcome {
                let first = signed.entry(height).or_insert_with(|| app_hash.clone());
                prop_assert_eq!(&app_hash, first, "height {} was signed twice", height);
            }
        }
    }
}

#[test]
fn a_question_that_makes_sense_is_signed() {
    let served = &*SERVED;
    let vote = WireVote {
        height: 1_000_000,
        content: Some(Content::AppHash(vec![7; 32])),
    };
    let request = SignVotesRequest {
        public_key: key(1).to_bytes().into(),
        chain_id: CHAIN_ID.to_owned(),
        votes: vec![vote],
    };
    let answer = RUNTIME
        .block_on(served.client.clone().sign_votes(request))
        .unwrap();
    let outcome = answer.into_inner().outcomes.remove(0).outcome;
    assert!(
        matches!(outcome, Some(vote_outcome::Outcome::Signature(_))),
        "{outcome:?}"
    );
}

// --- Our client, and a server that answers anything ---

/// What the server says, whatever it is asked.
#[derive(Debug, Clone, Default)]
struct Script {
    keys: GetKeysResponse,
    randomness: PublicRandomnessResponse,
    commitment: SignCommitmentResponse,
    votes: SignVotesResponse,
    proof: SignProofOfPossessionResponse,
    registration: SignRegistrationResponse,
}

#[derive(Clone, Default)]
struct Liar(Arc<Mutex<Script>>);

impl Liar {
    fn say<T>(&self, part: impl FnOnce(&Script) -> T) -> Response<T> {
        Response::new(part(&self.0.lock().unwrap()))
    }
}

#[async_trait]
impl EotsSignerService for Liar {
    async fn get_keys(
        &self,
        _: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        Ok(self.say(|script| script.keys.clone()))
    }

    async fn public_randomness(
        &self,
        _: Request<PublicRandomnessRequest>,
    ) -> Result<Response<PublicRandomnessResponse>, Status> {
        Ok(self.say(|script| script.randomness.clone()))
    }

    async fn sign_commitment(
        &self,
        _: Request<SignCommitmentRequest>,
    ) -> Result<Response<SignCommitmentResponse>, Status> {
        Ok(self.say(|script| script.commitment.clone()))
    }

    async fn sign_votes(
        &self,
        _: Request<SignVotesRequest>,
    ) -> Result<Response<SignVotesResponse>, Status> {
        Ok(self.say(|script| script.votes.clone()))
    }

    async fn sign_proof_of_possession(
        &self,
        _: Request<SignProofOfPossessionRequest>,
    ) -> Result<Response<SignProofOfPossessionResponse>, Status> {
        Ok(self.say(|script| script.proof.clone()))
    }

    async fn sign_registration(
        &self,
        _: Request<SignRegistrationRequest>,
    ) -> Result<Response<SignRegistrationResponse>, Status> {
        Ok(self.say(|script| script.registration.clone()))
    }
}

static LIAR: LazyLock<(Liar, Remote, TempDir)> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let home = tempfile::tempdir().unwrap();
        let (endpoint, liar) = (socket(&home), Liar::default());
        let (at, router) = (
            endpoint.clone(),
            Server::builder().add_service(EotsSignerServer::new(liar.clone())),
        );
        tokio::spawn(async move { at.serve(router, std::future::pending()).await });
        let probe = EotsSignerClient::new(endpoint.channel(PATIENCE).unwrap());
        let answered = async {
            while probe
                .clone()
                .get_keys(GetKeysRequest::default())
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap();
        (liar, Remote::new(endpoint, CHAIN_ID).unwrap(), home)
    })
});

fn wire_refusal() -> impl Strategy<Value = Refusal> {
    (prop_oneof![0_i32..8, any::<i32>()], any::<String>())
        .prop_map(|(reason, message)| Refusal { reason, message })
}

fn script() -> impl Strategy<Value = Script> {
    let key = (bytes(), any::<u64>()).prop_map(|(public_key, signed_to)| Key {
        public_key,
        signed_to: Some(signed_to),
    });
    let keys = prop::option::of(prop_oneof![
        prop::collection::vec(key, 0..3)
            .prop_map(|keys| get_keys_response::Outcome::List(KeyList { keys })),
        wire_refusal().prop_map(get_keys_response::Outcome::Refusal),
    ]);
    let list = prop::collection::vec(bytes(), 0..4);
    let outcomes = prop::collection::vec(
        prop::option::of(prop_oneof![
            bytes().prop_map(vote_outcome::Outcome::Signature),
            wire_refusal().prop_map(vote_outcome::Outcome::Refusal),
        ]),
        0..4,
    );
    let randomness = prop::option::of(prop_oneof![
        list.prop_map(|public_randomness| {
            public_randomness_response::Outcome::List(PublicRandomnessList { public_randomness })
        }),
        wire_refusal().prop_map(public_randomness_response::Outcome::Refusal),
    ]);
    let commitment = prop::option::of(prop_oneof![
        (bytes(), bytes()).prop_map(|(commitment, signature)| {
            sign_commitment_response::Outcome::Signed(SignedCommitment {
                commitment,
                signature,
            })
        }),
        wire_refusal().prop_map(sign_commitment_response::Outcome::Refusal),
    ]);
    let proof = prop::option::of(prop_oneof![
        bytes().prop_map(sign_proof_of_possession_response::Outcome::Signature),
        wire_refusal().prop_map(sign_proof_of_possession_response::Outcome::Refusal),
    ]);
    let registration = prop::option::of(prop_oneof![
        bytes().prop_map(sign_registration_response::Outcome::Signature),
        wire_refusal().prop_map(sign_registration_response::Outcome::Refusal),
    ]);
    (keys, randomness, commitment, outcomes, proof, registration).prop_map(
        |(keys, randomness, commitment, outcomes, proof, registration)| Script {
            keys: GetKeysResponse { outcome: keys },
            randomness: PublicRandomnessResponse {
                outcome: randomness,
            },
            commitment: SignCommitmentResponse {
                outcome: commitment,
            },
            votes: SignVotesResponse {
                outcomes: outcomes
                    .into_iter()
                    .map(|outcome| VoteOutcome { outcome })
                    .collect(),
            },
            proof: SignProofOfPossessionResponse { outcome: proof },
            registration: SignRegistrationResponse {
                outcome: registration,
            },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_a_signer_answers_is_read_or_refused(script in script(), asked in 0_usize..4) {
        let (liar, remote, _) = &*LIAR;
        *liar.0.lock().unwrap() = script.clone();
        let range = HeightRange { start: ChainHeight(1), count: 2 };
        let votes: Vec<_> = (1..)
            .map(|height| Vote { height: ChainHeight(height), content: VoteContent::AppHash([1; 32]) })
            .take(asked)
            .collect();
        RUNTIME.block_on(async {
            if let Ok(keys) = remote.keys().await {
                let Some(get_keys_response::Outcome::List(list)) = script.keys.outcome else {
                    panic!("keys out of {:?}", script.keys);
                };
                prop_assert_eq!(keys.len(), list.keys.len());
            }
            if remote.public_randomness(key(1), range).await.is_ok() {
                let listed = matches!(script.randomness.outcome, Some(public_randomness_response::Outcome::List(_)));
                prop_assert!(listed);
            }
            if remote.sign_commitment(key(1), range, 1).await.is_ok() {
                let signed = matches!(script.commitment.outcome, Some(sign_commitment_response::Outcome::Signed(_)));
                prop_assert!(signed);
            }
            if let Ok(outcomes) = remote.sign_votes(key(1), &votes).await {
                prop_assert_eq!(outcomes.len(), asked);
                prop_assert_eq!(script.votes.outcomes.len(), asked);
            }
            let registration = Registration { number: 1, operator: "bbn1".to_owned(), commission: 5 };
            if remote.sign_registration(key(1), &registration).await.is_ok() {
                let signed = matches!(script.registration.outcome, Some(sign_registration_response::Outcome::Signature(_)));
                prop_assert!(signed);
            }
            if remote.sign_proof_of_possession(key(1), "bbn1").await.is_ok() {
                let signed = matches!(script.proof.outcome, Some(sign_proof_of_possession_response::Outcome::Signature(_)));
                prop_assert!(signed);
            }
            Ok(())
        })?;
    }
}
