//! The service for stakers, without a process of its own: what it checks before what, and what a limit counts.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bitcoin::{Amount, Network};
use committee::message::delegation_to_proto;
use committee::{Delegation, Member, MemberError, SignatureRequest};
use covenant::audit::{Event, read};
use covenant::home::Home;
use covenant::signer::{CovenantSigner, Identity, Origin, SignerError, SigningRequest};
use covenant::stakers::{
    Declined, HourlyLimits, Limited, ParamsConfig, ParamsSets, PlaceLimits, Stakers, serve,
};
use daemon::readiness::{Dependency, Readiness};
use fixture::{covenant_key, params, request, secret, signer, valid};
use proto::btcmesh::covenant::v1::CosignDelegationRequest;
use proto::btcmesh::covenant::v1::committee_member_client::CommitteeMemberClient;
use proto::tonic::Code;
use staking::delegation::CovenantSignatures;
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

fn section(params: &StakingParams) -> ParamsConfig {
    ParamsConfig {
        version: params.version,
        keys: params.covenant.keys().to_vec(),
        quorum: u32::try_from(params.covenant.quorum()).unwrap(),
        min_staking_value: params.min_staking_value,
        max_staking_value: params.max_staking_value,
        min_staking_time: params.min_staking_time,
        max_staking_time: params.max_staking_time,
        slashing_script: params.slashing_script.clone(),
        min_slashing_fee: params.min_slashing_fee,
        slashing_rate: params.slashing_rate.ten_thousandths(),
        unbonding_time: params.unbonding_time,
        unbonding_fee: params.unbonding_fee,
    }
}

/// The parameters as a set that no chain has.
fn hubless() -> StakingParams {
    StakingParams {
        activation_height: staking::units::BitcoinHeight(0),
        ..params()
    }
}

fn delegation(number: u8) -> Delegation {
    request(number, 1).delegation
}

fn health() -> Dependency {
    Readiness::default().dependency("signer")
}

fn service(
    signer: Arc<dyn CovenantSigner>,
    per_staker: u32,
    overall: u32,
    at_once: usize,
) -> Arc<Stakers> {
    let at_once = NonZeroUsize::new(at_once).unwrap();
    Stakers::new(
        signer,
        health(),
        Identity {
            key: covenant_key("alice"),
            network: Network::Regtest,
        },
        ParamsSets::new(&[section(&hubless())]).unwrap(),
        PlaceLimits {
            per_address: at_once,
            overall: at_once,
        },
        HourlyLimits {
            per_staker: NonZeroU32::new(per_staker).unwrap(),
            overall: NonZeroU32::new(overall).unwrap(),
        },
    )
}

/// Alice's signer, which trusts the set and no other.
fn alice(directory: &Path) -> Arc<dyn CovenantSigner> {
    Arc::new(fixture::signer_under(directory, "alice", &hubless()))
}

fn events(directory: &Path) -> Vec<Event> {
    read(&Home::new(directory).audit_log())
        .unwrap()
        .map(|entry| entry.unwrap().entry.event)
        .collect()
}

fn rule(outcome: Result<CovenantSignatures, Declined>) -> String {
    match outcome {
        Err(Declined::Refused(refusal)) => refusal.rule,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_stakers_delegation_goes_through_the_same_signer_and_its_log_says_who_asked() {
    let directory = tempfile::tempdir().unwrap();
    let service = service(alice(directory.path()), 9, 9, 9);
    let given = service.sign(0, delegation(1)).await.unwrap();
    valid(1, 1, &hubless())
        .check_covenant_signatures(&given)
        .unwrap();
    let Event::Signed { origin, .. } = &events(directory.path())[1] else {
        panic!("not signed");
    };
    assert_eq!(*origin, Origin::Staker);
}

#[tokio::test]
async fn what_is_refused_uses_up_no_limit_and_no_disk() {
    let directory = tempfile::tempdir().unwrap();
    let service = service(alice(directory.path()), 1, 1, 9);
    assert_eq!(rule(service.sign(1, delegation(1)).await), "unknown-params");

    // Somebody else's stake, without the staker's key.
    let mut forged = delegation(1);
    forged.staker_slashing_signature = forged.staker_unbonding_slashing_signature;
    for _ in 0..3 {
        let refused = service.sign(0, forged.clone()).await;
        assert_eq!(rule(refused), "staker-slashing-signature");
    }
    let mut twice = delegation(1);
    let second = secret("provider 1").public_key();
    let second = FinalityProviderKey::from_slice(second.as_bytes()).unwrap();
    twice.finality_providers.push(second);
    assert_eq!(rule(service.sign(0, twice).await), "finality-providers");
    let mut none = delegation(1);
    none.finality_providers.clear();
    assert_eq!(
        rule(service.sign(0, none).await),
        "finality-provider-missing"
    );

    assert_eq!(events(directory.path()).len(), 1, "more than the start");
    assert_eq!(service.status().last_hour, 0);
    service.sign(0, delegation(1)).await.unwrap();
    let status = service.status();
    assert_eq!((status.signed, status.refused, status.last_hour), (1, 6, 1));
}

#[tokio::test]
async fn a_staker_who_has_used_up_its_hour_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let service = service(alice(directory.path()), 2, 9, 9);
    service.sign(0, delegation(1)).await.unwrap();
    // Asking again counts too: it costs the member as much.
    service.sign(0, delegation(1)).await.unwrap();
    let Err(Declined::Limited(exceeded)) = service.sign(0, delegation(2)).await else {
        panic!("signed beyond the limit");
    };
    assert_eq!(exceeded.limit, Limited::Staker);
    assert!(exceeded.to_string().contains("2 delegations"), "{exceeded}");
    assert_eq!(events(directory.path()).len(), 3);
    assert_eq!(service.status().limited, 1);
}

/// Signs nothing, but says when it was asked and waits until it may answer.
struct Gate {
    asked: Semaphore,
    open: Semaphore,
}

impl Gate {
    fn closed() -> Arc<Self> {
        Arc::new(Self {
            asked: Semaphore::new(0),
            open: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl CovenantSigner for Gate {
    async fn identity(&self) -> Result<Identity, SignerError> {
        unreachable!("the service knows it")
    }

    async fn sign(&self, _: SigningRequest) -> Result<CovenantSignatures, SignerError> {
        self.asked.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        Err(SignerError::Unavailable(
            "at /home/alice/secret-place".into(),
        ))
    }
}

#[tokio::test]
async fn a_signer_that_is_away_costs_the_staker_nothing_and_stays_private() {
    let gate = Gate::closed();
    gate.open.add_permits(3);
    let service = service(Arc::clone(&gate) as _, 1, 1, 9);
    for _ in 0..3 {
        let declined = service.sign(0, delegation(1)).await.unwrap_err();
        assert!(matches!(declined, Declined::Unavailable));
        assert!(!declined.to_string().contains("secret-place"));
    }
    assert_eq!(service.status().last_hour, 0);
}

/// Serves until the test ends; the address and what stops it.
async fn listen(service: &Arc<Stakers>) -> (String, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (service, stopped) = (Arc::clone(service), stop.clone().cancelled_owned());
    tokio::spawn(async move { serve(service, listener, stopped).await.unwrap() });
    (url, stop)
}

fn question(number: u8) -> CosignDelegationRequest {
    CosignDelegationRequest {
        params_version: 0,
        delegation: Some(delegation_to_proto(&delegation(number))),
    }
}

#[tokio::test]
async fn a_place_is_kept_until_the_work_is_done_even_if_nobody_waits() {
    let gate = Gate::closed();
    let service = service(Arc::clone(&gate) as _, 9, 9, 1);
    let (url, _stop) = listen(&service).await;
    let mut client = CommitteeMemberClient::connect(url.clone()).await.unwrap();
    let hasty = tokio::spawn(async move { client.cosign_delegation(question(1)).await });
    gate.asked.acquire().await.unwrap().forget();
    hasty.abort();
    assert!(hasty.await.unwrap_err().is_cancelled());

    let mut client = CommitteeMemberClient::connect(url).await.unwrap();
    for _ in 0..3 {
        let status = client.cosign_delegation(question(2)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("1 requests"), "{status}");
    }
    gate.open.add_permits(2);
    while service.status().busy > 0 {
        tokio::task::yield_now().await;
    }
    let status = client.cosign_delegation(question(2)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(service.status().limited, 3);
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_nothing_large_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let service = service(alice(directory.path()), 9, 9, 9);
    let (url, _stop) = listen(&service).await;
    let mut client = CommitteeMemberClient::connect(url).await.unwrap();
    let mut short = question(1);
    short
        .delegation
        .as_mut()
        .unwrap()
        .staker_slashing_signature
        .pop();
    let mut long_key = question(1);
    long_key.delegation.as_mut().unwrap().staker_key = vec![2; 60_000];
    let missing = CosignDelegationRequest::default();
    for (malformed, named) in [
        (
            short,
            "`delegation.staker_slashing_signature`: 63 bytes where 64 are expected",
        ),
        (long_key, "`delegation.staker_key`"),
        (missing, "`delegation`: missing"),
    ] {
        let status = client.cosign_delegation(malformed).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains(named), "{status}");
        assert!(status.message().len() <= 300, "{status}");
    }
    let mut large = question(1);
    large.delegation.as_mut().unwrap().staking_tx = vec![0; 200_000];
    let status = client.cosign_delegation(large).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert_eq!(events(directory.path()).len(), 1);
}

#[tokio::test]
async fn the_stakers_client_takes_what_the_member_gives() {
    let directory = tempfile::tempdir().unwrap();
    let service = service(alice(directory.path()), 9, 9, 9);
    let (url, stop) = listen(&service).await;
    let member = Member::new(url.try_into().unwrap()).unwrap();
    let terms = member.terms().await.unwrap();
    assert_eq!(
        (terms.key, terms.network),
        (covenant_key("alice"), Network::Regtest)
    );
    assert_eq!(terms.params, [hubless()]);
    // The partner chain numbers the set as it likes.
    let mut chains = hubless();
    chains.version = 5;
    let request = SignatureRequest::new(Network::Regtest, &chains, delegation(1)).unwrap();
    let given = member.sign(&request).await.unwrap();
    assert_eq!(given.key, covenant_key("alice"));

    // The staking output does not say what unbonding costs, so this is another way out of the same stake.
    let mut dearer = hubless();
    dearer.unbonding_fee += Amount::ONE_SAT;
    let other = fixture::pending(1, 1, &dearer);
    let other = SigningRequest::of_chain(other, dearer.clone())
        .unwrap()
        .delegation;
    let request = SignatureRequest::new(Network::Regtest, &dearer, other).unwrap();
    let error = member.sign(&request).await.unwrap_err();
    assert!(matches!(error, MemberError::OtherParams(1)), "{error}");
    stop.cancel();
}

#[tokio::test]
async fn neither_origin_gets_a_second_unbonding_transaction() {
    let directory = tempfile::tempdir().unwrap();
    // The chain's delegation first.
    signer(directory.path(), "alice")
        .sign(request(1, 1))
        .await
        .unwrap();
    let mut dearer = hubless();
    dearer.unbonding_fee += Amount::ONE_SAT;
    let signer = fixture::signer_under(directory.path(), "alice", &dearer);
    let sets = ParamsSets::new(&[section(&dearer)]).unwrap();
    let service = Stakers::new(
        Arc::new(signer),
        health(),
        Identity {
            key: covenant_key("alice"),
            network: Network::Regtest,
        },
        sets,
        PlaceLimits {
            per_address: NonZeroUsize::MIN,
            overall: NonZeroUsize::MIN,
        },
        HourlyLimits {
            per_staker: NonZeroU32::MIN,
            overall: NonZeroU32::MIN,
        },
    );
    let other = SigningRequest::of_chain(fixture::pending(1, 1, &dearer), dearer)
        .unwrap()
        .delegation;
    assert_eq!(rule(service.sign(0, other).await), "second-unbonding");
}

#[test]
fn sections_that_are_no_sets_are_named() {
    let good = section(&hubless());
    let broken = |change: fn(&mut ParamsConfig)| {
        let mut changed = good.clone();
        changed.version = 3;
        change(&mut changed);
        ParamsSets::new(&[good.clone(), changed])
            .unwrap_err()
            .to_string()
    };
    for (change, named) in [
        (
            (|it| it.version = 0) as fn(&mut ParamsConfig),
            "two sets have version 0",
        ),
        (|it| it.quorum = 1, "version 3: a quorum of 1"),
        (
            |it| it.slashing_rate += 1,
            "versions 0 and 3 have the same committee",
        ),
        (
            |it| it.slashing_rate = 10_000,
            "version 3: a slashing rate of 10000",
        ),
        (
            |it| it.min_slashing_fee = Amount::ZERO,
            "version 3: the least slashing fee",
        ),
    ] {
        let error = broken(change);
        assert!(error.contains(named), "{error}");
    }
    assert!(ParamsSets::new(&[]).is_err());
    let mut dearer = good.clone();
    (dearer.version, dearer.unbonding_fee) = (3, good.unbonding_fee + Amount::ONE_SAT);
    assert!(ParamsSets::new(&[good, dearer]).is_ok());
}
