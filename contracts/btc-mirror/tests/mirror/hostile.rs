//! What nobody honest sends: each message refuses it by name, and nothing changes.

use std::cell::RefCell;

use btc_mesh::msg::VoteItem;
use btc_mirror::ContractError;
use btc_mirror::contract::instantiate;
use btc_mirror::msg::{ExecuteMsg, MirroredVote, QueryMsg};
use cosmwasm_std::testing::message_info;
use cosmwasm_std::{Addr, coins, from_json};
use proptest::prelude::*;

use crate::mirror::beginning;
use crate::pair::Pair;
use crate::rig::light::LightClient;

#[test]
fn a_message_of_no_or_too_many_votes_is_refused() {
    let mut pair = Pair::new(&[10]);
    let vote = pair.subject.vote(0, 0);
    for count in [0, 65] {
        let items = vec![vote.clone(); count];
        let error = pair
            .mirror
            .execute(ExecuteMsg::Votes { items })
            .unwrap_err();
        assert!(matches!(
            error,
            ContractError::Mesh(btc_mesh::ContractError::Count { found, max: 64, .. }) if found == count
        ));
    }
    let items = vec![vote; 64];
    pair.mirror.execute(ExecuteMsg::Votes { items }).unwrap();
}

#[test]
fn no_message_takes_coins() {
    let mut pair = Pair::new(&[10]);
    let coins = coins(1, "stake");
    let error = pair
        .mirror
        .execute_with("anybody", &coins, ExecuteMsg::Poke {})
        .unwrap_err();
    assert!(matches!(error, ContractError::Coins));
    let msg = beginning(pair.subject.named(), pair.subject.table(0));
    let light = LightClient::begin(&pair.subject.rig.bitcoin, &pair.mirror.env);
    let info = message_info(&Addr::unchecked("creator"), &coins);
    let mut dependencies = light.dependencies();
    let env = pair.mirror.env.clone();
    let error = instantiate(dependencies.as_mut(), env, info, msg).unwrap_err();
    assert!(matches!(error, ContractError::Coins));
}

#[test]
fn a_question_about_nothing_is_answered_by_what_is_missing() {
    let pair = Pair::new(&[10]);
    let (k, height) = (Some(0), Some(0));
    let questions = [
        (QueryMsg::Finalized { k, height }, "not for both"),
        (QueryMsg::Finalized { k, height: None }, "checkpoint 0"),
        (QueryMsg::Finalized { k: None, height }, "height 0"),
        (
            QueryMsg::Finalized {
                k: None,
                height: None,
            },
            "the last one",
        ),
        (QueryMsg::Table { epoch: 7 }, "the table of epoch 7"),
        (
            QueryMsg::Slashed {
                pk: pair.subject.providers[0].pk(),
            },
            "was not slashed",
        ),
    ];
    for (question, missing) in questions {
        let error = pair
            .mirror
            .try_ask::<cosmwasm_std::Empty>(question)
            .unwrap_err();
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[test]
fn what_is_no_message_is_none() {
    for text in [
        r#"{"votes":{"items":[{"vote":{}}]}}"#,
        r#"{"next_table":{}}"#,
        r#"{"slash":{"pk":"00","sk":"00"}}"#,
        r#"{"repin":{"table":{},"force":true}}"#,
        r#"{"start":{}}"#,
    ] {
        from_json::<ExecuteMsg>(text.as_bytes()).unwrap_err();
    }
}

fn vote() -> impl Strategy<Value = MirroredVote> {
    let number = prop_oneof![0_u64..8, any::<u64>()];
    (
        any::<[[u8; 32]; 4]>(),
        number,
        proptest::collection::vec(any::<u8>(), 0..700),
        any::<Option<[u8; 32]>>(),
    )
        .prop_map(|([pk, hash, r, s], k, aunts, next_root)| MirroredVote {
            vote: VoteItem {
                pk: pk.into(),
                k,
                hash: hash.into(),
                r: r.into(),
                aunts: aunts.into(),
                s: s.into(),
            },
            next_root: next_root.map(Into::into),
        })
}

#[test]
fn whatever_is_brought_as_a_vote_is_refused_and_leaves_nothing_behind() {
    let Pair { subject, mirror } = Pair::new(&[10, 10]);
    let (size, status) = (mirror.size(), mirror.status());
    let honest = subject.vote(0, 0);
    let pk = subject.providers[0].pk();
    let mirror = RefCell::new(mirror);
    proptest!(ProptestConfig::with_cases(64), |(votes in proptest::collection::vec(vote(), 1..8), part in 0..5)| {
        let items: Vec<_> = votes.into_iter().map(|random| {
            // One part of an honest vote is exchanged, or all but the key.
            let mut item = honest.clone();
            match part {
                0 => item.vote.hash = random.vote.hash,
                1 => item.vote.r = random.vote.r,
                2 => item.vote.aunts = random.vote.aunts,
                3 => item.vote.s = random.vote.s,
                _ => { item = random; item.vote.pk = pk; }
            }
            item
        }).collect();
        let mut mirror = mirror.borrow_mut();
        let events = mirror.cast(&items);
        prop_assert_eq!(events.len(), items.len());
        prop_assert_eq!(mirror.size(), size);
        prop_assert_eq!(mirror.status(), status.clone());
    });
}
