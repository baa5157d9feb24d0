//! The watchtower against real chains: headers, checkpoints, activation, unbonding, slashing.

mod checkpoints;
mod refusals;
mod slashing;
mod stakes;
pub(crate) mod support;

use std::time::Duration;

use anyhow::ensure;
use bitcoin::BlockHash;
use bitcoincore_rpc::RpcApi as _;
use chain::Chain as _;
use testenv::poll_until;
use testenv::programs::WatchtowerProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{BabylondSettings, Bitcoind};

fn tip(bitcoind: &Bitcoind) -> BlockHash {
    bitcoind.rpc().get_best_block_hash().unwrap()
}

/// Waits until the chain's light client is at our node's tip.
async fn headers_arrive(stage: &Stage) {
    poll_until(DEADLINE, "the light client to reach our tip", || async {
        let tip = tip(&stage.bitcoind);
        let known = stage.chain.light_client_tip().await?;
        ensure!(
            known.hash() == tip,
            "it is at {}, we at {tip}",
            known.height
        );
        anyhow::Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn w01_w02_headers_are_brought_while_blocks_arrive_and_through_reorgs_and_restarts() {
    // Blocks are not rare on regtest, so reorgs of two blocks must be allowed for.
    let settings = BabylondSettings {
        confirmation_depth: 4,
        finalization_timeout: 8,
        ..BabylondSettings::default()
    };
    let stage = Stage::launch(settings).await.unwrap();
    stage.bitcoind.mine(1_500).unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &["headers"])
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    for _ in 0..10 {
        stage.bitcoind.mine(1).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    headers_arrive(&stage).await;

    stage.bitcoind.reorganise(3).unwrap();
    headers_arrive(&stage).await;

    daemon.kill_nine();
    stage.bitcoind.reorganise(2).unwrap();
    stage.bitcoind.mine(5).unwrap();
    daemon.restart().unwrap();
    headers_arrive(&stage).await;

    // A second reporter does not disturb the first.
    let second = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &["headers"])
        .await
        .unwrap();
    let mut second_daemon = second.start().unwrap();
    for _ in 0..5 {
        stage.bitcoind.mine(1).unwrap();
        headers_arrive(&stage).await;
    }
    for program in [&program, &second] {
        let healthy = |status: &serde_json::Value| {
            status["headers"]["chain_tip"] == status["headers"]["bitcoin_tip"]
        };
        program
            .wait_for_status("both reporters to be content", DEADLINE, healthy)
            .await
            .unwrap();
    }
    assert!(second_daemon.terminate(DEADLINE).await.unwrap().success());
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

#[tokio::test]
async fn a_reorg_that_would_halt_the_chain_is_held_back_until_it_is_meant() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &["headers"])
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    stage.bitcoind.mine(3).unwrap();
    headers_arrive(&stage).await;
    let before = stage.chain.light_client_tip().await.unwrap();

    stage.bitcoind.reorganise(2).unwrap();
    daemon
        .wait_for_line("allow_halting_reorg", DEADLINE)
        .await
        .unwrap();
    let after = stage.chain.light_client_tip().await.unwrap();
    assert_eq!(after, before, "the chain was left alone");
    assert!(daemon.is_running());
}

#[tokio::test]
async fn a_watchtower_that_starts_before_its_nodes_waits_for_them_and_outlives_their_outages() {
    let mut stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &["headers"])
        .await
        .unwrap();
    stage.bitcoind.stop().await.unwrap();
    let mut daemon = program.start().unwrap();
    daemon
        .wait_for_line("bitcoin node", DEADLINE)
        .await
        .unwrap();
    stage.bitcoind.start().await.unwrap();
    stage.bitcoind.mine(1).unwrap();
    headers_arrive(&stage).await;

    stage.babylond.stop().await.unwrap();
    stage.bitcoind.mine(1).unwrap();
    daemon.wait_for_line("chain node", DEADLINE).await.unwrap();
    stage.babylond.start().await.unwrap();
    headers_arrive(&stage).await;
    assert!(daemon.is_running());

    // Another instance on the same home is refused, and says whose it is.
    let second = program.command(&["start"]).await.unwrap();
    assert_eq!(second.status().code(), Some(6));
    assert_eq!(second.error().unwrap()["code"], "already-running");

    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
    refusals::nodes_of_another_world_are_refused(&stage, &program).await;
}
