use bitcoin::Txid;
use bitcoin::hashes::Hash as _;
use proptest::prelude::*;
use staking::delegation::SlashedOutput;
use staking::units::BlockInterval;

use super::*;
use crate::life::observation::Held;

mod hubless;

const TERMS: Terms = Terms {
    staking_time: match BlockInterval::new(1_000) {
        Ok(time) => time,
        Err(_) => unreachable!(),
    },
    unbonding_time: match BlockInterval::new(100) {
        Ok(time) => time,
        Err(_) => unreachable!(),
    },
    params_version: 2,
    patience: 3,
};

/// Both tips are at height 500 and k is 10.
const SEEN: Observation = Observation {
    tip: BitcoinHeight(500),
    light_client_tip: BitcoinHeight(500),
    confirmation_depth: 10,
    spend_depth: 0,
    governing_params: Some(2),
    provider: ProviderState::Good,
    declined: false,
    registration: None,
    held: None,
    position: Position::Nowhere,
    withdrawal: None,
};

#[expect(clippy::unnecessary_wraps, reason = "as an observation has it")]
fn registered(status: DelegationStatus, signed: usize) -> Option<Registration> {
    Some(Registration {
        status,
        counts_from: None,
        signed,
        quorum: 2,
    })
}

fn staked_at(height: u32) -> Position {
    Position::Staked(Place::Block(BitcoinHeight(height)))
}

fn unbonding_at(height: u32) -> Position {
    Position::Unbonding(Place::Block(BitcoinHeight(height)))
}

fn step(intent: Intent, seen: Observation) -> Step {
    decide(intent, Withdrawn::No, &TERMS, &seen)
}

#[test]
fn a_new_stake_is_registered_under_the_parameters_it_was_built_under() {
    assert_eq!(step(Intent::Stake, SEEN), Step::Act(Action::Register));
    for governing in [Some(3), None] {
        let seen = Observation {
            governing_params: governing,
            ..SEEN
        };
        let obstacle = Obstacle::ParamsChanged {
            planned: 2,
            governing,
        };
        assert_eq!(step(Intent::Stake, seen), Step::Stuck(obstacle));
    }
    // Once registered, its own version governs it for ever.
    let seen = Observation {
        governing_params: Some(3),
        registration: registered(DelegationStatus::Pending, 0),
        ..SEEN
    };
    assert!(matches!(
        step(Intent::Stake, seen),
        Step::Wait(Waiting::Committee { .. })
    ));
}

#[test]
fn a_stake_is_broadcast_only_when_a_quorum_of_signatures_is_valid() {
    use DelegationStatus::{Pending, Verified};
    for (status, signed, expected) in [
        (
            Pending,
            0,
            Step::Wait(Waiting::Committee {
                signed: 0,
                quorum: 2,
            }),
        ),
        (
            Pending,
            2,
            Step::Wait(Waiting::Committee {
                signed: 2,
                quorum: 2,
            }),
        ),
        // The chain says that the quorum is reached, but the signatures are not valid.
        (
            Verified,
            1,
            Step::Wait(Waiting::Committee {
                signed: 1,
                quorum: 2,
            }),
        ),
        (Verified, 2, Step::Act(Action::Broadcast)),
        (Verified, 3, Step::Act(Action::Broadcast)),
    ] {
        let seen = Observation {
            registration: registered(status, signed),
            ..SEEN
        };
        assert_eq!(step(Intent::Stake, seen), expected, "{status:?} {signed}");
    }
}

#[test]
fn nothing_is_staked_with_a_provider_who_was_slashed_or_is_unknown() {
    for registration in [None, registered(DelegationStatus::Verified, 2)] {
        for (provider, expected) in [
            (ProviderState::Slashed, Some(Obstacle::ProviderSlashed)),
            (ProviderState::Unknown, Some(Obstacle::ProviderUnknown)),
            (ProviderState::Jailed, None),
        ] {
            let step = step(
                Intent::Stake,
                Observation {
                    provider,
                    registration,
                    ..SEEN
                },
            );
            match expected {
                Some(obstacle) => assert_eq!(step, Step::Stuck(obstacle)),
                None => assert!(matches!(step, Step::Act(_))),
            }
        }
    }
}

#[test]
fn a_broadcast_stake_waits_for_depth_then_the_light_client_then_a_watchtower() {
    let verified = registered(DelegationStatus::Verified, 2);
    let mempool = Position::Staked(Place::Mempool);
    for (position, light_client_tip, expected) in [
        (mempool, 500, Step::Wait(Waiting::Mining)),
        (
            staked_at(500),
            500,
            Step::Wait(Waiting::Depth {
                depth: 0,
                required: 10,
            }),
        ),
        (
            staked_at(491),
            500,
            Step::Wait(Waiting::Depth {
                depth: 9,
                required: 10,
            }),
        ),
        (staked_at(490), 480, Step::Wait(Waiting::LightClient(20))),
        (staked_at(490), 499, Step::Wait(Waiting::LightClient(1))),
        (staked_at(490), 500, Step::Wait(Waiting::Proof(3))),
        (staked_at(488), 500, Step::Wait(Waiting::Proof(1))),
        (staked_at(487), 500, Step::Act(Action::Prove)),
        (staked_at(100), 500, Step::Act(Action::Prove)),
    ] {
        let seen = Observation {
            position,
            light_client_tip: BitcoinHeight(light_client_tip),
            registration: verified,
            ..SEEN
        };
        assert_eq!(
            step(Intent::Stake, seen),
            expected,
            "{position:?} {light_client_tip}"
        );
    }
}

#[test]
fn a_stake_is_proven_only_while_the_chain_takes_it() {
    // Tip + 100 must be below height + 1000.
    for (tip, expected) in [
        (1_199, Step::Act(Action::Prove)),
        (1_200, Step::Stuck(Obstacle::TooLateToProve(99))),
    ] {
        let seen = Observation {
            tip: BitcoinHeight(tip),
            light_client_tip: BitcoinHeight(tip),
            registration: registered(DelegationStatus::Verified, 2),
            position: staked_at(300),
            ..SEEN
        };
        assert_eq!(step(Intent::Stake, seen), expected, "{tip}");
    }
}

#[test]
fn a_stake_that_is_kept_says_when_its_coins_can_be_withdrawn() {
    use DelegationStatus::{Active, Expired, Unbonded};
    for (status, height, tip, expected) in [
        (Active, 401, 500, Rest::Active(900)),
        (Expired, 401, 1_399, Rest::Expired(1)),
        // The next block, 1401, is 1000 above 401.
        (Expired, 401, 1_400, Rest::Expired(0)),
        (Expired, 401, 9_999, Rest::Expired(0)),
        (Unbonded, 401, 500, Rest::Ended(900)),
    ] {
        let seen = Observation {
            tip: BitcoinHeight(tip),
            registration: registered(status, 2),
            position: staked_at(height),
            ..SEEN
        };
        assert_eq!(
            step(Intent::Stake, seen),
            Step::Rest(expected),
            "{status:?} {tip}"
        );
    }
}

#[test]
fn unbonding_needs_the_stake_on_bitcoin_and_the_committee() {
    use DelegationStatus::{Active, Pending, Verified};
    let committee = |signed| Step::Wait(Waiting::Committee { signed, quorum: 2 });
    let mempool = Position::Staked(Place::Mempool);
    for (registration, position, expected) in [
        (
            registered(Active, 2),
            staked_at(400),
            Step::Act(Action::Unbond),
        ),
        (registered(Verified, 2), mempool, Step::Act(Action::Unbond)),
        (registered(Verified, 1), staked_at(400), committee(1)),
        (registered(Pending, 0), staked_at(400), committee(0)),
        (
            None,
            staked_at(400),
            Step::Stuck(Obstacle::NotRegistered(899)),
        ),
        (
            registered(Verified, 2),
            Position::Nowhere,
            Step::Stuck(Obstacle::NotBroadcast),
        ),
        (
            registered(Active, 2),
            Position::Nowhere,
            Step::Rest(Rest::Over),
        ),
    ] {
        let seen = Observation {
            registration,
            position,
            ..SEEN
        };
        assert_eq!(
            step(Intent::Unbond, seen),
            expected,
            "{registration:?} {position:?}"
        );
    }
}

#[test]
fn an_unbonding_is_reported_by_us_only_when_no_watchtower_did() {
    use DelegationStatus::{Active, Expired, Unbonded};
    for (status, position, light_client_tip, expected) in [
        (
            Active,
            Position::Unbonding(Place::Mempool),
            500,
            Step::Wait(Waiting::UnbondingMining),
        ),
        (
            Active,
            unbonding_at(500),
            498,
            Step::Wait(Waiting::LightClient(2)),
        ),
        (
            Active,
            unbonding_at(500),
            500,
            Step::Wait(Waiting::Report(3)),
        ),
        (
            Active,
            unbonding_at(497),
            500,
            Step::Act(Action::ReportUnbonding),
        ),
        (
            Unbonded,
            unbonding_at(497),
            500,
            Step::Rest(Rest::Unbonded(96)),
        ),
        (
            Expired,
            unbonding_at(401),
            500,
            Step::Rest(Rest::Unbonded(0)),
        ),
    ] {
        for intent in [Intent::Stake, Intent::Unbond, Intent::Unknown] {
            let seen = Observation {
                position,
                light_client_tip: BitcoinHeight(light_client_tip),
                registration: registered(status, 2),
                ..SEEN
            };
            assert_eq!(step(intent, seen), expected, "{status:?} {position:?}");
        }
    }
}

#[test]
fn what_slashing_left_is_the_stakers_after_the_unbonding_time() {
    let position = Position::Slashed(SlashedOutput::Unbonding, Place::Block(BitcoinHeight(450)));
    for status in [DelegationStatus::Active, DelegationStatus::Unbonded] {
        let seen = Observation {
            position,
            registration: registered(status, 2),
            ..SEEN
        };
        let slashed = Rest::Slashed {
            output: SlashedOutput::Unbonding,
            blocks: 49,
        };
        assert_eq!(step(Intent::Stake, seen), Step::Rest(slashed));
    }
}

#[test]
fn a_withdrawal_is_sent_again_until_it_is_in_a_block() {
    let unbonded = registered(DelegationStatus::Unbonded, 2);
    let block = Some(Place::Block(BitcoinHeight(500)));
    let other = Txid::from_byte_array([9; 32]);
    for (withdrawn, withdrawal, position, expected) in [
        (
            Withdrawn::Signed,
            None,
            unbonding_at(401),
            Step::Act(Action::Withdraw),
        ),
        (
            Withdrawn::Signed,
            None,
            unbonding_at(450),
            Step::Rest(Rest::Unbonded(49)),
        ),
        (
            Withdrawn::Signed,
            Some(Place::Mempool),
            Position::Leaving(other),
            Step::Wait(Waiting::WithdrawalMining),
        ),
        (
            Withdrawn::Signed,
            block,
            Position::Nowhere,
            Step::Rest(Rest::Withdrawn),
        ),
        (
            Withdrawn::Buried,
            None,
            Position::Nowhere,
            Step::Rest(Rest::Withdrawn),
        ),
        // Another transaction was faster.
        (
            Withdrawn::Signed,
            None,
            Position::Nowhere,
            Step::Rest(Rest::Over),
        ),
        (
            Withdrawn::Signed,
            None,
            Position::Leaving(other),
            Step::Rest(Rest::Leaving(other)),
        ),
    ] {
        let seen = Observation {
            withdrawal,
            position,
            registration: unbonded,
            ..SEEN
        };
        let step = decide(Intent::Unbond, withdrawn, &TERMS, &seen);
        assert_eq!(step, expected, "{withdrawn:?} {withdrawal:?} {position:?}");
    }
}

#[test]
fn a_cancelled_stake_rests_unless_it_is_on_bitcoin_after_all() {
    let verified = registered(DelegationStatus::Verified, 2);
    for registration in [None, registered(DelegationStatus::Pending, 0), verified] {
        let seen = Observation {
            registration,
            ..SEEN
        };
        assert_eq!(step(Intent::Cancel, seen), Step::Rest(Rest::Cancelled));
    }
    let seen = Observation {
        registration: verified,
        position: staked_at(499),
        ..SEEN
    };
    assert!(matches!(
        step(Intent::Cancel, seen),
        Step::Wait(Waiting::Depth { .. })
    ));
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        Just(Place::Mempool),
        (0_u32..2_000).prop_map(|h| Place::Block(BitcoinHeight(h)))
    ]
}

fn any_position() -> impl Strategy<Value = Position> {
    prop_oneof![
        Just(Position::Nowhere),
        any_place().prop_map(Position::Staked),
        any_place().prop_map(Position::Unbonding),
        any_place().prop_map(|place| Position::Slashed(SlashedOutput::Staking, place)),
        Just(Position::Leaving(Txid::from_byte_array([1; 32]))),
    ]
}

fn any_status() -> impl Strategy<Value = DelegationStatus> {
    prop::sample::select(vec![
        DelegationStatus::Pending,
        DelegationStatus::Verified,
        DelegationStatus::Active,
        DelegationStatus::Unbonded,
        DelegationStatus::Expired,
    ])
}

prop_compose! {
    fn any_observation()(
        tip in 0_u32..2_000,
        light_client_tip in 0_u32..2_000,
        confirmation_depth in 0_u32..20,
        governing_params in prop::option::of(1_u32..4),
        provider in prop::sample::select(vec![
            ProviderState::Good,
            ProviderState::Jailed,
            ProviderState::Slashed,
            ProviderState::Unknown,
            ProviderState::Silent,
        ]),
        declined in any::<bool>(),
        held in prop::option::of(0_usize..4),
        registration in prop::option::of((any_status(), 0_usize..4)),
        counts_from in prop::option::of(0_u32..2_000),
        position in any_position(),
        withdrawal in prop::option::of(any_place()),
    ) -> Observation {
        Observation {
            tip: BitcoinHeight(tip),
            light_client_tip: BitcoinHeight(light_client_tip),
            confirmation_depth,
            spend_depth: confirmation_depth,
            governing_params,
            provider,
            declined,
            registration: registration.and_then(|(status, signed)| {
                let registration = registered(status, signed)?;
                let counts_from = counts_from.map(BitcoinHeight);
                Some(Registration { counts_from, ..registration })
            }),
            held: held.map(|signed| Held { signed, quorum: 2 }),
            position,
            withdrawal,
        }
    }
}

proptest! {
    #[test]
    fn whatever_the_nodes_say_coins_move_only_as_their_owner_wants(
        seen in any_observation(),
        intent in prop::sample::select(vec![
            Intent::Stake,
            Intent::Unbond,
            Intent::Cancel,
            Intent::Unknown,
        ]),
        withdrawn in prop::sample::select(vec![
            Withdrawn::No,
            Withdrawn::Signed,
            Withdrawn::Buried,
        ]),
    ) {
        let quorum = match seen.held {
            Some(held) => held.is_quorum(),
            None => seen.registration.is_some_and(|seen| seen.signed >= seen.quorum),
        };
        match decide(intent, withdrawn, &TERMS, &seen) {
            Step::Act(Action::Cosign) => prop_assert!(seen.held.is_some() && !quorum),
            Step::Act(Action::Show) => {
                prop_assert!(seen.held.is_some() && quorum && seen.registration.is_none());
                prop_assert!(matches!(seen.position, Position::Staked(Place::Block(_))));
            }
            Step::Act(Action::Register) => {
                prop_assert!(seen.held.is_none());
                prop_assert!(seen.registration.is_none() && seen.position == Position::Nowhere);
                prop_assert!(intent != Intent::Cancel && intent != Intent::Unbond);
            }
            Step::Act(Action::Broadcast) => {
                prop_assert!(quorum && seen.position == Position::Nowhere);
                prop_assert!(seen.provider != ProviderState::Slashed && !seen.declined);
                prop_assert!(intent != Intent::Cancel && intent != Intent::Unbond);
            }
            Step::Act(Action::Unbond) => {
                prop_assert!(intent == Intent::Unbond && quorum);
                prop_assert!(matches!(seen.position, Position::Staked(_)));
            }
            Step::Act(Action::Withdraw) => {
                prop_assert!(withdrawn == Withdrawn::Signed && seen.withdrawal.is_none());
            }
            step => prop_assert!(!step.to_string().is_empty() && !step.state().is_empty()),
        }
    }
}
