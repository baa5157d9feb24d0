//! The service's decision about one delegation, as a table.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use bitcoin::TxOut;
use chain::{CovenantSignature, Delegation, DelegationStatus, StakeExpansion};
use covenant::service::{Decision, Skip, decide};
use covenant::signer::no_expansion;
use fixture::{covenant_key, params, pending};
use staking::params::ParamsVersions;

/// A delegation that differs from a good one as `change` says.
fn changed(change: impl FnOnce(&mut Delegation)) -> Delegation {
    let mut delegation = pending(1, 1, &params());
    change(&mut delegation);
    delegation
}

fn signed_by(member: &str) -> Delegation {
    let key = covenant_key(member);
    changed(|delegation| {
        let signature = delegation.staker_slashing_signature;
        delegation.covenant_unbonding_signatures = vec![CovenantSignature { key, signature }];
    })
}

#[test]
fn each_state_of_a_delegation_has_its_decision() {
    let expansion = changed(|delegation| {
        delegation.expansion = Some(StakeExpansion {
            previous_staking_txid: delegation.staking_txid(),
            funding_output: TxOut::NULL,
            previous_covenant_signatures: Vec::new(),
        });
    });
    let in_status = |status| changed(|delegation| delegation.status = status);
    for (delegation, member, decision) in [
        (changed(|_| {}), "alice", Decision::Sign),
        (signed_by("bob"), "alice", Decision::Sign),
        (
            signed_by("alice"),
            "alice",
            Decision::Skip(Skip::AlreadySigned),
        ),
        (changed(|_| {}), "mallory", Decision::Skip(Skip::NotAMember)),
        (
            in_status(DelegationStatus::Verified),
            "alice",
            Decision::Skip(Skip::NotPending),
        ),
        (
            in_status(DelegationStatus::Active),
            "alice",
            Decision::Skip(Skip::NotPending),
        ),
        (
            in_status(DelegationStatus::Unbonded),
            "alice",
            Decision::Skip(Skip::NotPending),
        ),
        (
            in_status(DelegationStatus::Expired),
            "alice",
            Decision::Skip(Skip::NotPending),
        ),
        (
            changed(|delegation| delegation.params_version = 1),
            "alice",
            Decision::Skip(Skip::UnknownParams),
        ),
        (expansion, "alice", Decision::Park(no_expansion())),
    ] {
        let versions = ParamsVersions::new(vec![params()]).unwrap();
        assert_eq!(
            decide(&delegation, &versions, covenant_key(member)),
            decision
        );
    }
}
