//! The upkeep of an instance by a watchtower that is killed at each part of it: a stake whose time is over ends, the next
//! table is made without it, and the rewards of the epoch are credited once.

use serde_json::json;
use testenv::partner_chain::{CHALLENGE, DEADLINE, PartnerChain, UNBONDING};

use super::side::{Side, random_key};
use super::{TIMELOCK, VALUE};
use crate::partner_chain::rewards::rewards;
use crate::under_way;

/// Of a stake that counts for twenty blocks: the timelock less that of unbonding.
const SHORT: u16 = UNBONDING + 20;

/// What is paid in.
const INFLOW: u128 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_done_though_the_watchtower_is_killed_at_each_part_of_it() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let keys = [random_key().unwrap(), random_key().unwrap()];
    let side = Side::begin(&chain, &keys).await.unwrap();
    let roles = ["headers", "activation", "upkeep"];
    let program = side.watchtower(&roles).await.unwrap();
    let mut daemon = program.start().unwrap();
    let stakes = [(0, TIMELOCK), (1, TIMELOCK), (1, SHORT)]
        .map(|(provider, timelock)| side.sign(provider, timelock).unwrap());
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.bury_and_show(&stakes.each_ref(), &shares)
        .await
        .unwrap();
    chain.bitcoind.mine(CHALLENGE).unwrap();
    for stake in &stakes {
        side.stake_becomes(stake, "active").await.unwrap();
    }
    side.mesh.fund(INFLOW).await.unwrap();
    side.mesh.govern(json!({ "start": {} })).await.unwrap();
    assert_eq!(weights(&side, 0).await, [VALUE, 2 * VALUE]);

    // Its time is over long before the table that leaves it out.
    let short = &stakes[2];
    let expires = side.stake(short).await.unwrap()["expires"].as_u64();
    let left = expires.unwrap() - chain.bitcoind.height().unwrap();
    chain.bitcoind.mine(left).unwrap();
    side.headers_arrive().await.unwrap();
    let known = side.stake(short).await.unwrap();
    assert_eq!(known["status"], json!({ "active": {} }), "{known}");

    // From the second but last checkpoint on both are due.
    side.finalise_next().await.unwrap();
    side.finalise_next().await.unwrap();
    let has_ended = async || {
        let known = side.stake(short).await?;
        Ok(known["status"].get("ended").is_some())
    };
    under_way::sent(&chain, "an expiry to be sent", has_ended)
        .await
        .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    side.stake_becomes(short, "ended").await.unwrap();
    let is_made = async || Ok(side.mesh.status().await?["next_table_ready"] == true);
    under_way::sent(&chain, "a table to be sent", is_made)
        .await
        .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    side.finish_the_epoch().await.unwrap();
    let is_credited = async || Ok(rewards(&side.mesh).await[0] > 0);
    under_way::sent(&chain, "a settlement to be sent", is_credited)
        .await
        .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    side.rewards_are_settled().await.unwrap();

    let known = side.stake(short).await.unwrap();
    let expired = json!({ "ended": { "reason": { "expired": {} } } });
    assert_eq!(known["status"], expired, "{known}");
    assert_eq!(weights(&side, 1).await, [VALUE, VALUE]);
    let settled = rewards(&side.mesh).await;
    assert_eq!(settled.iter().sum::<u128>(), INFLOW);
    // Everybody voted for everything: what is left is what cannot be divided.
    assert!(settled[0] > INFLOW - 4, "{settled:?}");
    let settle = json!({ "settle": { "epoch": 0, "limit": 100 } });
    let again = side.mesh.execute(settle).await.unwrap_err();
    assert!(again.to_string().contains("epoch 0 is settled"), "{again}");
    assert_eq!(rewards(&side.mesh).await, settled);
    let status = program
        .wait_for_status("the second epoch to be seen", DEADLINE, |status| {
            status["chains"][0]["upkeep"]["epoch"] == 1
        })
        .await
        .unwrap();
    assert_eq!(status["parked"], 0, "{status}");
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

/// What the providers weigh in a table, the lightest first.
async fn weights(side: &Side<'_>, epoch: u64) -> Vec<u64> {
    let table = side.mesh.table(epoch).await.unwrap();
    let mut weights: Vec<_> = table.entries().iter().map(|entry| entry.weight).collect();
    weights.sort_unstable();
    weights
}
