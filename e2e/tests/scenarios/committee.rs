//! Stakers that ask a committee's members directly: real processes, no chain anywhere.

mod crash;
pub(crate) mod members;
mod refusals;

use std::time::Duration;

use committee::{MemberError, collect};
use eots::bip340;
use eots::curve::Pure;
use members::{Committee, DEADLINE, Staker, params, provider_secret};
use serde_json::{Value, json};
use staking::delegation::SlashedOutput;
use staking::quorum::{CovenantAdaptorSignatures, CovenantSignature};

const STOP: Duration = Duration::from_secs(20);

#[tokio::test]
async fn two_members_signatures_are_a_quorum_and_a_third_that_is_down_hinders_nobody() {
    let mut committee = Committee::start("").await;
    committee.processes[2].kill_nine();
    let staker = Staker::new("first");
    let request = staker.request(1, &params(0));
    let asked = committee.members();
    let collected = collect(&asked, &request).await;
    assert_eq!(collected.signatures.len(), 2, "{:?}", collected.failures);
    assert!(collected.is_quorum());
    let [(url, error)] = collected.failures.as_slice() else {
        panic!("not one failure: {:?}", collected.failures);
    };
    assert_eq!(url, asked[2].url());
    assert!(matches!(error, MemberError::Unreachable(_)), "{error}");

    // Verified by other code than what made and took them, and enough for every way that the stake can go early.
    let delegation = request.valid();
    for given in &collected.signatures {
        delegation
            .check_covenant_signatures_on(&Pure, given)
            .unwrap();
    }
    let unbonding: Vec<_> = collected
        .signatures
        .iter()
        .map(|given| CovenantSignature {
            key: given.key,
            signature: given.unbonding,
        })
        .collect();
    let sighash = delegation.unbonding_sighash().to_bytes();
    let own = bip340::sign(&staker.secret, &sighash, &rand::random()).into();
    delegation.signed_unbonding_tx(&own, &unbonding).unwrap();
    let slashing: Vec<_> = collected
        .signatures
        .iter()
        .map(|given| CovenantAdaptorSignatures {
            key: given.key,
            signatures: given.slashing.clone(),
        })
        .collect();
    let sighash = delegation.slashing_sighash().to_bytes();
    let own = bip340::sign(&staker.secret, &sighash, &rand::random()).into();
    delegation
        .signed_slashing_tx(SlashedOutput::Staking, &provider_secret(), &own, &slashing)
        .unwrap();

    // The third comes back and adds its own.
    committee.processes[2].restart().unwrap();
    committee.wait_until_served(2).await;
    let collected = collect(&asked, &request).await;
    assert_eq!(collected.signatures.len(), 3, "{:?}", collected.failures);

    let home = &committee.homes[0];
    let status = home
        .wait_for_status("two answers to be counted", DEADLINE, |status| {
            status["stakers"]["signed"] == 2
        })
        .await
        .unwrap();
    assert_eq!(status["service"], "running", "{status}");
    assert_eq!(status["stakers"]["params"], json!([0]), "{status}");
    assert_eq!(status["chain_id"], Value::Null, "{status}");
    let shown = home.command(&["params"]).await.unwrap().result().unwrap();
    assert_eq!(shown["stakers"][0]["unbonding_fee"], 2_000, "{shown}");
    let listed = ["audit", "list"];
    let listed = home.command(&listed).await.unwrap().result().unwrap();
    assert_eq!(listed["entries"][2]["event"], "signed", "{listed}");
    assert_eq!(listed["entries"][2]["origin"], "staker", "{listed}");
    for process in &mut committee.processes {
        assert!(process.terminate(STOP).await.unwrap().success());
    }
}

#[tokio::test]
async fn a_staker_cannot_use_up_more_than_its_own_hour() {
    let committee = Committee::start("delegations_per_hour_per_staker = 2").await;
    let member = &committee.members()[0];
    let (victim, other) = (Staker::new("victim"), Staker::new("other"));
    // Somebody without the victim's key asks in its name.
    for number in 0..5 {
        let forged = refusals::forged(&victim, number);
        let rule = refusals::refused(&committee, forged).await;
        assert_eq!(rule, "staker-slashing-signature");
    }
    for number in 0..2 {
        let request = victim.request(number, &params(0));
        member.sign(&request).await.unwrap();
    }
    let error = member.sign(&victim.request(2, &params(0))).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, MemberError::Limited(limit) if limit.contains("2 delegations of this staker key")),
        "{error}"
    );
    member.sign(&other.request(3, &params(0))).await.unwrap();
    let status = committee.homes[0]
        .wait_for_status("the limit to be counted", DEADLINE, |status| {
            status["stakers"]["limited"] == 1
        })
        .await
        .unwrap();
    assert_eq!(status["stakers"]["refused"], 5, "{status}");
    assert_eq!(status["stakers"]["last_hour"], 3, "{status}");
}

#[tokio::test]
async fn a_member_with_a_signer_of_its_own_serves_stakers_alike() {
    let committee = Committee::start_with_signers().await;
    let request = Staker::new("first").request(1, &params(0));
    let member = &committee.members()[0];
    let given = member.sign(&request).await.unwrap();
    request.valid().check_covenant_signatures(&given).unwrap();
    let signer = &committee.signers[0];
    let listed = ["audit", "list"];
    let listed = signer.command(&listed).await.unwrap().result().unwrap();
    assert_eq!(listed["entries"][1]["origin"], "staker", "{listed}");
}
