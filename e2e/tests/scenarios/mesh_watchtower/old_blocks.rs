//! A spend in a block that `btc-light` has forgotten: it is led down to it.

use bitcoincore_rpc::RpcApi as _;
use serde_json::json;
use testenv::partner_chain::{CHALLENGE, DEADLINE, PartnerChain};

use super::side::Side;

/// Longer than what is kept.
const TIMELOCK: u16 = 20_000;

/// Headers of one message, and how many such the light client keeps at most.
const PORTION: u64 = 2_016;
const KEPT: u64 = 2 * PORTION;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spend_of_more_than_four_weeks_ago_is_reported_all_the_same() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let (side, stake) = Side::with_a_stake(&chain, TIMELOCK).await.unwrap();
    let program = side
        .watchtower(&["headers", "activation", "unbonding"])
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.bury_and_show(&[&stake], &shares).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    side.stake_becomes(&stake, "active").await.unwrap();

    // Nobody looks for four weeks; somebody else brings headers.
    daemon.kill_nine();
    let unbonding = stake.unbonding().unwrap();
    bitcoind.rpc().send_raw_transaction(&unbonding).unwrap();
    chain.mine(1).await.unwrap();
    let spent_at = bitcoind.height().unwrap();
    for _ in 0..KEPT / PORTION {
        chain.mine(PORTION).await.unwrap();
    }
    let question = json!({ "header": { "height": spent_at } });
    let forgotten = chain.ask_light(&question).await.unwrap_err().to_string();
    assert!(forgotten.contains(&spent_at.to_string()), "{forgotten}");

    daemon.restart().unwrap();
    daemon
        .wait_for_line("led the chain down", DEADLINE)
        .await
        .unwrap();
    daemon.kill_nine();
    chain.ask_light(&question).await.unwrap();
    daemon.restart().unwrap();
    side.stake_becomes(&stake, "ended").await.unwrap();
    let status = program
        .wait_for_status("nothing to be left", DEADLINE, |status| {
            status["chains"][0]["stakes"]["to_report"] == 0
        })
        .await
        .unwrap();
    assert_eq!(status["parked"], 0, "{status}");
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
