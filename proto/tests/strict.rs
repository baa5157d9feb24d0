//! Our own services refuse what they do not understand entirely.

#![allow(missing_docs)]

mod fixture;

use fixture::RefusingSigner;
use proptest::prelude::*;
use proto::btcmesh::covenant::v1::covenant_signer_client::CovenantSignerClient;
use proto::btcmesh::covenant::v1::covenant_signer_server::CovenantSignerServer;
use proto::btcmesh::covenant::v1::{
    Delegation, SignDelegationRequest, SignDelegationResponse, StakingParams,
    sign_delegation_response,
};
use proto::btcmesh::finality::v1::{SignVotesRequest, Vote, vote};
use proto::prost::Message;
use proto::prost::bytes::Bytes;
use proto::strict::{self, DecodeError};
use proto::tonic::client::Grpc;
use proto::tonic::codegen::http::uri::PathAndQuery;
use proto::tonic::transport::{Endpoint, Server};
use proto::tonic::{Code, Request};
use tokio_stream::wrappers::TcpListenerStream;

/// A newer version of [`StakingParams`] with one more field.
#[derive(Clone, PartialEq, Message)]
struct NewerParams {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint64, tag = "99")]
    new_rule: u64,
}

/// [`SignDelegationRequest`] around [`NewerParams`].
#[derive(Clone, PartialEq, Message)]
struct NewerRequest {
    #[prost(message, optional, tag = "1")]
    params: Option<NewerParams>,
}

fn newer_request() -> NewerRequest {
    NewerRequest {
        params: Some(NewerParams {
            version: 3,
            new_rule: 7,
        }),
    }
}

#[test]
fn an_unknown_field_is_refused_and_its_place_is_named() {
    let bytes = Bytes::from(newer_request().encode_to_vec());
    let error = strict::decode::<SignDelegationRequest>(&bytes).unwrap_err();
    assert_eq!(
        error,
        DecodeError::UnknownField {
            message: "btcmesh.covenant.v1.SignDelegationRequest".to_owned(),
            path: "1.99".to_owned(),
        }
    );
}

#[test]
fn an_unknown_field_in_the_second_item_of_a_list_is_found() {
    #[derive(Clone, PartialEq, Message)]
    struct NewerVote {
        #[prost(uint64, tag = "1")]
        height: u64,
        #[prost(bytes = "vec", tag = "5")]
        extra: Vec<u8>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct NewerVotes {
        #[prost(message, repeated, tag = "3")]
        votes: Vec<NewerVote>,
    }
    let votes = NewerVotes {
        votes: vec![
            NewerVote {
                height: 1,
                extra: vec![],
            },
            NewerVote {
                height: 2,
                extra: vec![1],
            },
        ],
    };
    let error =
        strict::decode::<SignVotesRequest>(&Bytes::from(votes.encode_to_vec())).unwrap_err();
    assert!(
        error.to_string().contains("unknown field number 3.5"),
        "{error}"
    );
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    // Field 1 (params) as a number.
    let error = strict::decode::<SignDelegationRequest>(&Bytes::from_static(&[0x08, 0x01]));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("SignDelegationRequest.params"), "{error}");
}

#[tokio::test]
async fn a_server_refuses_a_request_of_a_newer_client() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        Server::builder()
            .add_service(CovenantSignerServer::new(RefusingSigner))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );

    let mut client = CovenantSignerClient::connect(url.clone()).await.unwrap();
    let params = StakingParams {
        version: 3,
        ..StakingParams::default()
    };
    let known = SignDelegationRequest {
        params: Some(params),
        ..SignDelegationRequest::default()
    };
    let answer = client.sign_delegation(known).await.unwrap().into_inner();
    let Some(sign_delegation_response::Outcome::Refusal(refusal)) = answer.outcome else {
        panic!("an answer without refusal");
    };
    assert_eq!(refusal.message, "3");

    let channel = Endpoint::new(url).unwrap().connect().await.unwrap();
    let mut newer = Grpc::new(channel);
    newer.ready().await.unwrap();
    let status = newer
        .unary(
            Request::new(newer_request()),
            PathAndQuery::from_static("/btcmesh.covenant.v1.CovenantSigner/SignDelegation"),
            tonic_prost::ProstCodec::<NewerRequest, SignDelegationResponse>::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().contains("unknown field number 1.99"),
        "{status}"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = strict::decode::<SignDelegationRequest>(&Bytes::from(bytes));
    }

    #[test]
    fn what_we_encode_is_understood(
        key in proptest::collection::vec(any::<u8>(), 0..40),
        time in any::<u32>(),
        votes in proptest::collection::vec((any::<u64>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..4),
    ) {
        let delegation = Delegation { staker_key: key, staking_time: time, ..Delegation::default() };
        let request = SignDelegationRequest {
            params: Some(StakingParams::default()),
            delegation: Some(delegation),
            ..SignDelegationRequest::default()
        };
        let decoded = strict::decode::<SignDelegationRequest>(&Bytes::from(request.encode_to_vec()));
        prop_assert_eq!(decoded.unwrap(), request);

        let votes = votes
            .into_iter()
            .map(|(height, app_hash)| Vote { height, content: Some(vote::Content::AppHash(app_hash)) })
            .collect();
        let request = SignVotesRequest { votes, ..SignVotesRequest::default() };
        let decoded = strict::decode::<SignVotesRequest>(&Bytes::from(request.encode_to_vec()));
        prop_assert_eq!(decoded.unwrap(), request);
    }
}
