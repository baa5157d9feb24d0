//! A stake of Babylon's whose holder did nothing but hand a consent over: `finality-provider` shows it to the chains.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;

use super::partners::{Staked, VALUE, absent, each};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_was_handed_over_counts_on_both_chains_without_its_stakers_program() {
    let staked = Staked::launch().await;
    let instances = staked.instances().await;
    let Staked {
        holder,
        chain,
        babylond,
        secret,
        ..
    } = &staked;
    chain.mine(DEPTH).await.unwrap();
    let partners = absent() + &instances.configuration();
    let program =
        FinalityProviderProgram::reporting(Some(babylond), &chain.bitcoind, &partners, &["main"])
            .unwrap();
    let (_, account) = program.import_key("main", secret).await.unwrap();
    babylond.fund(&account, 100_000_000).await.unwrap();
    chain.fund(&account).await.unwrap();

    // The holder has an account with coins on no chain, and tells nobody but the provider.
    let file = holder.program.home().join("consent.json");
    let export = file.to_str().unwrap();
    let arguments = [
        "--share", "x=0.5", "--share", "y=0.5", "--export", export, "--yes",
    ];
    let (code, exported) = holder.restake(&arguments).await;
    assert_eq!(code, 0, "{exported}");
    assert_eq!(exported["consent_number"], 1, "{exported}");
    assert_eq!(exported["chains"], json!([]), "{exported}");
    let exposure = holder.exposure().await;
    assert_eq!(each(&exposure, "state"), ["unknown", "unknown"]);

    let folder = program.home().join("consents");
    fs::create_dir(&folder).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let altered = text.replace("5000", "4999");
    fs::write(folder.join("altered.json"), altered).unwrap();
    fs::write(folder.join("broken.json"), "{").unwrap();
    let mut daemon = program.start().unwrap();
    daemon
        .wait_for_line("a consent cannot be used", DEADLINE)
        .await
        .unwrap();
    daemon
        .wait_for_line("a consent that was handed over is none", DEADLINE)
        .await
        .unwrap();
    assert_eq!(
        each(&holder.exposure().await, "state"),
        ["unknown", "unknown"]
    );

    // Killed while it reads, shows or waits, whatever it is just doing.
    fs::write(folder.join("consent.json"), &text).unwrap();
    for after in [300, 900, 1_500, 2_100] {
        tokio::time::sleep(Duration::from_millis(after)).await;
        daemon.kill_nine();
        daemon.restart().unwrap();
    }
    poll_until(DEADLINE, "both instances to know the stake", || async {
        let exposure = holder.exposure().await;
        let states = each(&exposure, "state");
        ensure!(states == ["pending", "pending"], "{exposure}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    assert_eq!(instances.known("consent_seq").await, [1, 1]);
    chain.mine(CHALLENGE).await.unwrap();
    instances.activate(&instances.meshes).await;
    assert_eq!(instances.known("weight").await, [VALUE / 2, VALUE / 2]);

    let status = poll_until(DEADLINE, "the status to say so", || async {
        let status = program.status_of("main@x").await?;
        ensure!(status["reporting"]["known"] == 1, "{status}");
        anyhow::Ok(status)
    })
    .await
    .unwrap();
    assert_eq!(status["reporting"]["waiting"], 0, "{status}");
    let on_babylon = program.status_of("main").await.unwrap();
    assert_eq!(on_babylon["reporting"]["stakes"], 1, "{on_babylon}");
    assert_eq!(on_babylon["problems"]["reporting"], Value::Null);
    daemon.terminate(Duration::from_secs(30)).await.unwrap();
}
