//! The sender against a model of the chain: whatever goes wrong, every message is answered for and none takes effect
//! twice.

mod chaos;
mod faults;
mod model;

use std::sync::Arc;

use proto::prost_types::Any;

use super::{Landed, Sender};
use crate::ChainError;
use crate::cosmos::message::Encoded;
use crate::cosmos::{AccountKey, Config};
use model::{Chain, MESSAGE_GAS};

const CHAIN_ID: &str = "chain-test";

type Outcome = Result<Landed, ChainError>;

fn config() -> Config {
    let url = "http://model".to_owned().try_into().unwrap();
    Config {
        gas_price: "0.002".parse().unwrap(),
        max_fee: 100_000.try_into().unwrap(),
        max_gas: 10_000_000.try_into().unwrap(),
        inclusion_timeout_seconds: 100.try_into().unwrap(),
        ..Config::without_fees(CHAIN_ID, url, "bbn", "ubbn")
    }
}

/// A chain and a sender for an account on it.
fn start(change: impl FnOnce(&mut Config)) -> (Chain, Arc<Sender>) {
    let key = AccountKey::from_secret(&[3; 32]).unwrap();
    let chain = Chain::start(&key);
    let mut config = config();
    change(&mut config);
    let address = key.address("bbn").unwrap().text().to_owned();
    let sender = Sender::start(chain.clone(), &config, key, address);
    (chain, Arc::new(sender))
}

fn message(text: &str) -> Encoded {
    let message = Any {
        type_url: "/test.Msg".to_owned(),
        value: text.as_bytes().to_vec(),
    };
    Encoded {
        message,
        refundable: !text.contains("charged"),
    }
}

async fn submit(sender: &Sender, texts: &[&str]) -> Vec<Outcome> {
    sender
        .submit(texts.iter().map(|text| Ok(message(text))).collect())
        .await
}

fn numbered(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("message {number:04}"))
        .collect()
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn is_rejected(outcome: &Outcome) -> bool {
    matches!(outcome, Err(ChainError::Rejected(refusal)) if refusal.codespace == "test")
}

#[tokio::test(start_paused = true)]
async fn messages_are_executed_in_order_in_as_few_transactions_as_their_gas_allows() {
    let (chain, sender) = start(|_| ());
    let texts = numbered(200);
    let outcomes = submit(&sender, &refs(&texts)).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let state = chain.state();
    assert_eq!(state.executed, texts);
    // 200 messages of 100,000 gas, half as much again for the adjustment, 10,000,000 in a transaction; the first
    // batch is smaller because nothing is known yet.
    assert!(
        (3..=5).contains(&state.blocks.len()),
        "{} transactions",
        state.blocks.len()
    );
    assert!(state.gas_limits.iter().all(|limit| *limit <= 10_000_000));
}

#[tokio::test(start_paused = true)]
async fn submissions_of_concurrent_callers_share_transactions() {
    let (chain, sender) = start(|_| ());
    let calls: Vec<_> = (0..50)
        .map(|caller| {
            let sender = Arc::clone(&sender);
            tokio::spawn(async move { submit(&sender, &[&format!("caller {caller:03}")]).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().iter().all(Result::is_ok));
    }
    assert!(
        chain.state().blocks.len() <= 3,
        "{} transactions",
        chain.state().blocks.len()
    );
}

#[tokio::test(start_paused = true)]
async fn several_transactions_wait_for_the_same_block() {
    let (chain, sender) = start(|config| config.max_messages = 5.try_into().unwrap());
    let outcomes = submit(&sender, &refs(&numbered(40))).await;
    let mut heights: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap().receipt.height)
        .collect();
    heights.dedup();
    assert_eq!(chain.state().blocks.len(), 8);
    assert!(heights.len() <= 2, "{heights:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_cost_their_fee_are_sent_apart_from_those_that_do_not() {
    let (chain, sender) = start(|_| ());
    let outcomes = submit(&sender, &["a", "charged b", "c"]).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(chain.state().blocks, [["a"], ["charged b"], ["c"]]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_refused_alone() {
    let (chain, sender) = start(|_| ());
    let mut texts = numbered(30);
    texts[3] = "bad vote".to_owned();
    texts[29] = "bad header".to_owned();
    let outcomes = submit(&sender, &refs(&texts)).await;
    for (text, outcome) in texts.iter().zip(&outcomes) {
        assert_eq!(
            is_rejected(outcome),
            text.starts_with("bad"),
            "{text}: {outcome:?}"
        );
    }
    assert_eq!(chain.state().executed.len(), 28);
    // The refusal was seen before anything was sent, so nobody paid for it.
    assert_eq!(chain.state().blocks.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn identical_messages_are_both_answered_for() {
    let (chain, sender) = start(|_| ());
    let outcomes = submit(&sender, &["same", "same"]).await;
    assert!(outcomes[0].is_ok(), "{:?}", outcomes[0]);
    assert!(is_rejected(&outcomes[1]), "{:?}", outcomes[1]);
    assert_eq!(chain.state().executed, ["same"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_needs_one_under_way_waits_for_it() {
    let (chain, sender) = start(|config| config.max_messages = 1.try_into().unwrap());
    let outcomes = submit(&sender, &["a", "after a", "b"]).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(chain.state().executed, ["a", "after a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_does_not_hold_up_other_callers() {
    let (chain, sender) = start(|config| config.max_messages = 1.try_into().unwrap());
    let (one, other) = tokio::join!(
        submit(&sender, &["a", "after a"]),
        submit(&sender, &["b", "c"])
    );
    assert!(
        one.iter().chain(&other).all(Result::is_ok),
        "{one:?} {other:?}"
    );
    let executed = chain.state().executed.clone();
    assert_eq!(
        executed.last().map(String::as_str),
        Some("after a"),
        "{executed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_culprit_that_the_node_does_not_name_is_found() {
    let (chain, sender) = start(|_| ());
    let mut texts = numbered(20);
    texts[13] = "malformed".to_owned();
    let outcomes = submit(&sender, &refs(&texts)).await;
    let failed: Vec<_> = (0..20)
        .filter(|position| outcomes[*position].is_err())
        .collect();
    assert_eq!(failed, [13]);
    assert_eq!(chain.state().executed.len(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_message_beyond_the_largest_fee_is_refused_with_both_figures() {
    let (chain, sender) = start(|config| config.max_fee = 2_000.try_into().unwrap());
    let outcomes = submit(&sender, &["heavy", "light"]).await;
    let error = outcomes[0].as_ref().unwrap_err().to_string();
    assert!(
        error.contains("max_fee") && error.contains("2000 ubbn"),
        "{error}"
    );
    assert!(outcomes[1].is_ok(), "{:?}", outcomes[1]);
    assert_eq!(chain.state().executed, ["light"]);
    const { assert!(MESSAGE_GAS < 1_000_000) };
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_takes_no_fee_is_given_none() {
    let (chain, sender) = start(|config| config.gas_price = "0".parse().unwrap());
    chain.state().free = true;
    let outcomes = submit(&sender, &["a", "b"]).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn every_message_comes_with_what_itself_did() {
    let (_chain, sender) = start(|config| config.max_messages = 3.try_into().unwrap());
    let texts = numbered(7);
    for (text, outcome) in texts.iter().zip(submit(&sender, &refs(&texts)).await) {
        let landed = outcome.unwrap();
        let [event] = landed
            .effects
            .events(landed.position)
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(event.attribute("text"), Some(text.as_str()));
        assert!(landed.effects.gas_used().unwrap() > MESSAGE_GAS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_encoded_does_not_hold_up_the_others() {
    let (_chain, sender) = start(|_| ());
    let broken = Err(ChainError::InvalidMessage {
        reason: "field `headers`".to_owned(),
    });
    let outcomes = sender
        .submit(vec![Ok(message("a")), broken, Ok(message("b"))])
        .await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(matches!(
        outcomes[1],
        Err(ChainError::InvalidMessage { .. })
    ));
}
