//! What other contracts rely on: freshness, pace, and every reorganisation however seldom they look.

use cosmwasm_std::Timestamp;

use crate::contract::Contract;
use crate::miner::{self, Chain};

#[test]
fn a_fresh_chain_of_the_usual_pace_shows_a_days_blocks() {
    let contract = Contract::at(&Chain::until_now(400));
    let health = contract.health(0);
    // The base holds eleven headers only.
    assert_eq!((health.height, health.lag, health.blocks_24h), (400, 0, 11));

    let chain = Chain::until_now(400);
    let mut contract = Contract::at(&Chain::of(15));
    let mut old = Chain::of(15);
    for header in chain.headers().iter().rev().take(300).rev() {
        old.mine_with(|mined| mined.time = header.time);
    }
    contract.headers(15, old.above(15)).unwrap();
    assert_eq!(contract.health(0).blocks_24h, 144);
    assert_eq!(contract.health(0).lag, 0);
}

#[test]
fn a_silent_relayer_shows_as_lag_and_as_a_slow_pace() {
    let mut contract = Contract::at(&Chain::of(15));
    let mut chain = Chain::of(15);
    for number in (0..100).rev() {
        chain.mine_with(|header| {
            header.time = u32::try_from(miner::NOW).unwrap() - number * miner::SPACING;
        });
    }
    contract.headers(15, chain.above(15)).unwrap();
    assert_eq!(contract.health(0).blocks_24h, 100);
    contract.env.block.time = Timestamp::from_seconds(miner::NOW + 4 * 60 * 60);
    let health = contract.health(0);
    // The oldest of the hundred is 16.5 hours older than the tip, so all are still of the last day.
    assert_eq!((health.lag, health.blocks_24h), (4 * 60 * 60, 100));
    contract.env.block.time = Timestamp::from_seconds(miner::NOW + 24 * 60 * 60);
    assert_eq!(contract.health(0).blocks_24h, 0);
    // A tip dated ahead of the secured chain lags by nothing.
    contract.env.block.time = Timestamp::from_seconds(miner::NOW - 60);
    assert_eq!(contract.health(0).lag, 0);
}

#[test]
fn a_private_chain_of_a_small_miner_shows_at_once() {
    let mut contract = Contract::at(&Chain::of(15));
    let mut chain = Chain::of(15);
    let hour = 60 * 60;
    let now = u32::try_from(miner::NOW).unwrap();
    // Honest blocks until two days ago, then one every three hours.
    for number in (0..100).rev() {
        chain.mine_with(|header| header.time = now - 48 * hour - number * miner::SPACING);
    }
    for number in (0..16).rev() {
        chain.mine_with(|header| header.time = now - number * 3 * hour);
    }
    contract.headers(15, chain.above(15)).unwrap();
    assert_eq!(contract.health(0).blocks_24h, 8);
}

#[test]
fn who_looks_seldom_still_learns_of_the_deepest_reorganisation() {
    let mut contract = Contract::at(&Chain::of(15));
    let mut chain = Chain::of(15);
    chain.mine(30);
    contract.headers(15, chain.above(15)).unwrap();
    assert_eq!(contract.health(0).fork_height, None);

    let deep = chain.fork(35, 11);
    contract.headers(35, deep.above(35)).unwrap();
    let mut best = deep;
    for number in 0..50 {
        let from = best.height() - 1;
        let next = best.fork(from, 2 + number % 2);
        // The fork's blocks equal the old ones where a chain is forked twice, so another content is needed.
        let mut next = next.fork(from, 0);
        for _ in 0..3 {
            next.mine_with(|header| header.time += 1 + number);
        }
        contract.headers(from, next.above(from)).unwrap();
        best = next;
    }
    let all = contract.health(0);
    assert_eq!(
        (all.reorg_seq, all.fork_height, all.reorg_depth),
        (51, Some(35), 10)
    );
    let after_the_deep_one = contract.health(1);
    // Forgotten one by one, but never better than it was.
    assert!(after_the_deep_one.fork_height.unwrap() <= best.height() - 2 * 50);
    let last = contract.health(50);
    assert_eq!(
        (last.fork_height, last.reorg_depth),
        (Some(best.height() - 3), 1)
    );
    let none = contract.health(51);
    assert_eq!((none.fork_height, none.reorg_depth), (None, 0));
    assert_eq!(contract.health(u64::MAX).fork_height, None);
}
