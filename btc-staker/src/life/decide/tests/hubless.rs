//! Stakes without a hub: one partner chain's view of them.

use super::*;

/// A stake of which a quorum has signed and which this chain does not know; its depth for spends is 10, too.
const SIGNED: Observation = Observation {
    governing_params: None,
    spend_depth: 10,
    held: Some(Held {
        signed: 2,
        quorum: 2,
    }),
    ..SEEN
};

/// The same on a chain that does not answer.
const SILENT: Observation = Observation {
    confirmation_depth: 0,
    spend_depth: 0,
    provider: ProviderState::Silent,
    ..SIGNED
};

fn unsigned(seen: Observation) -> Observation {
    let held = Some(Held {
        signed: 1,
        quorum: 2,
    });
    Observation { held, ..seen }
}

fn waits_from(height: u32) -> Option<Registration> {
    let registration = registered(DelegationStatus::Verified, 2)?;
    let counts_from = Some(BitcoinHeight(height));
    Some(Registration {
        counts_from,
        ..registration
    })
}

#[test]
fn it_is_broadcast_only_with_a_quorum_in_our_own_hands() {
    for (seen, expected) in [
        (unsigned(SIGNED), Step::Act(Action::Cosign)),
        (SIGNED, Step::Act(Action::Broadcast)),
        (SILENT, Step::Wait(Waiting::Chain)),
        (unsigned(SILENT), Step::Wait(Waiting::Chain)),
    ] {
        assert_eq!(step(Intent::Stake, seen), expected, "{seen:?}");
        assert_eq!(
            step(Intent::Cancel, seen),
            Step::Rest(Rest::Cancelled),
            "{seen:?}"
        );
    }
    for (provider, obstacle) in [
        (ProviderState::Slashed, Obstacle::ProviderSlashed),
        (ProviderState::Unknown, Obstacle::ProviderUnknown),
    ] {
        let seen = Observation { provider, ..SIGNED };
        assert_eq!(step(Intent::Stake, seen), Step::Stuck(obstacle));
    }
    let declined = Observation {
        declined: true,
        ..SIGNED
    };
    for seen in [declined, unsigned(declined)] {
        let obstacle = Obstacle::NotTaken;
        assert_eq!(step(Intent::Stake, seen), Step::Stuck(obstacle));
        assert_eq!(step(Intent::Cancel, seen), Step::Rest(Rest::Cancelled));
    }
    let position = staked_at(490);
    let seen = Observation {
        position,
        ..declined
    };
    assert_eq!(
        step(Intent::Stake, seen),
        Step::Act(Action::Show),
        "it is on Bitcoin: the chain says itself why it does not take it"
    );
}

#[test]
fn what_a_chain_was_shown_was_on_bitcoin_so_it_is_not_made_again() {
    for registration in [
        waits_from(500),
        registered(DelegationStatus::Active, 2),
        registered(DelegationStatus::Unbonded, 2),
    ] {
        let seen = Observation {
            registration,
            ..SIGNED
        };
        assert_eq!(step(Intent::Stake, seen), Step::Rest(Rest::Over));
    }
}

#[test]
fn it_is_shown_when_it_is_deep_and_counts_after_the_challenge() {
    let deep = staked_at(490);
    for (position, registration, light_client_tip, expected) in [
        (
            staked_at(491),
            None,
            500,
            Step::Wait(Waiting::Depth {
                depth: 9,
                required: 10,
            }),
        ),
        (deep, None, 499, Step::Wait(Waiting::LightClient(1))),
        (deep, None, 500, Step::Act(Action::Show)),
        (
            deep,
            waits_from(503),
            500,
            Step::Wait(Waiting::Challenge(3)),
        ),
        (deep, waits_from(500), 500, Step::Wait(Waiting::Proof(3))),
        (deep, waits_from(497), 500, Step::Act(Action::Prove)),
        (
            deep,
            registered(DelegationStatus::Active, 2),
            500,
            Step::Rest(Rest::Active(989)),
        ),
    ] {
        let seen = Observation {
            position,
            registration,
            light_client_tip: BitcoinHeight(light_client_tip),
            ..SIGNED
        };
        assert_eq!(
            step(Intent::Stake, seen),
            expected,
            "{position:?} {registration:?}"
        );
    }
    let seen = Observation {
        position: deep,
        ..unsigned(SIGNED)
    };
    assert_eq!(
        step(Intent::Stake, seen),
        Step::Act(Action::Cosign),
        "as after a restore: without a quorum, no chain takes it"
    );
    let seen = Observation {
        position: deep,
        ..SILENT
    };
    assert_eq!(step(Intent::Stake, seen), Step::Wait(Waiting::Chain));
}

#[test]
fn it_can_be_unbonded_and_withdrawn_whoever_is_silent() {
    let position = staked_at(400);
    for (seen, expected) in [
        (SILENT, Step::Act(Action::Unbond)),
        (SIGNED, Step::Act(Action::Unbond)),
        // As after a restore: members who have signed before sign the same again.
        (unsigned(SIGNED), Step::Act(Action::Cosign)),
    ] {
        let seen = Observation { position, ..seen };
        assert_eq!(step(Intent::Unbond, seen), expected, "{seen:?}");
    }
    let seen = Observation {
        position: unbonding_at(401),
        ..SILENT
    };
    assert_eq!(
        step(Intent::Unbond, seen),
        Step::Rest(Rest::Unbonded(0)),
        "nobody has to say so"
    );
}

#[test]
fn its_unbonding_is_reported_when_the_chain_takes_that() {
    let active = registered(DelegationStatus::Active, 2);
    for (height, expected) in [
        (500, Step::Wait(Waiting::Report(13))),
        (490, Step::Wait(Waiting::Report(3))),
        (487, Step::Act(Action::ReportUnbonding)),
    ] {
        let seen = Observation {
            registration: active,
            position: unbonding_at(height),
            ..SIGNED
        };
        assert_eq!(step(Intent::Unbond, seen), expected, "{height}");
    }
}
