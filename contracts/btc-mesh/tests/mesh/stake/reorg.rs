//! Reorganisations: shallow ones touch nothing that counts, deep ones take back what rested on their blocks.

use btc_mesh::msg::{EndReason, ExecuteMsg, Params, StakeStatus};
use btc_mesh::{ContractError, RollError, StakeError};

use super::scene::{Scene, attribute, ended, stake_error};
use crate::rig::{Staking, Terms, params};

/// Puts the stake into a block of the present chain and shows it again.
fn prove_again(scene: &mut Scene, staking: &Staking) -> u32 {
    let place = scene.bury_one(&staking.tx, 3);
    let msg = staking.msg(&place, scene.consent(staking, 1, 10_000));
    scene.show(msg).unwrap();
    place.height
}

#[test]
fn a_reorganisation_above_what_is_believed_loses_nothing() {
    let mut scene = Scene::new();
    let (active, pending) = (
        scene.active(Terms::number(1)),
        scene.pending(Terms::number(2)),
    );
    let tip = scene.tip();
    scene.rig.reorganise(tip - 2, 3);
    assert_eq!(scene.tip(), tip + 1);
    assert!(!scene.rig.status().unwinding);
    assert_eq!(scene.rig.status().frozen_until, None);
    assert_eq!(scene.weight(&active), 1_000_000);
    scene.rig.mine(1);
    scene.activate(pending.outpoint()).unwrap();
    scene.rig.govern(ExecuteMsg::Start {}).unwrap();
}

#[test]
fn a_deep_reorganisation_is_unwound_before_a_table_is_made_and_activations_thaw_by_themselves() {
    let mut scene = Scene::new();
    let below = scene.active(Terms::number(1));
    let waiting = scene.pending(Terms::number(2));
    let fork = scene.tip();
    let active = scene.active(Terms::number(3));
    let pending = scene.pending(Terms::number(4));
    let tip = scene.tip();
    scene.rig.reorganise(fork, tip - fork + 1);
    let status = scene.rig.status();
    assert!(status.unwinding);
    // Nothing was looked at yet, so all still counts, but no table is made of it.
    assert_eq!(scene.sats(), 2_000_000);
    assert!(matches!(
        scene.rig.govern(ExecuteMsg::Start {}),
        Err(ContractError::Roll(RollError::NotUnwound))
    ));
    assert_eq!(
        stake_error(scene.activate(waiting.outpoint())),
        StakeError::Unwinding
    );
    let response = scene.unwind(100);
    assert_eq!(attribute(&response, "undone"), "2");
    assert_eq!(attribute(&response, "done"), "true");
    assert_eq!(scene.status(&below), StakeStatus::Active {});
    assert_eq!(scene.status(&active), StakeStatus::Unproven {});
    assert_eq!(scene.status(&pending), StakeStatus::Unproven {});
    assert_eq!(scene.sats(), 1_000_000);
    assert!(!scene.rig.status().unwinding);
    scene.rig.govern(ExecuteMsg::Start {}).unwrap();
    // Frozen for the thaw and no longer, without anybody's leave.
    let until = scene.tip() + params().thaw;
    assert_eq!(scene.rig.status().frozen_until, Some(until));
    scene.rig.mine(params().thaw - 1);
    assert_eq!(
        stake_error(scene.activate(waiting.outpoint())),
        StakeError::Frozen {
            until,
            tip: until - 1
        }
    );
    assert_eq!(
        stake_error(scene.activate(active.outpoint())),
        StakeError::Frozen {
            until,
            tip: until - 1
        }
    );
    scene.rig.mine(1);
    assert_eq!(scene.rig.status().frozen_until, None);
    scene.rig.mine(20);
    scene.activate(waiting.outpoint()).unwrap();
    assert_eq!(
        stake_error(scene.activate(active.outpoint())),
        StakeError::Unproven(active.outpoint())
    );
}

#[test]
fn a_stake_whose_block_was_undone_is_proven_anew_and_waits_again() {
    let mut scene = Scene::new();
    let fork = scene.tip();
    let staking = scene.active(Terms::number(1));
    let less = scene.consent(&staking, 2, 4_000);
    scene.take_consent(&staking, &less).unwrap();
    scene.credit();
    let before = scene.rig.stake(staking.outpoint());
    let length = scene.tip() - fork + 1;
    scene.rig.reorganise(fork, length);
    scene.unwind(1);
    assert_eq!(scene.sats(), 0);
    let start = prove_again(&mut scene, &staking);
    let stake = scene.rig.stake(staking.outpoint());
    let since = scene.tip();
    assert_eq!(stake.status, StakeStatus::Pending { since });
    assert_eq!((stake.start, stake.end), (start, start + 300));
    assert_eq!(stake.expires, start + 200);
    // What it was granted and what it earned is as it was.
    assert_eq!((stake.consent_seq, stake.basis_points), (2, 4_000));
    assert_eq!(stake.unvested.u128(), 390);
    scene.rig.mine(params().thaw);
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.sats(), 400_000);
    // The old expiry means nothing any more.
    scene.rig.mine(before.expires - scene.tip());
    assert_eq!(attribute(&scene.expire(100), "expired"), "0");
    scene.rig.mine(start + 200 - scene.tip());
    assert_eq!(attribute(&scene.expire(100), "expired"), "1");
}

#[test]
fn a_spend_in_a_block_that_is_no_more_is_undone() {
    let mut scene = Scene::new();
    let (first, second) = (
        scene.active(Terms::number(1)),
        scene.active(Terms::number(2)),
    );
    let kept = second.delegation.unbonding_tx().clone();
    let kept_place = scene.bury_one(&kept, 3);
    scene.report(&second, &kept, 0, &kept_place).unwrap();
    let fork = scene.tip();
    let tx = first.delegation.unbonding_tx().clone();
    let place = scene.bury_one(&tx, 3);
    scene.report(&first, &tx, 0, &place).unwrap();
    assert_eq!(scene.sats(), 0);
    scene.rig.reorganise(fork, 5);
    scene.unwind(100);
    let since = scene.tip();
    assert_eq!(scene.status(&first), StakeStatus::Pending { since });
    let height = kept_place.height;
    assert_eq!(scene.status(&second), ended(EndReason::Spent { height }));
    scene.rig.mine(params().thaw);
    scene.activate(first.outpoint()).unwrap();
    assert_eq!(scene.sats(), 1_000_000);
    // It is spent again in another block, and that is shown like any spend.
    let place = scene.bury_one(&tx, 3);
    scene.report(&first, &tx, 0, &place).unwrap();
    assert_eq!(scene.sats(), 0);
}

#[test]
fn a_stake_that_was_staked_and_spent_above_the_fork_must_be_proven_anew() {
    let mut scene = Scene::new();
    let fork = scene.tip();
    let staking = scene.active(Terms::number(1));
    let tx = staking.delegation.unbonding_tx().clone();
    let place = scene.bury_one(&tx, 3);
    scene.report(&staking, &tx, 0, &place).unwrap();
    let length = scene.tip() - fork + 1;
    scene.rig.reorganise(fork, length);
    while scene.rig.status().unwinding {
        scene.unwind(1);
    }
    assert_eq!(scene.status(&staking), StakeStatus::Unproven {});
    assert_eq!(scene.sats(), 0);
}

#[test]
fn staked_and_spent_in_one_block_is_one_entry_and_both_are_undone() {
    let mut scene = Scene::new();
    let fork = scene.tip();
    let staking = scene.sign(Terms::number(1));
    let tx = staking.delegation.unbonding_tx().clone();
    let places = scene.bury(&[staking.tx.clone(), tx.clone()], 3);
    let msg = staking.msg(&places[0], scene.consent(&staking, 1, 10_000));
    scene.show(msg).unwrap();
    scene.report(&staking, &tx, 0, &places[1]).unwrap();
    scene.rig.reorganise(fork, 5);
    scene.unwind(100);
    assert_eq!(scene.status(&staking), StakeStatus::Unproven {});
}

#[test]
fn unwinding_goes_on_in_pages_and_begins_again_when_another_reorganisation_comes_in_between() {
    let mut scene = Scene::new();
    let fork = scene.tip();
    let stakes: Vec<_> = (0..5)
        .map(|number| scene.active(Terms::number(number)))
        .collect();
    let tip = scene.tip();
    let original = scene.rig.bitcoin.clone();
    scene.rig.reorganise(fork, tip - fork + 1);
    assert_eq!(attribute(&scene.unwind(2), "done"), "false");
    assert_eq!(scene.sats(), 3_000_000);
    // Back to the old chain, now longer: what was not looked at is in its blocks again, the rest must be proven anew.
    scene.rig.bitcoin = original;
    let known = scene.rig.bitcoin.height();
    scene.rig.bitcoin.mine(5);
    assert!(scene.rig.bitcoin.height() > known);
    scene.rig.bring(fork);
    assert!(scene.rig.status().unwinding);
    let mut pages = 0;
    while scene.rig.status().unwinding {
        scene.unwind(2);
        pages += 1;
        assert!(pages < 10);
    }
    let unproven = |scene: &Scene| {
        let unproven = |staking: &&Staking| scene.status(staking) == StakeStatus::Unproven {};
        stakes.iter().filter(unproven).count()
    };
    assert_eq!(unproven(&scene), 2);
    assert_eq!(scene.sats(), 3_000_000);
    // And away again, from below everything, while nothing was unwound.
    let length = scene.rig.bitcoin.height() - fork + 1;
    scene.rig.reorganise(fork, length);
    while scene.rig.status().unwinding {
        scene.unwind(1);
    }
    assert_eq!((unproven(&scene), scene.sats()), (5, 0));
    assert_eq!(attribute(&scene.unwind(100), "looked_at"), "0");
}

#[test]
fn what_was_looked_at_is_looked_at_again_after_another_reorganisation() {
    let mut scene = Scene::new();
    let fork = scene.tip();
    for number in 0..4 {
        scene.active(Terms::number(number));
    }
    let original = scene.rig.bitcoin.clone();
    let length = scene.tip() - fork;
    scene.rig.reorganise(fork, length + 1);
    scene.rig.bitcoin = original;
    scene.rig.bitcoin.mine(2);
    scene.rig.bring(fork);
    // Its blocks are back, so the first two are left alone.
    assert_eq!(attribute(&scene.unwind(2), "undone"), "0");
    scene.rig.reorganise(fork, length + 3);
    assert_eq!(attribute(&scene.unwind(100), "undone"), "4");
    assert_eq!(scene.sats(), 0);
}

#[test]
fn what_was_believed_at_less_depth_than_is_asked_for_now_is_unwound_too() {
    let mut scene = Scene::new();
    let fork = scene.tip();
    scene.active(Terms {
        timelock: 1_000,
        ..Terms::number(1)
    });
    let deeper = Params {
        depth_min: 50,
        settled_depth: 51,
        grace: 50,
        ..params()
    };
    scene
        .rig
        .govern(ExecuteMsg::UpdateParams {
            params: deeper,
            covenants: vec![scene.set.clone()],
        })
        .unwrap();
    scene.rig.govern(ExecuteMsg::Start {}).unwrap();
    let depth = scene.tip() - fork;
    assert!(depth < deeper.depth_min);
    scene.rig.reorganise(fork, depth + 1);
    assert!(scene.rig.status().unwinding);
    scene.unwind(1);
    assert_eq!(scene.sats(), 0);
}

#[test]
fn reorganisations_before_the_first_stake_freeze_nothing() {
    let mut scene = Scene::new();
    scene.rig.mine(10);
    let tip = scene.tip();
    scene.rig.reorganise(tip - 8, 9);
    let staking = scene.active(Terms::number(1));
    assert_eq!(scene.weight(&staking), 1_000_000);
}
