//! The signer through its public face: the same answers in the process and behind a socket, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::path::Path;
use std::time::Duration;

use bitcoin::secp256k1::{SECP256K1, XOnlyPublicKey};
use chain::{VoteContent, VotingDomain};
use eots::commitment::{Tree, digest};
use eots::curve::Native;
use eots::randomness::public_range;
use eots::{PublicKey, verify, vote_message};
use finality_provider::record::{OnChain, RecordError, SigningRecord, UnknownVotes};
use finality_provider::signer::{
    Embedded, EotsSigner, HeightRange, MOST_COMMITTED, MOST_RANDOMNESS, MOST_VOTES, Refusal,
    Remote, SignerError, Vote, serve,
};
use fixture::{CHAIN_ID, alone, domain, key, record, secret, signer};
use mesh_core::Domain;
use mesh_core::vote::CheckpointVote;
use proto::btcmesh::finality::v1::eots_signer_client::EotsSignerClient;
use proto::btcmesh::finality::v1::vote::Content;
use proto::btcmesh::finality::v1::{PublicRandomnessRequest, SignVotesRequest, Vote as WireVote};
use proto::endpoint::Endpoint;
use staking::proof_of_possession::{AccountAddress, ProofOfPossession};
use staking::units::ChainHeight;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A signer with key 1, and the same one behind a Unix socket.
struct Both {
    embedded: Embedded,
    remote: Remote,
    endpoint: Endpoint,
    home: TempDir,
    _stop: DropGuard,
}

impl Both {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let embedded = signer(home.path(), &[1]).await;
        let endpoint = socket(home.path());
        let stop = CancellationToken::new();
        let (served, at, until) = (embedded.clone(), endpoint.clone(), stop.clone());
        tokio::spawn(async move { serve(&at, alone(served), until.cancelled_owned()).await });
        let remote = Remote::new(endpoint.clone(), CHAIN_ID).unwrap();
        wait_for(&remote).await;
        Self {
            embedded,
            remote,
            endpoint,
            home,
            _stop: stop.drop_guard(),
        }
    }

    fn each(&self) -> [&dyn EotsSigner; 2] {
        [&self.embedded, &self.remote]
    }
}

fn socket(home: &Path) -> Endpoint {
    format!("unix:{}/signer.sock", home.display())
        .parse()
        .unwrap()
}

async fn wait_for(remote: &Remote) {
    let answered = async {
        while remote.keys().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), answered)
        .await
        .expect("the signer answers");
}

fn account() -> AccountAddress {
    AccountAddress::new("bbn", &[7; 20]).unwrap()
}

fn range(start: u64, count: u32) -> HeightRange {
    HeightRange {
        start: ChainHeight(start),
        count,
    }
}

fn vote(height: u64, byte: u8) -> Vote {
    Vote {
        height: ChainHeight(height),
        content: VoteContent::AppHash([byte; 32]),
    }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, SignerError>) -> Refusal {
    match answer {
        Err(SignerError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn both_give_the_randomness_of_the_convention_and_commit_to_it() {
    let both = Both::start().await;
    let leaves: Vec<_> = public_range(&secret(1), CHAIN_ID, 700, 600).collect();
    let root = Tree::from_leaves(leaves.iter().copied())
        .unwrap()
        .commitment();
    for signer in both.each() {
        let given = signer.public_randomness(key(1), range(700, 600)).await;
        assert_eq!(given.unwrap(), leaves);
        let signed = signer
            .sign_commitment(key(1), range(700, 600), 0)
            .await
            .unwrap();
        assert_eq!(signed.commitment, root);
        let digest = digest(700, 600, &root);
        let message = bitcoin::secp256k1::Message::from_digest(digest);
        let public = XOnlyPublicKey::from_slice(&key(1).to_bytes()).unwrap();
        SECP256K1
            .verify_schnorr(&signed.signature, &message, &public)
            .unwrap();
    }
}

#[tokio::test]
async fn a_vote_has_one_signature_whoever_asks_and_however_often() {
    let both = Both::start().await;
    let votes = [vote(7, 1), vote(9, 2)];
    let first = both.embedded.sign_votes(key(1), &votes).await.unwrap();
    let randomness: Vec<_> = public_range(&secret(1), CHAIN_ID, 7, 1).collect();
    let public = PublicKey::from_bytes(key(1).to_bytes()).unwrap();
    let message = vote_message(7, &[1; 32]);
    let signature = first[0].as_ref().unwrap();
    verify(&Native, &public, &randomness[0], &message, signature).unwrap();
    for signer in both.each() {
        assert_eq!(signer.sign_votes(key(1), &votes).await.unwrap(), first);
        let held = signer.keys().await.unwrap();
        assert_eq!(
            (held[0].key, held[0].signed_to),
            (key(1), Some(ChainHeight(9)))
        );
    }
}

#[tokio::test]
async fn a_second_block_at_a_height_is_refused_alone() {
    let both = Both::start().await;
    let signed = both.embedded.sign_votes(key(1), &[vote(7, 1)]).await;
    assert!(signed.unwrap()[0].is_ok());
    for signer in both.each() {
        let votes = [vote(7, 9), vote(8, 9), vote(0, 9)];
        let answers = signer.sign_votes(key(1), &votes).await.unwrap();
        assert!(matches!(answers[0], Err(Refusal::Equivocation(_))));
        assert!(answers[1].is_ok());
        assert!(matches!(answers[2], Err(Refusal::BelowWatermark(_))));
    }
    // Within one request too, whichever comes first.
    let votes = [vote(20, 1), vote(20, 2)];
    let answers = both.remote.sign_votes(key(1), &votes).await.unwrap();
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(Refusal::Equivocation(_))));
}

#[tokio::test]
async fn what_is_signed_survives_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let before = signer(home.path(), &[1]).await;
    let signed = before.sign_votes(key(1), &[vote(7, 1)]).await.unwrap();
    drop(before);
    let after = signer(home.path(), &[1]).await;
    assert_eq!(
        after.sign_votes(key(1), &[vote(7, 1)]).await.unwrap(),
        signed
    );
    let other = after.sign_votes(key(1), &[vote(7, 2)]).await.unwrap();
    assert!(matches!(other[0], Err(Refusal::Equivocation(_))));
}

#[tokio::test]
async fn a_key_that_is_not_there_signs_nothing() {
    let both = Both::start().await;
    for signer in both.each() {
        let answer = signer.public_randomness(key(2), range(1, 1)).await;
        assert!(matches!(refusal(answer), Refusal::UnknownKey(_)));
        let answer = signer.sign_commitment(key(2), range(1, 1), 0).await;
        assert!(matches!(refusal(answer), Refusal::UnknownKey(_)));
        let answer = signer
            .sign_proof_of_possession(key(2), account().text())
            .await;
        assert!(matches!(refusal(answer), Refusal::UnknownKey(_)));
    }
    let answer = both.embedded.sign_votes(key(2), &[vote(1, 1)]).await;
    assert!(matches!(refusal(answer), Refusal::UnknownKey(_)));
    let answers = both.remote.sign_votes(key(2), &[vote(1, 1)]).await.unwrap();
    assert!(matches!(answers[0], Err(Refusal::UnknownKey(_))));
}

#[tokio::test]
async fn more_than_is_sensible_is_refused_before_any_work() {
    let both = Both::start().await;
    for signer in both.each() {
        for range in [
            range(1, 0),
            range(u64::MAX, 1),
            range(1, MOST_RANDOMNESS + 1),
        ] {
            let answer = signer.public_randomness(key(1), range).await;
            assert!(matches!(refusal(answer), Refusal::InvalidRequest(_)));
        }
        let answer = signer
            .sign_commitment(key(1), range(1, MOST_COMMITTED + 1), 0)
            .await;
        let refused = refusal(answer).to_string();
        assert!(refused.contains("field `count`"), "{refused}");
    }
    let many: Vec<_> = (1..)
        .map(|height| vote(height, 1))
        .take(MOST_VOTES + 1)
        .collect();
    let refused = refusal(both.embedded.sign_votes(key(1), &many).await);
    assert!(refused.to_string().contains("field `votes`"), "{refused}");
    let answers = both.remote.sign_votes(key(1), &many).await.unwrap();
    assert!(matches!(answers[0], Err(Refusal::InvalidRequest(_))));
    assert_eq!(
        both.embedded.keys().await.unwrap()[0].signed_to,
        Some(ChainHeight(0))
    );
}

#[tokio::test]
async fn another_chain_is_refused_by_every_question_that_needs_one() {
    let both = Both::start().await;
    let other = Remote::new(both.endpoint.clone(), "bbn-test-2").unwrap();
    assert!(matches!(
        refusal(other.keys().await),
        Refusal::UnknownChain(_)
    ));
    let answer = other.public_randomness(key(1), range(1, 1)).await;
    assert!(matches!(refusal(answer), Refusal::UnknownChain(_)));
    let answer = other.sign_commitment(key(1), range(1, 1), 0).await;
    assert!(matches!(refusal(answer), Refusal::UnknownChain(_)));
    let answers = other.sign_votes(key(1), &[vote(1, 1)]).await.unwrap();
    assert!(matches!(answers[0], Err(Refusal::UnknownChain(_))));
    assert_eq!(
        both.embedded.keys().await.unwrap()[0].signed_to,
        Some(ChainHeight(0))
    );
}

#[tokio::test]
async fn a_malformed_request_is_refused_by_the_name_of_its_field() {
    let both = Both::start().await;
    let channel = both.endpoint.channel(Duration::from_secs(10)).unwrap();
    let mut client = EotsSignerClient::new(channel);
    let short_key = PublicRandomnessRequest {
        public_key: vec![1; 31],
        chain_id: CHAIN_ID.to_owned(),
        start_height: 1,
        count: 1,
    };
    let status = client.public_randomness(short_key).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("`public_key`"), "{status}");
    let short_hash = SignVotesRequest {
        public_key: key(1).to_bytes().into(),
        chain_id: CHAIN_ID.to_owned(),
        votes: [32, 31]
            .map(|length| WireVote {
                height: 1,
                content: Some(Content::AppHash(vec![1; length])),
            })
            .into(),
    };
    let status = client.sign_votes(short_hash).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("votes[1].app_hash"), "{status}");
    // Nothing of the request was signed, the good vote in it neither.
    assert_eq!(
        both.embedded.keys().await.unwrap()[0].signed_to,
        Some(ChainHeight(0))
    );
}

#[tokio::test]
async fn a_signer_that_is_away_is_told_from_one_that_refuses() {
    let home = tempfile::tempdir().unwrap();
    let remote = Remote::new(socket(home.path()), CHAIN_ID).unwrap();
    let answer = remote.sign_votes(key(1), &[vote(1, 1)]).await;
    assert!(
        matches!(answer, Err(SignerError::Unreachable { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn possession_is_proven_to_an_account_and_to_nothing_else() {
    let both = Both::start().await;
    let account = account();
    for signer in both.each() {
        let proof = signer
            .sign_proof_of_possession(key(1), account.text())
            .await;
        let Ok(ProofOfPossession::Bip340(_)) = proof else {
            panic!("no proof: {proof:?}");
        };
        let answer = signer.sign_proof_of_possession(key(1), "no address").await;
        assert!(matches!(refusal(answer), Refusal::InvalidRequest(_)));
    }
}

#[tokio::test]
async fn a_home_that_is_refused_stays_without_a_record() {
    let home = tempfile::tempdir().unwrap();
    let signer = Embedded::new(record(home.path()));
    let voted = OnChain {
        tip: Some(ChainHeight(900)),
        voted: Some(ChainHeight(850)),
    };
    let refused = signer
        .admit(key(1), secret(1), voted, UnknownVotes::Refuse)
        .await;
    assert!(
        matches!(refused, Err(RecordError::Missing { .. })),
        "{refused:?}"
    );
    assert!(!home.path().join("data").exists());
    let answer = signer.sign_votes(key(1), &[vote(901, 1)]).await;
    assert!(matches!(refusal(answer), Refusal::UnknownKey(_)));

    let adopted = signer.admit(key(1), secret(1), voted, UnknownVotes::AdoptChainWatermark);
    adopted.await.unwrap();
    let answers = signer
        .sign_votes(key(1), &[vote(900, 1), vote(901, 1)])
        .await
        .unwrap();
    assert!(matches!(answers[0], Err(Refusal::BelowWatermark(_))));
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn a_refusal_names_a_checkpoint_by_the_number_that_the_chain_gives_it() {
    let home = tempfile::tempdir().unwrap();
    let instance = VotingDomain::PartnerChain(Domain::from_bytes([3; 32]));
    let signer = Embedded::new(SigningRecord::open(home.path(), instance).unwrap());
    let checkpoint = |number, byte| Vote {
        height: ChainHeight(number),
        content: VoteContent::Checkpoint(CheckpointVote {
            epoch: 0,
            checkpoint: number,
            height: 1_000 + number,
            header_hash: [byte; 32],
            table_root: [4; 32],
            next_root: [0; 32],
        }),
    };
    for (number, tip) in [(1, None), (2, Some(ChainHeight(7)))] {
        let on_chain = OnChain { tip, voted: None };
        let admitted = signer.admit(key(number), secret(number), on_chain, UnknownVotes::Refuse);
        admitted.await.unwrap();
    }
    let votes = [checkpoint(0, 1), checkpoint(0, 2)];
    let answers = signer.sign_votes(key(1), &votes).await.unwrap();
    assert!(answers[0].is_ok());
    let Err(Refusal::Equivocation(reason)) = &answers[1] else {
        panic!("another block: {answers:?}");
    };
    assert!(reason.contains("at height 0:"), "{reason}");
    let votes = [checkpoint(6, 1), checkpoint(8, 1)];
    let answers = signer.sign_votes(key(2), &votes).await.unwrap();
    let Err(Refusal::BelowWatermark(reason)) = &answers[0] else {
        panic!("below what may have been signed: {answers:?}");
    };
    for part in ["at height 6:", "up to height 7 "] {
        assert!(reason.contains(part), "{reason}");
    }
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn a_key_is_held_once_and_a_record_by_one_process() {
    let both = Both::start().await;
    let fresh = OnChain {
        tip: None,
        voted: None,
    };
    let twice = both
        .embedded
        .admit(key(1), secret(1), fresh, UnknownVotes::Refuse)
        .await;
    assert!(matches!(twice, Err(RecordError::Twice(_))), "{twice:?}");
    let second = SigningRecord::open(both.home.path(), domain());
    assert!(second.unwrap_err().to_string().contains("another process"));
}
