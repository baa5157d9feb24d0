//! A stake that no chain knows: its staker hands it over, and the finality provider shows it to the chains.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEPTH, PartnerChain};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;

use super::scene::{DEADLINE, Scene, VALUE};
use super::states;

/// The same file, but for one hexadecimal digit of a signature.
fn altered(text: &str, signature: &str) -> String {
    let mut handed: Value = serde_json::from_str(text).unwrap();
    let field = &mut handed["delegation"][signature];
    let digits = field.as_str().unwrap();
    let last = if digits.ends_with('0') { '1' } else { '0' };
    *field = json!(format!("{}{last}", &digits[..digits.len() - 1]));
    handed.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_that_no_chain_knows_counts_on_two_by_what_its_staker_handed_over() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    let made = scene.stake(&["--no-wait"]);
    scene.program.command(&made).await.unwrap();
    let stake = scene.only_stake().await;
    assert_eq!(scene.mempool(), [stake]);
    chain.mine(1).await.unwrap();
    let file = scene.program.home().join("stake.json");
    let txid = stake.to_string();
    let shares = ["restake", &txid, "--share", "x=0.6", "--share", "y=40%"];
    let to_file = ["--export", file.to_str().unwrap(), "--yes"];
    let export = [&shares[..], &to_file].concat();
    let exported = scene.program.command(&export).await.unwrap();
    let exported = exported.result().unwrap();
    // The list that was signed before the stake was broadcast, once more.
    assert_eq!(exported["consent_number"], 1, "{exported}");
    chain.mine(DEPTH).await.unwrap();

    let [x, y] = &scene.meshes;
    let sections = x.configuration("x") + &y.configuration("y");
    let program =
        FinalityProviderProgram::reporting(None, &chain.bitcoind, &sections, &["main"]).unwrap();
    let (_, account) = program.import_key("main", &scene.provider).await.unwrap();
    chain.fund(&account).await.unwrap();
    let folder = program.home().join("consents");
    fs::create_dir(&folder).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    for signature in ["slashing_signature", "unbonding_slashing_signature"] {
        let name = format!("{signature}.json");
        fs::write(folder.join(name), altered(&text, signature)).unwrap();
    }
    let mut daemon = program.start().unwrap();
    let refused = "a delegation that was handed over is not taken";
    daemon.wait_for_line(refused, DEADLINE).await.unwrap();
    let status = scene.program.status(stake).await.unwrap();
    assert_eq!(states(&status), ["unknown", "unknown"], "{status}");

    // Beside the files that are none, and killed in the middle of its work.
    fs::write(folder.join("stake.json"), &text).unwrap();
    for after in [500, 1_500, 2_500] {
        tokio::time::sleep(Duration::from_millis(after)).await;
        daemon.kill_nine();
        daemon.restart().unwrap();
    }
    poll_until(DEADLINE, "both chains to know the stake", || async {
        let status = scene.program.status(stake).await?;
        ensure!(states(&status) == ["pending", "pending"], "{status}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    chain.mine(CHALLENGE).await.unwrap();
    let outpoint = scene.output(stake).await;
    for mesh in &scene.meshes {
        let activation = json!({ "activate": { "outpoint": outpoint } });
        mesh.execute(activation).await.unwrap();
    }
    let exposure = scene.exposure().await;
    let weights = crate::staking::partners::each(&exposure, "weight_sat");
    assert_eq!(weights, [VALUE / 10 * 6, VALUE / 10 * 4], "{exposure}");
    daemon.terminate(Duration::from_secs(30)).await.unwrap();
}
