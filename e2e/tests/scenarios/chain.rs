//! The chain crate against a real node: what becomes of messages, and of questions.
//!
//! Accounts are independent of each other, so scenarios that leave the node alone share one, side by side.

mod money;
mod outage;
mod provider;
mod questions;
mod refusals;
mod sharing;

use testenv::BabylondSettings;
use testenv::scenario::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_answered_each_on_its_own_however_they_are_sent() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    tokio::join!(
        refusals::bad_messages_are_refused_alone_and_the_others_land_in_order(&stage),
        refusals::what_cannot_be_sent_at_all_says_why(&stage),
        refusals::a_node_that_is_away_or_of_another_chain_is_told_apart(&stage),
        sharing::identical_messages_each_take_effect(&stage),
        sharing::submitters_side_by_side_share_an_account_and_its_transactions(&stage),
        sharing::two_programs_on_one_account_lose_and_repeat_nothing(&stage),
    );
    // These count headers or every coin, so nobody else brings headers meanwhile.
    refusals::a_message_sent_twice_takes_effect_once(&stage).await;
    money::what_helps_the_chain_costs_nothing_and_anything_else_its_fee(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_take_effect_exactly_once_while_the_node_is_killed_and_stopped() {
    outage::every_receipt_is_one_transfer_and_every_transfer_has_a_receipt().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_is_answered_through_the_life_of_a_provider_and_its_delegation() {
    questions::from_an_empty_chain_to_an_equivocation().await;
}
