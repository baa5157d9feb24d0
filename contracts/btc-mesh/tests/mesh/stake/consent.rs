//! The newest consent holds: what it takes away at once, what it adds after a wait; two under one number end the stake.

use btc_mesh::StakeError;
use btc_mesh::msg::{
    ConsentShare, EndReason, ExecuteMsg, ExposureResponse, Increase, QueryMsg, SignedConsent,
    StakeStatus,
};
use mesh_core::Domain;
use mesh_core::consent::ConsentError;

use super::scene::{Scene, ended, stake_error};
use crate::rig::{Staking, Terms, params};

/// Another chain's instance.
const ELSEWHERE: Domain = Domain::from_bytes([0xee; 32]);

/// A consent that shares a stake between this instance and another.
fn shared(scene: &Scene, staking: &Staking, seq: u32, here: u16, there: u16) -> SignedConsent {
    let (domain, address) = (scene.rig.domain(), scene.rig.address("staker"));
    staking.consent(
        seq,
        &[(domain, here, &address), (ELSEWHERE, there, &address)],
    )
}

/// A consent that leaves this instance out.
fn elsewhere(scene: &Scene, staking: &Staking, seq: u32) -> SignedConsent {
    staking.consent(seq, &[(ELSEWHERE, 10_000, &scene.rig.address("staker"))])
}

#[test]
fn a_smaller_share_counts_at_once_and_a_larger_one_after_the_delay() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let smaller = scene.consent(&staking, 2, 3_000);
    scene.take_consent(&staking, &smaller).unwrap();
    assert_eq!((scene.weight(&staking), scene.sats()), (300_000, 300_000));
    assert_eq!(scene.rig.provider(&scene.provider).at_risk, 30_000);
    let larger = scene.consent(&staking, 3, 8_000);
    scene.take_consent(&staking, &larger).unwrap();
    let from = scene.tip() + params().consent_delay;
    let stake = scene.rig.stake(staking.outpoint());
    let increase = Increase {
        basis_points: 8_000,
        height: from,
    };
    assert_eq!((stake.weight, stake.increase), (300_000, Some(increase)));
    scene.rig.mine(params().consent_delay - 1);
    let tip = from - 1;
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::IncreaseWaits { from, tip }
    );
    scene.rig.mine(1);
    scene.activate(staking.outpoint()).unwrap();
    let stake = scene.rig.stake(staking.outpoint());
    assert_eq!((stake.weight, stake.increase), (800_000, None));
    assert_eq!(scene.sats(), 800_000);
}

#[test]
fn a_first_consent_counts_after_the_challenge_and_a_later_one_after_its_delay_too() {
    let mut scene = Scene::new();
    let staking = scene.sign(Terms::number(1));
    let place = scene.bury_one(&staking.tx, 3);
    let msg = staking.msg(&place, scene.consent(&staking, 2, 6_000));
    scene.show(msg).unwrap();
    let from = scene.tip() + params().consent_delay;
    scene.rig.mine(params().challenge);
    let tip = scene.tip();
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::IncreaseWaits { from, tip }
    );
    scene.rig.mine(from - tip);
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.weight(&staking), 600_000);
}

#[test]
fn a_newer_increase_waits_anew_if_it_grants_more_and_goes_on_waiting_if_not() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let take = |scene: &mut Scene, seq, share| {
        let consent = scene.consent(&staking, seq, share);
        scene.take_consent(&staking, &consent).unwrap();
        scene.rig.stake(staking.outpoint()).increase
    };
    assert_eq!(take(&mut scene, 2, 1_000), None);
    let first = scene.tip() + params().consent_delay;
    assert_eq!(take(&mut scene, 3, 5_000).unwrap().height, first);
    scene.rig.mine(2);
    assert_eq!(
        take(&mut scene, 4, 4_000).unwrap(),
        Increase {
            basis_points: 4_000,
            height: first
        }
    );
    assert_eq!(
        take(&mut scene, 5, 6_000).unwrap(),
        Increase {
            basis_points: 6_000,
            height: first + 2
        }
    );
    // What counts meanwhile goes on counting; a decrease ends the wait.
    assert_eq!(scene.sats(), 100_000);
    assert_eq!(take(&mut scene, 6, 1_000), None);
    scene.rig.mine(params().consent_delay);
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Active(staking.outpoint())
    );
}

#[test]
fn a_share_moves_to_another_chain_and_old_numbers_do_nothing() {
    let mut scene = Scene::new();
    let staking = scene.sign(Terms::number(1));
    let place = scene.bury_one(&staking.tx, 3);
    let first = shared(&scene, &staking, 1, 7_000, 3_000);
    scene.show(staking.msg(&place, first.clone())).unwrap();
    scene.rig.mine(params().challenge);
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.sats(), 700_000);
    let second = elsewhere(&scene, &staking, 2);
    scene.take_consent(&staking, &second).unwrap();
    assert_eq!(scene.status(&staking), StakeStatus::Active {});
    assert_eq!((scene.weight(&staking), scene.sats()), (0, 0));
    assert_eq!(
        stake_error(scene.take_consent(&staking, &first)),
        StakeError::OlderConsent {
            found: 1,
            newest: 2
        }
    );
    // Shown again it is no news, and nothing is waiting.
    scene.take_consent(&staking, &second).unwrap();
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Active(staking.outpoint())
    );
    // It may come back, with the wait of an increase.
    let third = scene.consent(&staking, 3, 2_000);
    scene.take_consent(&staking, &third).unwrap();
    assert_eq!(scene.sats(), 0);
    scene.rig.mine(params().consent_delay);
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.sats(), 200_000);
}

#[test]
fn two_consents_under_one_number_end_the_stake_for_good_whichever_way_they_are_shown() {
    for at_once in [true, false] {
        let mut scene = Scene::new();
        let (staking, other) = (
            scene.active(Terms::number(1)),
            scene.active(Terms::number(2)),
        );
        let here = scene.consent(&staking, 1, 10_000);
        let there = elsewhere(&scene, &staking, 1);
        let outpoint = staking.outpoint();
        if at_once {
            scene
                .rig
                .execute(ExecuteMsg::ConsentConflict {
                    outpoint,
                    first: there.clone(),
                    second: here.clone(),
                })
                .unwrap();
        } else {
            scene.take_consent(&staking, &there).unwrap();
        }
        let reason = EndReason::Conflict {};
        assert_eq!(scene.status(&staking), ended(reason));
        // That delegation only.
        assert_eq!((scene.weight(&staking), scene.sats()), (0, 1_000_000));
        assert_eq!(scene.weight(&other), 1_000_000);
        let refused = StakeError::Ended { outpoint, reason };
        let later = scene.consent(&staking, 2, 10_000);
        assert_eq!(stake_error(scene.take_consent(&staking, &later)), refused);
        scene.rig.mine(params().consent_delay);
        assert_eq!(stake_error(scene.activate(outpoint)), refused);
    }
}

#[test]
fn two_consents_that_agree_or_follow_each_other_prove_nothing() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let conflict = |scene: &mut Scene, first: &SignedConsent, second: &SignedConsent| {
        let outpoint = staking.outpoint();
        let (first, second) = (first.clone(), second.clone());
        stake_error(scene.rig.execute(ExecuteMsg::ConsentConflict {
            outpoint,
            first,
            second,
        }))
    };
    let (first, second) = (
        scene.consent(&staking, 1, 10_000),
        elsewhere(&scene, &staking, 2),
    );
    assert_eq!(conflict(&mut scene, &first, &first), StakeError::NoConflict);
    assert_eq!(
        conflict(&mut scene, &first, &second),
        StakeError::NoConflict
    );
    // Nor does one that somebody else signed.
    let another = scene.sign(Terms {
        staker: "another".to_owned(),
        ..Terms::number(1)
    });
    let mut forged = elsewhere(&scene, &another, 1);
    let staker = staking.staker.public_key();
    assert_eq!(
        conflict(&mut scene, &first, &forged),
        StakeError::ConsentSignature(staker)
    );
    forged.signature = first.signature.clone();
    assert_eq!(
        conflict(&mut scene, &first, &forged),
        StakeError::ConsentSignature(staker)
    );
    assert_eq!(scene.status(&staking), StakeStatus::Active {});
}

#[test]
fn copied_consents_with_another_address_number_or_stake_are_refused() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let other = scene.active(Terms::number(2));
    let good = scene.consent(&staking, 2, 5_000);
    let refused = StakeError::ConsentSignature(staking.staker.public_key());
    let thief = scene.rig.address("thief").to_string();
    let copies = [
        SignedConsent {
            shares: vec![ConsentShare {
                reward_address: thief,
                ..good.shares[0].clone()
            }],
            ..good.clone()
        },
        SignedConsent {
            shares: vec![ConsentShare {
                basis_points: 4_999,
                ..good.shares[0].clone()
            }],
            ..good.clone()
        },
        SignedConsent {
            seq: 3,
            ..good.clone()
        },
        SignedConsent {
            signature: vec![0; 63].into(),
            ..good.clone()
        },
        scene.consent(&other, 2, 5_000),
    ];
    for copy in &copies {
        assert_eq!(stake_error(scene.take_consent(&staking, copy)), refused);
    }
    // Relayed unchanged, by anybody, it counts.
    scene.take_consent(&staking, &good).unwrap();
    assert_eq!(scene.weight(&staking), 500_000);
}

#[test]
fn a_stake_message_with_anothers_consent_is_refused() {
    let mut scene = Scene::new();
    let (staking, msg) = scene.ready(Terms::number(1));
    let show = |scene: &mut Scene, consent| {
        let mut msg = msg.clone();
        msg.consent = consent;
        scene.refusal(msg)
    };
    let mut thief = msg.consent.clone();
    thief.shares[0].reward_address = scene.rig.address("thief").into();
    assert_eq!(
        show(&mut scene, thief),
        StakeError::ConsentSignature(staking.staker.public_key())
    );
    let none = elsewhere(&scene, &staking, 1);
    let domain = scene.rig.domain();
    assert_eq!(show(&mut scene, none), StakeError::NoShare(domain));
    let mut zero = scene.consent(&staking, 1, 10_000);
    zero.seq = 0;
    assert_eq!(show(&mut scene, zero), StakeError::ConsentZero);
    let mut empty = scene.consent(&staking, 1, 10_000);
    empty.shares.clear();
    assert_eq!(
        show(&mut scene, empty),
        StakeError::Consent(ConsentError::Count(0))
    );
    let nobody = cosmwasm_std::Addr::unchecked("bbn1nobody");
    let unpaid = staking.consent(1, &[(domain, 10_000, &nobody)]);
    assert!(matches!(
        show(&mut scene, unpaid),
        StakeError::RewardAddress { .. }
    ));
    scene.show(msg).unwrap();
}

#[test]
fn a_newer_consent_that_pays_nobody_here_takes_the_share_back() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let nobody = cosmwasm_std::Addr::unchecked("bbn1nobody");
    let unpaid = staking.consent(2, &[(scene.rig.domain(), 10_000, &nobody)]);
    scene.take_consent(&staking, &unpaid).unwrap();
    let stake = scene.rig.stake(staking.outpoint());
    assert_eq!((stake.weight, stake.consent_seq), (0, 2));
    assert_eq!(stake.reward_address, scene.rig.address("staker").as_str());
}

#[test]
fn a_newer_consent_moves_the_rewards_to_another_address() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let heir = scene.rig.address("heir");
    let consent = staking.consent(2, &[(scene.rig.domain(), 10_000, &heir)]);
    scene.take_consent(&staking, &consent).unwrap();
    let stake = scene.rig.stake(staking.outpoint());
    assert_eq!(stake.reward_address, heir.as_str());
    assert_eq!(stake.weight, 1_000_000);
}

#[test]
fn a_consent_for_a_waiting_stake_holds_when_it_is_activated() {
    let mut scene = Scene::new();
    let staking = scene.pending(Terms::number(1));
    let consent = scene.consent(&staking, 2, 100);
    scene.take_consent(&staking, &consent).unwrap();
    let more = scene.consent(&staking, 3, 200);
    scene.take_consent(&staking, &more).unwrap();
    scene.rig.mine(params().challenge);
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.sats(), 10_000);
    scene.rig.mine(params().consent_delay);
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.sats(), 20_000);
    // Revoked while it waits, there is nothing to activate.
    let staking = scene.pending(Terms::number(2));
    let revoked = elsewhere(&scene, &staking, 2);
    scene.take_consent(&staking, &revoked).unwrap();
    scene.rig.mine(params().challenge);
    assert_eq!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::NothingCounts(staking.outpoint())
    );
}

#[test]
fn exposure_shows_the_newest_list() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let outpoint = staking.outpoint();
    let exposure =
        |scene: &Scene| -> ExposureResponse { scene.rig.ask(QueryMsg::Exposure { outpoint }) };
    let first = exposure(&scene);
    assert_eq!((first.seq, first.shares.len()), (1, 1));
    assert_eq!((first.value, first.penalty), (1_000_000, 100_000));
    let second = shared(&scene, &staking, 2, 2_500, 7_500);
    scene.take_consent(&staking, &second).unwrap();
    let shown = exposure(&scene);
    assert_eq!((shown.seq, shown.shares), (2, second.shares));
    assert_eq!(shown.signature, second.signature);
}

#[test]
fn an_increase_needs_what_an_activation_needs() {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    for (seq, share) in [(2, 1_000), (3, 10_000)] {
        let consent = scene.consent(&staking, seq, share);
        scene.take_consent(&staking, &consent).unwrap();
    }
    scene.rig.govern(ExecuteMsg::Start {}).unwrap();
    scene.rig.mine(params().consent_delay);
    assert!(matches!(
        stake_error(scene.activate(staking.outpoint())),
        StakeError::Growth {
            added: 900_000,
            left: 10_000,
            ..
        }
    ));
    let start = scene.rig.stake(staking.outpoint()).start;
    scene.rig.mine(start + params().settled_depth - scene.tip());
    scene.activate(staking.outpoint()).unwrap();
    assert_eq!(scene.sats(), 1_000_000);
}
