//! A spent output ends its stake, whatever spent it and whenever it is shown; silence costs what has not vested.

use bitcoin::Transaction;
use btc_mesh::StakeError;
use btc_mesh::msg::{EndReason, QueryMsg, RewardsResponse, StakeStatus};
use cosmwasm_std::{BankMsg, CosmosMsg, Response, Uint128, coins};
use staking::inclusion::InclusionError;

use super::scene::{Scene, attribute, ended, stake_error};
use crate::rig::{DENOM, Staking, Terms, funded, params};

fn unbonding(staking: &Staking) -> Transaction {
    staking.delegation.unbonding_tx().clone()
}

fn paid(response: &Response) -> Option<&CosmosMsg> {
    response.messages.first().map(|message| &message.msg)
}

#[test]
fn a_spend_shown_in_time_ends_the_stake_and_forfeits_nothing() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    scene.credit();
    let tx = unbonding(&staking);
    let place = scene.bury_one(&tx, params().grace);
    let response = scene.report(&staking, &tx, 0, &place).unwrap();
    assert_eq!(paid(&response), None);
    let height = place.height;
    let stake = scene.rig.stake(staking.outpoint());
    assert_eq!(stake.status, ended(EndReason::Spent { height }));
    assert_eq!((stake.weight, scene.sats()), (0, 0));
    assert_eq!(scene.rig.provider(&scene.provider).at_risk, 0);
    assert_eq!(stake.unvested, Uint128::new(976));
}

#[test]
fn a_spend_shown_late_forfeits_what_has_not_vested_and_a_tenth_goes_to_whoever_shows_it() {
    // Whether a watcher or the staker shows it makes no difference.
    for reporter in ["watcher", "staker"] {
        let mut scene = Scene::new();
        scene.rig.set_balance(1_000_000);
        let staking = scene.active(Terms::number(1));
        scene.credit();
        let tx = unbonding(&staking);
        let place = scene.bury_one(&tx, params().grace + 1);
        let response = scene
            .rig
            .execute_as(
                reporter,
                btc_mesh::msg::ExecuteMsg::ReportSpend {
                    outpoint: staking.outpoint(),
                    tx: bitcoin::consensus::serialize(&tx).into(),
                    vin: 0,
                    inclusion: place.clone(),
                },
            )
            .unwrap();
        let bounty = BankMsg::Send {
            to_address: scene.rig.address(reporter).into(),
            amount: coins(97, DENOM),
        };
        assert_eq!(paid(&response), Some(&bounty.into()));
        assert_eq!(attribute(&response, "bounty"), "97");
        let stake = scene.rig.stake(staking.outpoint());
        assert_eq!((stake.weight, stake.unvested), (0, Uint128::zero()));
        let money: RewardsResponse = scene.rig.ask(QueryMsg::Rewards {});
        assert_eq!(money.paid, Uint128::new(97));
        assert_eq!(money.owed, Uint128::new(1_000_000 - 976));
        let reason = EndReason::Spent {
            height: place.height,
        };
        let outpoint = staking.outpoint();
        assert_eq!(
            stake_error(scene.report(&staking, &tx, 0, &place)),
            StakeError::Ended { outpoint, reason }
        );
    }
}

#[test]
fn an_output_that_was_spent_cannot_be_shown_again() {
    let mut scene = Scene::new();
    let (staking, msg) = scene.ready(Terms::number(1));
    scene.show(msg.clone()).unwrap();
    let tx = unbonding(&staking);
    let place = scene.bury_one(&tx, 3);
    scene.report(&staking, &tx, 0, &place).unwrap();
    assert!(matches!(
        scene.refusal(msg.clone()),
        StakeError::Known { .. }
    ));
    // Not before the timelock is over, nor then: its proof is of a time that is over too.
    let end = scene.rig.stake(staking.outpoint()).end;
    scene.rig.mine(end - scene.tip());
    scene.expire(100);
    scene.expire(100);
    assert!(matches!(scene.refusal(msg), StakeError::TimeOver { .. }));
}

#[test]
fn an_expansion_ends_the_stake_like_any_spend() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let tx = staking.expansion();
    let place = scene.bury_one(&tx, 3);
    assert!(matches!(
        stake_error(scene.report(&staking, &tx, 0, &place)),
        StakeError::OtherSpend { vin: 0, .. }
    ));
    scene.report(&staking, &tx, 1, &place).unwrap();
    assert_eq!(scene.sats(), 0);
}

#[test]
fn a_stake_that_was_spent_before_it_was_shown_ends_while_it_waits() {
    let mut scene = Scene::new();
    let (staking, msg) = scene.ready(Terms::number(1));
    let tx = unbonding(&staking);
    let place = scene.bury_one(&tx, 3);
    scene.show(msg).unwrap();
    assert!(matches!(
        scene.status(&staking),
        StakeStatus::Pending { .. }
    ));
    scene.report(&staking, &tx, 0, &place).unwrap();
    scene.rig.mine(params().challenge);
    assert!(matches!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Ended { .. }
    ));
    assert_eq!(scene.sats(), 0);
}

#[test]
fn what_spends_nothing_or_is_not_deep_in_bitcoin_is_no_spend() {
    let mut scene = Scene::new();
    let (staking, other) = (
        scene.active(Terms::number(1)),
        scene.active(Terms::number(2)),
    );
    let (tx, stranger) = (unbonding(&staking), funded(77, Vec::new()));
    let places = scene.bury(&[tx.clone(), stranger.clone()], 2);
    let height = places[0].height;
    let refusals = [
        (scene.report(&staking, &tx, 0, &places[0]), "shallow"),
        (scene.report(&staking, &stranger, 0, &places[1]), "other"),
        (scene.report(&other, &tx, 0, &places[0]), "other"),
        (scene.report(&staking, &tx, 1, &places[0]), "other"),
    ];
    for (refusal, reason) in refusals {
        let error = stake_error(refusal);
        match reason {
            "shallow" => assert_eq!(
                error,
                StakeError::TooShallow {
                    height,
                    depth: 2,
                    required: 3
                }
            ),
            _ => assert!(matches!(error, StakeError::OtherSpend { .. })),
        }
    }
    scene.rig.mine(1);
    assert!(matches!(
        stake_error(scene.report(&staking, &tx, 0, &places[1])),
        StakeError::Inclusion(InclusionError::Root { .. })
    ));
    assert_eq!(scene.sats(), 2_000_000);
    scene.report(&staking, &tx, 0, &places[0]).unwrap();
    assert_eq!(scene.sats(), 1_000_000);
}

#[test]
fn a_stake_that_expired_after_a_secret_spend_still_forfeits_and_one_that_left_later_does_not() {
    let mut scene = Scene::new();
    scene.rig.set_balance(1_000_000);
    let (early, late) = (
        scene.active(Terms::number(1)),
        scene.active(Terms::number(2)),
    );
    scene.credit();
    let before = scene.bury_one(&unbonding(&early), 3);
    let expires = scene.rig.stake(late.outpoint()).expires;
    scene.rig.mine(expires - scene.tip());
    let after = scene.bury_one(&unbonding(&late), 20);
    scene.expire(1);
    assert_eq!(scene.status(&early), ended(EndReason::Expired {}));
    let response = scene
        .report(&early, &unbonding(&early), 0, &before)
        .unwrap();
    assert_eq!(attribute(&response, "bounty"), "97");
    // Nobody had sent `expire` for the other, which is not the staker's fault.
    let response = scene.report(&late, &unbonding(&late), 0, &after).unwrap();
    assert_eq!(paid(&response), None);
    assert_eq!(scene.rig.stake(late.outpoint()).unvested, Uint128::new(976));
}

#[test]
fn a_staker_that_ends_its_stake_by_two_lists_after_a_secret_spend_forfeits_all_the_same() {
    let mut scene = Scene::new();
    scene.rig.set_balance(1_000_000);
    let staking = scene.active(Terms::number(1));
    scene.credit();
    let tx = unbonding(&staking);
    let place = scene.bury_one(&tx, params().grace + 1);
    let other = scene.consent(&staking, 1, 9_999);
    scene.take_consent(&staking, &other).unwrap();
    assert_eq!(scene.status(&staking), ended(EndReason::Conflict {}));
    let response = scene.report(&staking, &tx, 0, &place).unwrap();
    assert_eq!(attribute(&response, "bounty"), "97");
    let stake = scene.rig.stake(staking.outpoint());
    assert_eq!(stake.status, ended(EndReason::Conflict {}));
    assert_eq!(stake.unvested, Uint128::zero());
    assert!(scene.report(&staking, &tx, 0, &place).is_err(), "once");
}
