//! Checkpoints: W06 (both transactions land), kills in between, and epochs that somebody else reports.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoincore_rpc::RpcApi as _;
use chain::babylon::checkpoint::CheckpointStatus;
use serde_json::Value;
use testenv::programs::WatchtowerProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{BabylondSettings, Program, Scratch, poll_until};

const ROLES: [&str; 2] = ["headers", "checkpoints"];

/// Tag and version byte with which the first parts of test chains begin (spec 5.7).
const FIRST_PART: [u8; 5] = [1, 2, 3, 4, 0];

/// Epochs long enough that one block for each is easily mined in time.
fn settings() -> BabylondSettings {
    BabylondSettings {
        epoch_interval: 8,
        ..BabylondSettings::default()
    }
}

/// Mines a block whenever something waits for one, until the epoch has this status.
async fn mine_until(stage: &Stage, epoch: u64, wanted: CheckpointStatus) -> anyhow::Result<()> {
    poll_until(
        DEADLINE,
        &format!("epoch {epoch} to be {wanted:?}"),
        || async {
            stage.bitcoind.mine(1)?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let status = stage.chain.epoch_status(epoch).await?;
            ensure!(status >= Some(wanted), "it is {status:?}");
            Ok::<_, anyhow::Error>(())
        },
    )
    .await
}

/// How many first parts stand on Bitcoin, by epoch.
fn first_parts(stage: &Stage) -> anyhow::Result<BTreeMap<u64, usize>> {
    let rpc = stage.bitcoind.rpc();
    let mut found = BTreeMap::new();
    for height in 1..=stage.bitcoind.height()? {
        let block = rpc.get_block(&rpc.get_block_hash(height)?)?;
        let outputs = block
            .txdata
            .iter()
            .flat_map(|transaction| &transaction.output);
        for output in outputs.filter(|output| output.script_pubkey.is_op_return()) {
            // OP_RETURN OP_PUSHDATA1 78.
            let data = output.script_pubkey.as_bytes().get(3..).unwrap_or_default();
            if let Some(body) = data.strip_prefix(&FIRST_PART) {
                let epoch = body.first_chunk().context("a short checkpoint")?;
                *found.entry(u64::from_be_bytes(*epoch)).or_default() += 1;
            }
        }
    }
    Ok(found)
}

#[tokio::test]
async fn w06_checkpoints_reach_bitcoin_once_and_become_final_through_kills() {
    let stage = Stage::launch(settings()).await.unwrap();
    stage.bitcoind.mine(5).unwrap();
    let program = WatchtowerProgram::with_coins(&stage.bitcoind, &stage.babylond, &ROLES)
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();

    // Killed at any moment: while it makes, notes, sends and proves.
    let made = daemon.wait_for_line("made a checkpoint transaction", DEADLINE);
    made.await.unwrap();
    for _ in 0..8 {
        daemon.kill_nine();
        daemon.restart().unwrap();
        stage.bitcoind.mine(1).unwrap();
        let moment = Duration::from_millis(300 + u64::from(rand::random::<u8>()) * 4);
        tokio::time::sleep(moment).await;
    }
    mine_until(&stage, 3, CheckpointStatus::Finalized)
        .await
        .unwrap();

    let parts = first_parts(&stage).unwrap();
    for epoch in 1..=3 {
        assert_eq!(parts.get(&epoch), Some(&1), "{parts:?}");
    }
    assert!(stage.chain.last_finalized_epoch().await.unwrap() >= 3);
    let status = program.command(&["status"]).await.unwrap();
    let status = status.result().unwrap();
    assert!(
        status["checkpoints"]["spendable"].as_u64() > Some(9_000_000),
        "{status}"
    );
    let running = balance(&program).await;
    assert_eq!(running["spendable"], status["checkpoints"]["spendable"]);
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
    the_wallet_is_the_same_wherever_its_words_are(&stage, &program).await;
}

async fn balance(program: &WatchtowerProgram) -> Value {
    let shown = program.command(&["wallet", "balance"]).await.unwrap();
    shown.result().unwrap()
}

/// What `wallet` shows of a watchtower that does not run, and of its seed on another machine.
async fn the_wallet_is_the_same_wherever_its_words_are(stage: &Stage, program: &WatchtowerProgram) {
    let here = balance(program).await;
    assert!(here["balance"].as_u64() > Some(9_000_000), "{here}");
    let addresses = program.command(&["wallet", "address"]).await.unwrap();
    let addresses = addresses.result().unwrap();
    assert_eq!(addresses["account"], program.account());

    let elsewhere = Scratch::new("watchtower").unwrap();
    for file in ["watchtower.toml", "passphrase"] {
        std::fs::copy(program.home().join(file), elsewhere.path().join(file)).unwrap();
    }
    let run = async |arguments: &[&str]| {
        let there = Program::ours("watchtower").unwrap();
        let there = there.arg("--json").arg("--home").arg(elsewhere.path());
        let there = there.args(arguments).input(program.words());
        there.run(DEADLINE).await.unwrap().result().unwrap()
    };
    let restored = run(&["wallet", "restore"]).await;
    assert_eq!(restored["account"], program.account());
    assert_eq!(restored["words"], Value::Null);
    assert_eq!(run(&["wallet", "balance"]).await, here);
    // The coins are found by reading the blocks: the first address is used up, as it is here.
    let shown = run(&["wallet", "address"]).await;
    assert_ne!(shown["address"], program.address().to_string());
    let coin = bitcoin::Amount::from_sat(50_000);
    let address: bitcoin::Address<_> = shown["address"].as_str().unwrap().parse().unwrap();
    stage
        .bitcoind
        .send(&address.assume_checked(), coin)
        .unwrap();
    stage.bitcoind.mine(1).unwrap();
    let more = here["balance"].as_u64().unwrap() + coin.to_sat();
    assert_eq!(balance(program).await["balance"], more);
}

#[tokio::test]
async fn an_epoch_that_somebody_else_reports_is_left_to_them_and_an_empty_wallet_says_so() {
    let stage = Stage::launch(settings()).await.unwrap();
    stage.bitcoind.mine(10).unwrap();
    stage.bring_headers().await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &ROLES)
        .await
        .unwrap();
    stage.finalize_current_epoch().await.unwrap();
    let others = first_parts(&stage).unwrap();

    let mut daemon = program.start().unwrap();
    let line = daemon
        .wait_for_line("insufficient funds", DEADLINE)
        .await
        .unwrap();
    assert!(line.contains(&program.address().to_string()), "{line}");

    // Coins heal it without a restart.
    for _ in 0..5 {
        let coin = bitcoin::Amount::from_sat(1_000_000);
        stage.bitcoind.send(program.address(), coin).unwrap();
    }
    let ours = others.keys().max().unwrap() + 1;
    mine_until(&stage, ours, CheckpointStatus::Submitted)
        .await
        .unwrap();
    let parts = first_parts(&stage).unwrap();
    for (epoch, count) in others {
        assert_eq!(parts.get(&epoch), Some(&count), "epoch {epoch}");
    }
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

#[tokio::test]
async fn the_coin_of_an_epoch_that_somebody_else_made_final_pays_for_a_later_one() {
    const MADE: &str = "made a checkpoint transaction";
    let stage = Stage::launch(settings()).await.unwrap();
    stage.bitcoind.mine(10).unwrap();
    stage.bring_headers().await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &["checkpoints"])
        .await
        .unwrap();
    let coin = bitcoin::Amount::from_sat(1_000_000);
    stage.bitcoind.send(program.address(), coin).unwrap();
    stage.bitcoind.mine(1).unwrap();
    // What is made pays so little that no node takes it.
    let file = program.home().join("watchtower.toml");
    let fees = "[bitcoin.fees]\nmin = 0.01\nfallback = 0.02\nmax = 0.02\n";
    let configured = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, configured + fees).unwrap();

    let mut daemon = program.start().unwrap();
    daemon.wait_for_line(MADE, DEADLINE).await.unwrap();
    stage.finalize_current_epoch().await.unwrap();
    poll_until(DEADLINE, "a transaction for a later epoch", || async {
        let output = daemon.output()?;
        let made = output.matches(MADE).count();
        ensure!(made > 1, "{output}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
