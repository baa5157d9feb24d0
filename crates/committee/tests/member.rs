//! Asking members that are honest, down, or lie: nothing that an answer says is believed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::time::Duration;

use bitcoin::{Amount, Network};
use committee::message::{signatures_to_proto, terms_to_proto};
use committee::{Member, MemberError, SignatureRequest, SignatureRequestError, Terms, collect};
use fixture::{covenant_key, delegation, params, request, signatures};
use proto::btcmesh::covenant::v1::committee_member_server::{
    CommitteeMember, CommitteeMemberServer,
};
use proto::btcmesh::covenant::v1::cosign_delegation_response::Outcome;
use proto::btcmesh::covenant::v1::{
    CosignDelegationRequest, CosignDelegationResponse, GetMemberRequest, GetMemberResponse,
    Refusal, Signatures,
};
use proto::tonic::transport::Server;
use proto::tonic::{Request, Response, Status, async_trait};
use staking::delegation::CovenantSignatureError;
use staking::params::{CovenantCommittee, StakingParams};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

/// A member that answers what a test wants, and remembers nothing.
#[derive(Clone)]
struct Puppet {
    terms: Terms,
    answer: Result<Option<Outcome>, Status>,
    /// The number that a request must name.
    version: u32,
}

/// What makes an honest member another.
type Change = fn(&mut Puppet);

/// Names what went wrong.
type Expected = fn(&MemberError) -> bool;

impl Puppet {
    /// An honest member that is asked for delegation 1.
    fn honest(member: &str) -> Self {
        Self {
            terms: Terms {
                key: covenant_key(member),
                network: Network::Regtest,
                params: vec![params()],
            },
            answer: Ok(Some(Outcome::Signatures(signatures_of(member, 1)))),
            version: 0,
        }
    }

    async fn serve(self) -> Member {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let member = member_at(&listener.local_addr().unwrap().to_string());
        let services = Server::builder().add_service(CommitteeMemberServer::new(self));
        tokio::spawn(services.serve_with_incoming(TcpListenerStream::new(listener)));
        member
    }
}

#[async_trait]
impl CommitteeMember for Puppet {
    async fn get_member(
        &self,
        _: Request<GetMemberRequest>,
    ) -> Result<Response<GetMemberResponse>, Status> {
        Ok(Response::new(terms_to_proto(&self.terms)))
    }

    async fn cosign_delegation(
        &self,
        request: Request<CosignDelegationRequest>,
    ) -> Result<Response<CosignDelegationResponse>, Status> {
        assert_eq!(request.into_inner().params_version, self.version);
        let outcome = self.answer.clone()?;
        Ok(Response::new(CosignDelegationResponse { outcome }))
    }
}

fn member_at(address: &str) -> Member {
    Member::new(format!("http://{address}").try_into().unwrap()).unwrap()
}

fn signatures_of(member: &str, number: u8) -> Signatures {
    signatures_to_proto(&signatures(member, request(number).valid()))
}

fn answer_with(puppet: &mut Puppet, change: impl FnOnce(&mut Signatures)) {
    let mut given = signatures_of("alice", 1);
    change(&mut given);
    puppet.answer = Ok(Some(Outcome::Signatures(given)));
}

#[tokio::test]
async fn nothing_that_a_member_says_is_believed() {
    let lies: [(&str, Change, Expected); 12] = [
        (
            "signatures of another delegation",
            |it| it.answer = Ok(Some(Outcome::Signatures(signatures_of("alice", 2)))),
            |error| {
                matches!(
                    error,
                    MemberError::Signatures(CovenantSignatureError::Adaptor { .. })
                )
            },
        ),
        (
            "another member's signatures",
            |it| it.answer = Ok(Some(Outcome::Signatures(signatures_of("bob", 1)))),
            |error| matches!(error, MemberError::Signatures(_)),
        ),
        (
            "an unbonding signature of another delegation",
            |it| {
                answer_with(it, |given| {
                    given.unbonding = signatures_of("alice", 2).unbonding;
                });
            },
            |error| {
                matches!(
                    error,
                    MemberError::Signatures(CovenantSignatureError::Unbonding(_))
                )
            },
        ),
        (
            "adaptor signatures that are swapped",
            |it| {
                answer_with(it, |given| {
                    given.unbonding_slashing.clone_from(&given.slashing);
                });
            },
            |error| {
                matches!(
                    error,
                    MemberError::Signatures(CovenantSignatureError::Adaptor { .. })
                )
            },
        ),
        (
            "one adaptor signature too many",
            |it| answer_with(it, |given| given.slashing.push(given.slashing[0].clone())),
            |error| {
                matches!(
                    error,
                    MemberError::Signatures(CovenantSignatureError::Count { .. })
                )
            },
        ),
        (
            "half a signature",
            |it| answer_with(it, |given| given.unbonding.truncate(32)),
            |error| error.to_string().contains("signatures.unbonding"),
        ),
        (
            "nothing",
            |it| it.answer = Ok(None),
            |error| matches!(error, MemberError::NoOutcome),
        ),
        (
            "a stranger's key",
            |it| it.terms.key = covenant_key("mallory"),
            |error| matches!(error, MemberError::NotAMember(_)),
        ),
        (
            "another network",
            |it| it.terms.network = Network::Signet,
            |error| {
                matches!(
                    error,
                    MemberError::Network {
                        actual: Network::Signet,
                        ..
                    }
                )
            },
        ),
        (
            "other parameters",
            |it| it.terms.params[0].unbonding_fee += Amount::ONE_SAT,
            |error| matches!(error, MemberError::OtherParams(1)),
        ),
        (
            "a limit",
            |it| it.answer = Err(Status::resource_exhausted("20 delegations")),
            |error| matches!(error, MemberError::Limited(limit) if limit == "20 delegations"),
        ),
        (
            "a refusal",
            |it| {
                let (rule, message) = ("second-unbonding".to_owned(), String::new());
                it.answer = Ok(Some(Outcome::Refusal(Refusal { rule, message })));
            },
            |error| matches!(error, MemberError::Refused(refusal) if refusal.rule == "second-unbonding"),
        ),
    ];
    for (lie, change, expected) in lies {
        let mut puppet = Puppet::honest("alice");
        change(&mut puppet);
        let error = puppet.serve().await.sign(&request(1)).await.unwrap_err();
        assert!(expected(&error), "{lie}: {error:?}");
    }
}

#[tokio::test]
async fn members_may_number_the_same_set_differently() {
    let mut puppet = Puppet::honest("alice");
    let mut other = params();
    other.unbonding_fee += Amount::ONE_SAT;
    let mut same = params();
    same.version = 7;
    puppet.terms.params = vec![other, same];
    puppet.version = 7;
    puppet.serve().await.sign(&request(1)).await.unwrap();
}

#[tokio::test]
async fn a_member_answers_for_the_key_that_it_was_configured_with() {
    let alice = covenant_key("alice");
    let right = Puppet::honest("alice").serve().await.with_key(alice);
    right.sign(&request(1)).await.unwrap();
    let other = Puppet::honest("bob").serve().await.with_key(alice);
    let error = other.sign(&request(1)).await.unwrap_err();
    let bob = covenant_key("bob");
    assert!(
        matches!(error, MemberError::OtherKey { actual, required } if actual == bob && required == alice),
        "{error:?}"
    );
}

#[tokio::test]
async fn who_is_down_or_lies_costs_the_others_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = member_at(&closed.local_addr().unwrap().to_string());
    drop(closed);
    let mut liar = Puppet::honest("bob");
    liar.answer = Ok(Some(Outcome::Signatures(signatures_of("alice", 1))));
    let members = [
        down,
        Puppet::honest("carol").serve().await,
        liar.serve().await,
        Puppet::honest("alice").serve().await,
        // The same member at a second address.
        Puppet::honest("alice").serve().await,
    ];
    let request = request(1);
    let collected = tokio::time::timeout(Duration::from_secs(20), collect(&members, &request));
    let collected = collected.await.unwrap();
    assert!(collected.is_quorum());
    let keys: Vec<_> = collected.signatures.iter().map(|given| given.key).collect();
    let mut expected = vec![covenant_key("alice"), covenant_key("carol")];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    let failed: Vec<_> = collected.failures.iter().map(|(url, _)| url).collect();
    assert_eq!(failed, [members[0].url(), members[2].url()]);
    assert!(matches!(
        collected.failures[0].1,
        MemberError::Unreachable(_)
    ));
    assert!(matches!(
        collected.failures[1].1,
        MemberError::Signatures(_)
    ));

    let alone = collect(&members[3..], &request).await;
    assert!(!alone.is_quorum(), "one member twice is no quorum");
}

#[test]
fn what_every_member_would_refuse_is_not_asked_for() {
    let ask = |params: &StakingParams, delegation| {
        SignatureRequest::new(Network::Regtest, params, delegation)
    };
    let good = delegation(1, &params());
    ask(&params(), good.clone()).unwrap();

    let mut unsigned = good.clone();
    unsigned.staker_slashing_signature = good.staker_unbonding_slashing_signature;
    assert!(matches!(
        ask(&params(), unsigned),
        Err(SignatureRequestError::Staker(_))
    ));
    let mut other = params();
    other.covenant = CovenantCommittee::new(vec![covenant_key("alice")], 1).unwrap();
    assert!(matches!(
        ask(&other, good.clone()),
        Err(SignatureRequestError::Delegation(_))
    ));
    other.min_staking_value = Amount::ZERO;
    assert!(matches!(
        ask(&other, good),
        Err(SignatureRequestError::Params(_))
    ));
}
