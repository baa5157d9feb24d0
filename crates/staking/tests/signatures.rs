//! A delegation's signatures are accepted from who must give them, for the transaction they are for.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use fixture::{Scenario, adaptor_signature, covenant_key, provider_key, secret, sign};
use staking::delegation::{
    CovenantSignatureError, CovenantSignatures, SignedPart, StakerSignatureError, StakerSignatures,
};

fn staker_signatures(scenario: &Scenario) -> StakerSignatures {
    let delegation = &scenario.delegation;
    StakerSignatures {
        slashing: sign(&scenario.staker, delegation.slashing_sighash().to_bytes()),
        unbonding_slashing: sign(
            &scenario.staker,
            delegation.unbonding_slashing_sighash().to_bytes(),
        ),
    }
}

fn covenant_signatures(scenario: &Scenario, member: usize) -> CovenantSignatures {
    let delegation = &scenario.delegation;
    let (slashing, unbonding_slashing) = (
        delegation.slashing_sighash(),
        delegation.unbonding_slashing_sighash(),
    );
    CovenantSignatures {
        key: covenant_key(&scenario.committee[member]),
        slashing: scenario.adaptor_signatures(slashing)[member]
            .signatures
            .clone(),
        unbonding: sign(
            &scenario.committee[member],
            delegation.unbonding_sighash().to_bytes(),
        ),
        unbonding_slashing: scenario.adaptor_signatures(unbonding_slashing)[member]
            .signatures
            .clone(),
    }
}

#[test]
fn the_staker_signs_both_slashings() {
    let scenario = Scenario::new(1, 3, 2);
    let good = staker_signatures(&scenario);
    let check = |signatures| scenario.delegation.check_staker_signatures(&signatures);
    assert_eq!(check(good), Ok(()));

    let swapped = StakerSignatures {
        slashing: good.unbonding_slashing,
        unbonding_slashing: good.slashing,
    };
    assert_eq!(
        check(swapped),
        Err(StakerSignatureError(SignedPart::Slashing))
    );
    let second = StakerSignatures {
        unbonding_slashing: good.slashing,
        ..good
    };
    let error = check(second).unwrap_err();
    assert_eq!(error, StakerSignatureError(SignedPart::UnbondingSlashing));
    assert_eq!(error.rule(), "staker-unbonding-slashing-signature");
    let message = scenario.delegation.slashing_sighash().to_bytes();
    let thief = StakerSignatures {
        slashing: sign(&secret("thief"), message),
        ..good
    };
    assert_eq!(
        check(thief).unwrap_err().rule(),
        "staker-slashing-signature"
    );
}

#[test]
fn every_member_of_the_committee_may_sign() {
    for providers in [1, 3] {
        let scenario = Scenario::new(providers, 3, 2);
        for member in 0..3 {
            let signatures = covenant_signatures(&scenario, member);
            assert_eq!(
                scenario.delegation.check_covenant_signatures(&signatures),
                Ok(())
            );
        }
    }
}

#[test]
fn what_a_member_must_not_hand_in_is_refused_with_its_reason() {
    type Error = CovenantSignatureError;
    let scenario = Scenario::new(2, 3, 2);
    let good = covenant_signatures(&scenario, 0);
    let key = good.key;
    let check = |change: fn(&Scenario, &mut CovenantSignatures)| {
        let mut signatures = good.clone();
        change(&scenario, &mut signatures);
        scenario
            .delegation
            .check_covenant_signatures(&signatures)
            .unwrap_err()
    };
    let first_provider = provider_key(&scenario.providers[0]);
    let adaptor = |part, finality_provider| Error::Adaptor {
        part,
        finality_provider,
    };

    let stranger = covenant_key(&secret("stranger"));
    assert_eq!(
        check(|_, it| it.key = covenant_key(&secret("stranger"))),
        Error::NotAMember(stranger)
    );
    assert_eq!(
        check(|_, it| {
            it.slashing.pop();
        }),
        Error::Count {
            part: SignedPart::Slashing,
            actual: 1,
            required: 2
        }
    );
    assert_eq!(
        check(|_, it| it.unbonding_slashing.push(it.slashing[0])),
        Error::Count {
            part: SignedPart::UnbondingSlashing,
            actual: 3,
            required: 2
        }
    );
    // Signatures follow the order in which the providers were registered.
    assert_eq!(
        check(|_, it| it.slashing.swap(0, 1)),
        adaptor(SignedPart::Slashing, first_provider)
    );
    assert_eq!(
        check(|_, it| it.unbonding_slashing.clone_from(&it.slashing)),
        adaptor(SignedPart::UnbondingSlashing, first_provider)
    );
    assert_eq!(
        check(|scenario, it| {
            let sighash = scenario.delegation.slashing_sighash();
            it.slashing[1] =
                adaptor_signature(&scenario.committee[1], &scenario.providers[1], sighash);
        }),
        adaptor(SignedPart::Slashing, provider_key(&scenario.providers[1]))
    );
    assert_eq!(
        check(|scenario, it| {
            let message = scenario.delegation.slashing_sighash().to_bytes();
            it.unbonding = sign(&scenario.committee[0], message);
        }),
        Error::Unbonding(key)
    );
}
