//! Time ends stakes by itself, in pages, and takes their traces away.

use btc_mesh::msg::{EndReason, ExecuteMsg, QueryMsg, SlashKitResponse, StakeStatus};
use btc_mesh::{ContractError, RollError, StakeError};
use cosmwasm_std::Uint128;

use super::scene::{Scene, attribute, ended};
use crate::rig::{Staking, Terms, params};

#[test]
fn a_stake_ends_by_itself_an_unbonding_time_before_its_timelock() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let stake = scene.rig.stake(staking.outpoint());
    assert_eq!(stake.end, stake.start + 300);
    assert_eq!(stake.expires, stake.start + 200);
    scene.rig.mine(stake.expires - 1 - scene.tip());
    assert_eq!(attribute(&scene.expire(100), "expired"), "0");
    assert_eq!(scene.sats(), 1_000_000);
    scene.rig.mine(1);
    assert!(matches!(
        scene.rig.govern(ExecuteMsg::Start {}),
        Err(ContractError::Roll(RollError::NotExpired))
    ));
    assert_eq!(attribute(&scene.expire(100), "expired"), "1");
    assert_eq!(scene.status(&staking), ended(EndReason::Expired {}));
    assert_eq!((scene.weight(&staking), scene.sats()), (0, 0));
    assert_eq!(scene.rig.provider(&scene.provider).at_risk, 0);
}

#[test]
fn stakes_that_wait_expire_too() {
    let mut scene = Scene::new();
    let staking = scene.pending(Terms::number(1));
    let expires = scene.rig.stake(staking.outpoint()).expires;
    scene.rig.mine(expires - scene.tip());
    scene.expire(1);
    assert_eq!(scene.status(&staking), ended(EndReason::Expired {}));
}

/// Many stakes in one block, counted.
fn many(scene: &mut Scene, count: u32) -> Vec<Staking> {
    let stakes: Vec<_> = (0..count)
        .map(|number| scene.sign(Terms::number(number)))
        .collect();
    let transactions: Vec<_> = stakes.iter().map(|stake| stake.tx.clone()).collect();
    let places = scene.bury(&transactions, 3);
    for (staking, place) in stakes.iter().zip(&places) {
        let msg = staking.msg(place, scene.consent(staking, 1, 10_000));
        scene.show(msg).unwrap();
    }
    scene.rig.mine(params().challenge);
    for staking in &stakes {
        scene.activate(staking.outpoint()).unwrap();
    }
    stakes
}

#[test]
fn however_many_expire_at_one_height_they_do_so_in_pages_and_leave_nothing_behind() {
    let mut scene = Scene::new();
    scene.rig.execute(ExecuteMsg::Unwind { limit: 1 }).unwrap();
    let size = scene.rig.size();
    let stakes = many(&mut scene, 25);
    let stake = scene.rig.stake(stakes[0].outpoint());
    scene.rig.mine(stake.expires - scene.tip());
    for (page, left) in [(10, 15), (10, 5), (5, 0), (0, 0)] {
        assert_eq!(attribute(&scene.expire(10), "expired"), page.to_string());
        assert_eq!(scene.sats(), left * 1_000_000);
    }
    // Their kits stay until the timelock is over: they can be burned until then.
    let kit: SlashKitResponse = scene.rig.ask(QueryMsg::SlashKit {
        outpoint: stakes[0].outpoint(),
    });
    assert_eq!(kit.value, 1_000_000);
    scene.rig.mine(stake.end - 1 - scene.tip());
    assert_eq!(attribute(&scene.expire(100), "forgotten"), "0");
    scene.rig.mine(1);
    for page in [20, 5, 0] {
        assert_eq!(attribute(&scene.expire(20), "forgotten"), page.to_string());
    }
    assert_eq!(scene.rig.size(), size);
}

#[test]
fn stakes_of_several_providers_expire_together_and_each_is_credited_what_it_earned() {
    let mut scene = Scene::new();
    scene.rig.set_balance(1_000_000);
    let first = scene.provider.clone();
    let second = scene.rig.register_provider("second");
    let mut stakes = Vec::new();
    for (number, provider) in (1..).zip([&first, &second, &first]) {
        scene.provider = provider.clone();
        stakes.push(scene.active(Terms::number(number)));
    }
    // What the first provider's stakes earned is not in their records yet.
    scene.provider = first.clone();
    scene.credit();
    let expires = scene.rig.stake(stakes[2].outpoint()).expires;
    scene.rig.mine(expires - scene.tip());
    assert_eq!(attribute(&scene.expire(100), "expired"), "3");
    for provider in [&first, &second] {
        let provider = scene.rig.provider(provider);
        assert_eq!((provider.sats, provider.at_risk), (0, 0));
    }
    let earned: Vec<_> = stakes
        .iter()
        .map(|staking| scene.rig.stake(staking.outpoint()).unvested.u128())
        .collect();
    assert_eq!(earned, [976, 0, 976]);
    for staking in &stakes {
        assert_eq!(scene.status(staking), ended(EndReason::Expired {}));
    }
}

#[test]
fn a_page_has_one_to_a_hundred() {
    let mut scene = Scene::new();
    for limit in [0, 101, u32::MAX] {
        for msg in [ExecuteMsg::Expire { limit }, ExecuteMsg::Unwind { limit }] {
            assert!(matches!(
                scene.rig.execute(msg),
                Err(ContractError::Count { max: 100, .. })
            ));
        }
    }
}

#[test]
fn a_stake_that_is_owed_something_is_remembered_until_it_is_paid() {
    let mut scene = Scene::new();
    scene.rig.set_balance(1_000_000);
    let staking = scene.active(Terms::number(1));
    let outpoint = staking.outpoint();
    scene.credit();
    let end = scene.rig.stake(outpoint).end;
    scene.rig.mine(end - scene.tip());
    // Both its heights have passed: it ends and is forgotten at once, but for what it is owed.
    scene.expire(100);
    assert_eq!(scene.rig.stake(outpoint).unvested, Uint128::new(976));
    assert!(matches!(
        scene
            .rig
            .try_ask::<SlashKitResponse>(QueryMsg::SlashKit { outpoint }),
        Err(ContractError::Stake(StakeError::Forgotten(_)))
    ));
    scene.rig.mine(params().vesting);
    let claim = ExecuteMsg::Claim {
        outpoints: vec![outpoint],
        providers: Vec::new(),
    };
    let response = scene.rig.execute(claim).unwrap();
    assert_eq!(attribute(&response, "paid"), "976");
    assert!(matches!(
        scene
            .rig
            .try_ask::<btc_mesh::msg::StakeResponse>(QueryMsg::Stake { outpoint }),
        Err(ContractError::UnknownStake(_))
    ));
}

#[test]
fn a_tip_that_goes_back_gives_no_expired_stake_its_weight_again() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let expires = scene.rig.stake(staking.outpoint()).expires;
    scene.rig.mine(expires - scene.tip());
    scene.expire(1);
    // The other branch is heavier by a block that is not long, so the height is the same at least.
    scene.rig.reorganise(expires - 2, 3);
    scene.expire(100);
    assert_eq!(scene.status(&staking), ended(EndReason::Expired {}));
    assert_eq!(scene.sats(), 0);
    let end = scene.rig.stake(staking.outpoint()).end;
    scene.rig.mine(end - scene.tip());
    assert_eq!(attribute(&scene.expire(1), "forgotten"), "1");
}

#[test]
fn ended_stakes_do_not_hold_up_a_table_beyond_their_expiry() {
    let mut scene = Scene::new();
    let spent = scene.active(Terms::number(1));
    scene.active(Terms {
        timelock: 1_000,
        ..Terms::number(2)
    });
    let tx = spent.delegation.unbonding_tx().clone();
    let place = scene.bury_one(&tx, 3);
    scene.report(&spent, &tx, 0, &place).unwrap();
    let stake = scene.rig.stake(spent.outpoint());
    scene.rig.mine(stake.expires - scene.tip());
    scene.expire(1);
    assert!(matches!(
        stake.status,
        StakeStatus::Ended {
            reason: EndReason::Spent { .. }
        }
    ));
    scene.rig.mine(stake.end - scene.tip());
    // Its timelock is over and nobody tidied up: it counts for nothing, so a table may be made.
    scene.rig.govern(ExecuteMsg::Start {}).unwrap();
}
