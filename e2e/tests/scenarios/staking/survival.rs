//! Processes that are killed and nodes that are away: a stake is made once, and completely.

use testenv::BabylondSettings;
use testenv::scenario::DEADLINE;

use super::scene::{Scene, refused, result, resume, stake};

#[tokio::test]
async fn a_staker_that_is_killed_anywhere_makes_its_stake_once() {
    let scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(2).await;
    let provider = scene.provider.to_string();

    // Killed while it waits for the committee: nothing was broadcast.
    let mut staking = holder.start(&stake(&provider, &[])).unwrap();
    staking.wait_for_line("signatures", DEADLINE).await.unwrap();
    staking.kill_nine();
    let [txid] = scene.registered(1).await[..] else {
        panic!("one stake")
    };
    // Killed in the middle of whatever it does after the committee has signed.
    scene.cosign(txid, &[0, 2]).await;
    let mut resuming = holder.start(&["resume"]).unwrap();
    for line in ["acting", "a block with the staking transaction", "hear of"] {
        if line == "hear of" {
            scene.stage.bitcoind.mine(3).unwrap();
        }
        resuming.wait_for_line(line, DEADLINE).await.unwrap();
        resuming.kill_nine();
        assert!(scene.mempool().iter().all(|waiting| *waiting == txid));
        resuming.restart().unwrap();
    }
    scene.stage.bring_headers().await.unwrap();
    assert!(resuming.ended(DEADLINE).await.unwrap().success());
    assert_eq!(result(&resuming)["stakes"][0]["state"], "active");

    // Killed while it unbonds.
    let mut unbonding = holder
        .start(&["unbond", &txid.to_string(), "--yes"])
        .unwrap();
    unbonding.wait_for_line("acting", DEADLINE).await.unwrap();
    unbonding.kill_nine();
    let mut resuming = holder.start(&["resume"]).unwrap();
    let waits = "a block with the unbonding transaction";
    resuming.wait_for_line(waits, DEADLINE).await.unwrap();
    assert_eq!(scene.mempool().len(), 1);
    // Told to stop, it says how to go on.
    resuming.interrupt();
    assert_eq!(resuming.ended(DEADLINE).await.unwrap().code(), Some(7));
    scene.stage.mine(1).await.unwrap();
    assert_eq!(resume(&holder).await["stakes"][0]["state"], "unbonded");

    assert_eq!(scene.registered(1).await, [txid], "it was registered once");
    let balance = holder
        .command(&["wallet", "balance"])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(balance["reserved_sat"], 0, "{balance}");
}

#[tokio::test]
async fn ctrl_c_and_outages_of_both_nodes_only_delay_a_stake() {
    let mut scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(1).await;
    let provider = scene.provider.to_string();
    let mut staking = holder.start(&stake(&provider, &[])).unwrap();
    staking.wait_for_line("signatures", DEADLINE).await.unwrap();
    let [txid] = scene.registered(1).await[..] else {
        panic!("one stake")
    };
    // Told to stop, it says where it is; what it began is there and can be gone on with.
    staking.interrupt();
    assert_eq!(staking.ended(DEADLINE).await.unwrap().code(), Some(7));
    let stopped = result(&staking);
    assert_eq!(stopped["stake"]["staking_txid"], txid.to_string());
    assert_eq!(stopped["stake"]["state"], "pending");
    assert_eq!(holder.status(txid).await.unwrap()["state"], "pending");
    assert_eq!(scene.mempool(), []);
    let mut staking = holder.start(&["resume"]).unwrap();
    staking.wait_for_line("signatures", DEADLINE).await.unwrap();

    scene.stage.babylond.kill();
    staking
        .wait_for_line("did not answer", DEADLINE)
        .await
        .unwrap();
    let status = refused(&holder, &["status", &txid.to_string()], &[]).await;
    assert_eq!((status.0, status.1.as_str()), (4, "chain-unreachable"));
    scene.stage.babylond.start().await.unwrap();
    scene.stage.bitcoind.stop().await.unwrap();
    staking
        .wait_for_line("bitcoin node", DEADLINE)
        .await
        .unwrap();
    scene.cosign(txid, &[0, 1]).await;
    scene.stage.bitcoind.start().await.unwrap();

    let waits = "a block with the staking transaction";
    staking.wait_for_line(waits, DEADLINE).await.unwrap();
    scene.stage.mine(3).await.unwrap();
    assert!(staking.ended(DEADLINE).await.unwrap().success());
    assert_eq!(result(&staking)["stakes"][0]["state"], "active");
    assert_eq!(scene.registered(1).await, [txid], "it was registered once");
}
