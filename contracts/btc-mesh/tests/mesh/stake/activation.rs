//! When a stake comes to count, how much of it, and what holds it up.

use btc_mesh::StakeError;
use btc_mesh::msg::{Bytes32, CovenantSet, EndReason, ExecuteMsg, Params, StakeStatus};

use cosmwasm_std::Timestamp;

use super::scene::{Scene, ended, stake_error};
use crate::rig::{Terms, covenant_set, params};

#[test]
fn a_stake_counts_once_it_has_waited_and_not_before() {
    let mut scene = Scene::new();
    let staking = scene.pending(Terms::number(1));
    let since = scene.tip();
    assert_eq!(scene.status(&staking), StakeStatus::Pending { since });
    for waited in 0..params().challenge {
        assert_eq!(
            stake_error(scene.activate(staking.outpoint())),
            StakeError::Waits {
                from: since + params().challenge,
                tip: since + waited
            }
        );
        assert_eq!(scene.sats(), 0);
        scene.rig.mine(1);
    }
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.status(&staking), StakeStatus::Active {});
    assert_eq!(
        (scene.weight(&staking), scene.sats()),
        (1_000_000, 1_000_000)
    );
    assert_eq!(scene.rig.provider(&scene.provider).at_risk, 100_000);
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Active(staking.outpoint())
    );
}

#[test]
fn what_counts_is_the_share_of_the_consent_but_no_more_than_the_covenant_set_allows() {
    let set = CovenantSet {
        max_share: 4_000,
        ..covenant_set(3, 2)
    };
    let mut scene = Scene::with(params(), set);
    let (small, large) = (scene.sign(Terms::number(1)), scene.sign(Terms::number(2)));
    let places = scene.bury(&[small.tx.clone(), large.tx.clone()], 3);
    for (staking, place, share) in [(&small, &places[0], 1_234), (&large, &places[1], 10_000)] {
        let msg = staking.msg(place, scene.consent(staking, 1, share));
        scene.show(msg).unwrap();
    }
    scene.rig.mine(params().challenge);
    scene.activate(small.outpoint()).unwrap();
    scene.activate(large.outpoint()).unwrap();
    assert_eq!(scene.weight(&small), 123_400);
    assert_eq!(scene.weight(&large), 400_000);
    assert_eq!(scene.sats(), 523_400);
    assert_eq!(scene.rig.provider(&scene.provider).at_risk, 52_340);
}

#[test]
fn an_old_view_of_bitcoin_activates_nothing_until_headers_come_again() {
    let mut scene = Scene::new();
    let staking = scene.pending(Terms::number(1));
    scene.rig.mine(params().challenge);
    let honest = scene.rig.env.block.time;
    scene.rig.env.block.time = honest.plus_seconds(4 * 60 * 60);
    let max = params().max_lag;
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Lag {
            lag: 4 * 60 * 60 + 60,
            max
        }
    );
    scene.rig.mine(1);
    scene.activate(staking.outpoint()).unwrap();
}

#[test]
fn a_chain_of_too_slow_a_pace_activates_nothing_and_the_honest_one_does_again() {
    let numbers = Params {
        pace_min: 72,
        ..params()
    };
    let mut scene = Scene::with(numbers, covenant_set(3, 2));
    scene.rig.mine(100);
    let staking = scene.pending(Terms::number(1));
    // Somebody with a tenth of the work feeds blocks of their own.
    scene.rig.bitcoin.spacing = 6_000;
    scene.rig.mine(10);
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Pace { required: 72 }
    );
    scene.rig.bitcoin.spacing = 600;
    scene.rig.mine(72);
    scene.activate(staking.outpoint()).unwrap();
}

#[test]
fn a_pace_counts_the_newest_blocks_to_the_second() {
    let numbers = Params {
        pace_min: 10,
        ..params()
    };
    let mut scene = Scene::with(numbers, covenant_set(3, 2));
    let staking = scene.pending(Terms::number(1));
    // The ninth block before the tip is dated a day before the present block, then one second less.
    scene.rig.bitcoin.spacing = 9_000;
    scene.rig.mine(9);
    let oldest = u64::from(scene.rig.bitcoin.tip().time) - 9 * 9_000;
    scene.rig.env.block.time = Timestamp::from_seconds(oldest + 24 * 60 * 60);
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Pace { required: 10 }
    );
    scene.rig.env.block.time = scene.rig.env.block.time.minus_seconds(1);
    scene.activate(staking.outpoint()).unwrap();
}

#[test]
fn a_slashed_provider_and_a_time_that_is_over_activate_nothing() {
    let mut scene = Scene::new();
    let staking = scene.pending(Terms::number(1));
    let expires = scene.rig.stake(staking.outpoint()).expires;
    scene.rig.mine(expires - scene.tip());
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::TimeOver {
            expires,
            tip: expires
        }
    );
    let staking = scene.pending(Terms::number(2));
    scene.rig.mine(params().challenge);
    let provider = scene.provider.public_key();
    scene
        .rig
        .execute(ExecuteMsg::Slash {
            pk: Bytes32(provider.to_bytes()),
            sk: Bytes32(*scene.provider.to_bytes()),
        })
        .unwrap();
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::ProviderSlashed(provider)
    );
    assert_eq!(scene.sats(), 0);
}

/// A scene whose first table weighs ten million satoshi, so that an epoch takes one million of new weight.
fn started() -> Scene {
    let mut scene = Scene::new();
    scene.active(Terms {
        value: 10_000_000,
        ..Terms::number(100)
    });
    assert_eq!(scene.rig.status().growth_left, None);
    scene.rig.govern(ExecuteMsg::Start {}).unwrap();
    assert_eq!(scene.rig.status().growth_left, Some(1_000_000));
    scene
}

#[test]
fn an_epoch_takes_so_much_new_weight_and_the_next_one_as_much_again() {
    let mut scene = started();
    let half = |number| Terms {
        value: 600_000,
        ..Terms::number(number)
    };
    let (first, second) = (scene.pending(half(1)), scene.pending(half(2)));
    scene.rig.mine(params().challenge);
    scene.activate(first.outpoint()).unwrap();
    assert_eq!(scene.rig.status().growth_left, Some(400_000));
    assert!(matches!(
        stake_error(scene.activate(second.outpoint())),
        StakeError::Growth {
            added: 600_000,
            left: 400_000,
            ..
        }
    ));
    // An epoch of its own begins with a resume, from a table that weighs more.
    scene.rig.mine(1);
    scene
        .rig
        .govern(ExecuteMsg::Resume {
            hash: Bytes32([1; 32]),
            exclude: Vec::new(),
            drop: Vec::new(),
        })
        .unwrap();
    assert_eq!(scene.rig.status().growth_left, Some(1_060_000));
    scene.activate(second.outpoint()).unwrap();
    assert_eq!(scene.rig.status().growth_left, Some(460_000));
}

#[test]
fn a_whale_waits_for_depth_and_keeps_nobody_out() {
    let mut scene = started();
    let whale = scene.pending(Terms {
        value: 5_000_000,
        ..Terms::number(1)
    });
    let other = scene.pending(Terms::number(2));
    scene.rig.mine(params().challenge);
    assert!(matches!(
        stake_error(scene.activate(whale.outpoint())),
        StakeError::Growth { .. }
    ));
    let start = scene.rig.stake(whale.outpoint()).start;
    scene.rig.mine(start + params().settled_depth - scene.tip());
    scene.activate(whale.outpoint()).unwrap();
    assert_eq!(scene.rig.status().growth_left, Some(1_000_000));
    scene.activate(other.outpoint()).unwrap();
    assert_eq!(scene.rig.status().growth_left, Some(0));
    assert_eq!(scene.sats(), 16_000_000);
}

#[test]
fn governance_drops_what_bitcoin_does_not_know() {
    let mut scene = started();
    let staking = scene.active(Terms::number(1));
    scene.rig.mine(1);
    scene
        .rig
        .govern(ExecuteMsg::Resume {
            hash: Bytes32([1; 32]),
            exclude: Vec::new(),
            drop: vec![staking.outpoint()],
        })
        .unwrap();
    let reason = EndReason::Dropped {};
    assert_eq!(scene.status(&staking), ended(reason));
    assert_eq!((scene.weight(&staking), scene.sats()), (0, 10_000_000));
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Ended {
            outpoint: staking.outpoint(),
            reason
        }
    );
}
