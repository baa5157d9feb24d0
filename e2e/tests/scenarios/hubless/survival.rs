//! Processes that are killed, members and chains that are down: one stake is made, and every chain that has a share comes to
//! know it.

use std::fs;
use std::time::Duration;

use serde_json::json;
use testenv::partner_chain::{CHALLENGE, DEPTH, PartnerChain};

use super::scene::{DEADLINE, Scene};
use super::states;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_staker_that_is_killed_at_any_step_makes_its_stake_once() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    // At any moment while it plans and signs: there is one stake or none.
    for after in [150, 300, 450, 600, 750] {
        let mut killed = scene.program.start(&scene.stake(&["--no-wait"])).unwrap();
        tokio::time::sleep(Duration::from_millis(after)).await;
        killed.kill_nine();
        let stakes = scene.stakes().await;
        assert!(stakes.len() <= 1, "{stakes:?}");
        assert!(scene.mempool().len() <= 1);
        if !stakes.is_empty() {
            break;
        }
    }
    if scene.stakes().await.is_empty() {
        let mut killed = scene.program.start(&scene.stake(&[])).unwrap();
        killed.wait_for_line("acting", DEADLINE).await.unwrap();
        killed.kill_nine();
    }
    let stake = scene.only_stake().await;
    // In the middle of each action, and of each wait that follows it.
    let mut resuming = scene.program.start(&["resume"]).unwrap();
    for (line, blocks) in [
        ("a block with the staking transaction", 1 + DEPTH),
        ("to be shown to partner chains", 0),
        ("may show that it was spent", CHALLENGE),
        ("to be proven to the chain", 0),
    ] {
        resuming.wait_for_line(line, DEADLINE).await.unwrap();
        resuming.kill_nine();
        assert!(scene.mempool().iter().all(|waiting| *waiting == stake));
        chain.mine(blocks).await.unwrap();
        resuming.restart().unwrap();
    }
    let ended = resuming.ended(DEADLINE).await.unwrap();
    assert!(ended.success(), "{}", resuming.output().unwrap());
    let active = scene.program.status(stake).await.unwrap();
    assert_eq!(states(&active), ["active", "active"], "{active}");
    assert_eq!(scene.exposure().await["signed_consent"], 1);
    assert_eq!(scene.stakes().await.len(), 1);
    assert_eq!(scene.reserved().await, 0);

    // While it unbonds, and while it tells the chains.
    let unbond = ["unbond", &stake.to_string(), "--yes"];
    let mut unbonding = scene.program.start(&unbond).unwrap();
    unbonding.wait_for_line("acting", DEADLINE).await.unwrap();
    unbonding.kill_nine();
    let mut resuming = scene.program.start(&["resume"]).unwrap();
    let waits = "a block with the unbonding transaction";
    resuming.wait_for_line(waits, DEADLINE).await.unwrap();
    resuming.kill_nine();
    assert_eq!(scene.mempool().len(), 1);
    chain.mine(1 + DEPTH).await.unwrap();
    resuming.restart().unwrap();
    resuming.wait_for_line("acting", DEADLINE).await.unwrap();
    resuming.kill_nine();
    let resumed = scene.program.command(&["resume"]).await.unwrap();
    let resumed = resumed.result().unwrap();
    assert_eq!(resumed["stakes"][0]["state"], "unbonded", "{resumed}");
    let ended = scene.program.status(stake).await.unwrap();
    assert_eq!(states(&ended), ["spent", "spent"], "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_nothing_is_broadcast_and_a_silent_chain_holds_up_no_other() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let mut scene = Scene::begin(&chain).await;
    // Two of three members are down.
    for member in &mut scene.committee.processes[..2] {
        member.kill_nine();
    }
    let staking = scene.stake(&["--no-wait"]);
    let staking = scene.program.command(&staking).await.unwrap();
    let error = staking.error().unwrap();
    assert_eq!(error["code"], "not-signed-yet", "{error}");
    let stake = scene.only_stake().await;
    let pending = scene.program.status(stake).await.unwrap();
    assert_eq!(pending["state"], "pending", "{pending}");
    assert_eq!(pending["covenant_signatures"], 1, "{pending}");
    assert_eq!(scene.mempool(), []);
    // What one member gave is kept; another one is enough.
    scene.committee.processes[2].kill_nine();
    scene.committee.processes[0].restart().unwrap();
    scene.committee.wait_until_served(0).await;
    let resume = ["resume", "--no-wait"];
    let resumed = scene.program.command(&resume).await.unwrap();
    let resumed = resumed.result().unwrap();
    assert_eq!(resumed["stakes"][0]["state"], "confirming", "{resumed}");
    assert_eq!(scene.mempool(), [stake]);

    // The node of y is away while the stake is shown.
    let configured = fs::read_to_string(scene.program.config_file()).unwrap();
    let [before, y] = configured.split("name = \"y\"").collect::<Vec<_>>()[..] else {
        panic!("no y in {configured}")
    };
    let url = format!("\"{}\"", chain.wasmd.grpc_url());
    let away = y.replacen(&url, "\"http://127.0.0.1:9\"", 1);
    let away = format!("{before}name = \"y\"{away}");
    fs::write(scene.program.config_file(), away).unwrap();
    let mut resuming = scene.program.start(&["resume"]).unwrap();
    let waits = "a block with the staking transaction";
    resuming.wait_for_line(waits, DEADLINE).await.unwrap();
    chain.mine(1 + DEPTH).await.unwrap();
    let waits = "may show that it was spent";
    resuming.wait_for_line(waits, DEADLINE).await.unwrap();
    // Told to stop, it says how to go on.
    resuming.interrupt();
    assert_eq!(resuming.ended(DEADLINE).await.unwrap().code(), Some(7));
    chain.mine(CHALLENGE).await.unwrap();
    let resumed = scene.program.command(&["resume"]).await.unwrap();
    assert_eq!(resumed.status().code(), Some(8), "{}", resumed.stdout());
    let active = scene.program.status(stake).await.unwrap();
    assert_eq!(states(&active), ["active", "silent"], "{active}");
    assert_eq!(active["failures"][0]["chain"], "y", "{active}");
    assert_eq!(active["state"], "active");

    fs::write(scene.program.config_file(), configured).unwrap();
    let mut resuming = scene.program.start(&["resume"]).unwrap();
    resuming.wait_for_line(waits, DEADLINE).await.unwrap();
    chain.mine(CHALLENGE).await.unwrap();
    assert!(resuming.ended(DEADLINE).await.unwrap().success());
    let active = scene.program.status(stake).await.unwrap();
    assert_eq!(states(&active), ["active", "active"], "{active}");
    let consents = active["partner_chains"].as_array().unwrap().iter();
    assert!(
        consents
            .into_iter()
            .all(|chain| chain["consent_number"] == json!(1))
    );
}
