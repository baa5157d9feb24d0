//! A stake whose block a reorganisation undoes: it is proven anew and counts again without its holder.

use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH, PartnerChain, THAW};

use super::side::Side;
use super::{TIMELOCK, VALUE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_that_a_reorganisation_undid_is_proven_anew_and_counts_again() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let (side, stake) = Side::with_a_stake(&chain, TIMELOCK).await.unwrap();
    let program = side
        .watchtower(&["headers", "activation", "unbonding", "upkeep"])
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    let shares = [(side.mesh.domain(), 4_000, &side.rewards)];
    side.bury_and_show(&[&stake], &shares).await.unwrap();
    // Newer than what was shown first, and in force when the stake is proven anew.
    let smaller = stake
        .consent(2, &[(side.mesh.domain(), 2_500, &side.rewards)])
        .unwrap();
    side.mesh
        .execute(stake.consent_message(&smaller))
        .await
        .unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    side.stake_becomes(&stake, "active").await.unwrap();
    let before = side.stake(&stake).await.unwrap();

    // Its block and all above are replaced; it is mined again in a higher one.
    bitcoind.reorganise(1 + DEPTH + CHALLENGE).unwrap();
    side.headers_arrive().await.unwrap();
    side.stake_becomes(&stake, "unproven").await.unwrap();
    daemon.kill_nine();
    let mempool = bitcoind.rpc().get_raw_mempool().unwrap();
    assert!(mempool.contains(&stake.outpoint().txid), "{mempool:?}");
    bitcoind.mine(1 + DEPTH).unwrap();
    daemon.restart().unwrap();
    daemon
        .wait_for_line("proved a stake anew", DEADLINE)
        .await
        .unwrap();
    daemon.kill_nine();
    side.stake_becomes(&stake, "pending").await.unwrap();
    daemon.restart().unwrap();
    bitcoind.mine(THAW + CHALLENGE).unwrap();
    side.stake_becomes(&stake, "active").await.unwrap();
    let again = side.stake(&stake).await.unwrap();
    assert!(
        again["start"].as_u64() > before["start"].as_u64(),
        "{again}"
    );
    for field in ["weight", "basis_points", "consent_seq", "reward_address"] {
        assert_eq!(again[field], before[field], "{field}: {again}");
    }
    assert_eq!(again["weight"], VALUE / 4, "{again}");
    let status = program.command(&["status"]).await.unwrap();
    assert_eq!(status.result().unwrap()["parked"], 0);
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_that_counts_when_it_is_learned_of_and_is_undone_afterwards_is_proven_anew() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let (side, stake) = Side::with_a_stake(&chain, TIMELOCK).await.unwrap();
    // Nobody unwinds but this test.
    let program = side.watchtower(&["headers", "activation"]).await.unwrap();
    let mut daemon = program.start().unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.bury_and_show(&[&stake], &shares).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    side.stake_becomes(&stake, "active").await.unwrap();

    bitcoind.reorganise(1 + DEPTH + CHALLENGE).unwrap();
    bitcoind.mine(1 + DEPTH).unwrap();
    side.headers_arrive().await.unwrap();
    let tip = bitcoind.rpc().get_block_count().unwrap();
    let is_read = |status: &Value| {
        let stakes = &status["chains"][0]["stakes"];
        stakes["scanned"] == tip && stakes["watched"] == 1
    };
    let read = || program.wait_for_status("the new block to be read", DEADLINE, is_read);
    read().await.unwrap();
    daemon.kill_nine();
    // The block is below all that is read from here on, and the stake counts still when it is learned of.
    daemon.restart().unwrap();
    read().await.unwrap();
    side.stake_becomes(&stake, "active").await.unwrap();
    side.mesh
        .execute(json!({ "unwind": { "limit": 100 } }))
        .await
        .unwrap();
    daemon
        .wait_for_line("proved a stake anew", DEADLINE)
        .await
        .unwrap();
    side.stake_becomes(&stake, "pending").await.unwrap();
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
