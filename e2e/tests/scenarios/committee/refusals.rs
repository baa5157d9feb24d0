//! Delegations that a careful client would not send.

use bitcoin::{Amount, ScriptBuf};
use committee::message::delegation_to_proto;
use committee::{Delegation, MemberError};
use proto::btcmesh::covenant::v1::CosignDelegationRequest;
use proto::btcmesh::covenant::v1::committee_member_client::CommitteeMemberClient;
use proto::btcmesh::covenant::v1::cosign_delegation_response::Outcome;
use proto::tonic::Code;
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;
use staking::units::BlockInterval;
use testenv::programs::{CovenantSettings, StakersSettings};

use super::members::{Committee, Staker, params};

/// What makes a good delegation a bad one.
type Change = fn(&mut Delegation);

/// A stake in the name of `staker`, by somebody without its key.
pub(crate) fn forged(staker: &Staker, number: u8) -> Delegation {
    let mut delegation = staker.delegation(number, &params(0));
    delegation.staker_slashing_signature = delegation.staker_unbonding_slashing_signature;
    delegation
}

/// Rule by which the first member refuses.
pub(crate) async fn refused(committee: &Committee, delegation: Delegation) -> String {
    let url = committee.homes[0].stakers_url();
    let mut client = CommitteeMemberClient::connect(url).await.unwrap();
    let question = CosignDelegationRequest {
        params_version: 0,
        delegation: Some(delegation_to_proto(&delegation)),
    };
    let answer = client.cosign_delegation(question).await.unwrap();
    match answer.into_inner().outcome {
        Some(Outcome::Refusal(refusal)) => {
            assert!(!refusal.message.is_empty());
            refusal.rule
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn malformed_twins_of_a_good_delegation_are_refused_each_by_its_own_rule() {
    let committee = Committee::start("").await;
    let staker = Staker::new("first");
    let twins: [(&str, Change); 11] = [
        ("slashing-amount", |it| {
            it.slashing_tx.output[0].value -= Amount::ONE_SAT;
        }),
        ("slashing-script", |it| {
            it.slashing_tx.output[0].script_pubkey = ScriptBuf::new_op_return([]);
        }),
        ("slashing-change-script", |it| {
            it.slashing_tx.output[1].script_pubkey = ScriptBuf::new_op_return([]);
        }),
        ("unbonding-fee", |it| {
            it.unbonding_tx.output[0].value += Amount::ONE_SAT;
            let unbonding = it.unbonding_tx.compute_txid();
            it.unbonding_slashing_tx.input[0].previous_output.txid = unbonding;
        }),
        ("unbonding-script", |it| {
            it.unbonding_tx.output[0].script_pubkey = ScriptBuf::new_op_return([]);
        }),
        ("unbonding-outputs", |it| {
            let extra = it.unbonding_tx.output[0].clone();
            it.unbonding_tx.output.push(extra);
        }),
        ("unbonding-time", |it| {
            it.unbonding_time = BlockInterval::new(1).unwrap();
        }),
        ("staking-output-missing", |it| {
            it.staking_value += Amount::ONE_SAT;
        }),
        ("finality-providers", |it| {
            let second = FinalityProviderKey(it.staker.0);
            it.finality_providers.push(second);
        }),
        ("duplicate-key", |it| {
            it.finality_providers = vec![FinalityProviderKey(it.staker.0)];
        }),
        ("staker-unbonding-slashing-signature", |it| {
            it.staker_unbonding_slashing_signature = it.staker_slashing_signature;
        }),
    ];
    for (rule, change) in twins {
        let mut delegation = staker.delegation(1, &params(0));
        change(&mut delegation);
        assert_eq!(refused(&committee, delegation).await, rule);
    }

    let url = committee.homes[0].stakers_url();
    let mut client = CommitteeMemberClient::connect(url).await.unwrap();
    let mut question = CosignDelegationRequest {
        params_version: 0,
        delegation: Some(delegation_to_proto(&staker.delegation(1, &params(0)))),
    };
    question.delegation.as_mut().unwrap().unbonding_tx.push(0);
    let status = client.cosign_delegation(question).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(
        status.message().contains("`delegation.unbonding_tx`"),
        "{status}"
    );

    // None of it stands in the way of the real one, and none of it is in the log.
    let request = staker.request(1, &params(0));
    committee.members()[0].sign(&request).await.unwrap();
    let verify = ["audit", "verify"];
    let audit = committee.homes[0].command(&verify).await.unwrap();
    assert_eq!(audit.result().unwrap()["entries"], 2);
}

#[tokio::test]
async fn a_stake_that_one_set_slashes_is_never_signed_under_a_milder_one() {
    let mut committee = Committee::start("").await;
    let member = &committee.members()[0];
    let staker = Staker::new("first");
    member.sign(&staker.request(1, &params(0))).await.unwrap();

    // No configuration has both: the operator writes the second one in the place of the first.
    let milder = StakingParams {
        slashing_rate: "0.01".parse().unwrap(),
        ..params(0)
    };
    let stakers = StakersSettings {
        params: vec![milder.clone()],
        limits: "",
    };
    let settings = CovenantSettings {
        stakers: Some(stakers),
        ..CovenantSettings::default()
    };
    committee.processes[0].kill_nine();
    committee.homes[0].configure(None, &settings).unwrap();
    committee.processes[0].restart().unwrap();
    committee.wait_until_served(0).await;
    let error = member.sign(&staker.request(1, &milder)).await.unwrap_err();
    assert!(
        matches!(&error, MemberError::Refused(refusal) if refusal.rule == "second-slashing"),
        "{error}"
    );
    member.sign(&staker.request(2, &milder)).await.unwrap();
}
