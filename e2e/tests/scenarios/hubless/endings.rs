//! The other ways in which a stake without a hub ends: by its timelock, and by its provider's equivocation.

use bitcoin::Txid;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEPTH, PartnerChain, UNBONDING};

use super::replaced::a_withdrawal_is_not_forgotten_for_one_that_never_left;
use super::scene::{DEADLINE, Scene, VALUE};
use crate::partner_chain::burn;

/// Timelock of the stake that is kept to its end: a little more than the instances ask for.
const TIMELOCK: u16 = 130;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_timelock_frees_and_what_slashing_leaves_is_taken_back() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    let kept = active(&scene, &TIMELOCK.to_string()).await;
    refused(&scene, kept).await;
    chain.mine(TIMELOCK.into()).await.unwrap();
    a_withdrawal_is_not_forgotten_for_one_that_never_left(&scene, kept).await;

    let slashed = active(&scene, "1000").await;
    let mesh = &scene.meshes[0];
    let slash = json!({ "slash": {
        "pk": scene.provider.public_key().to_string(),
        "sk": hex(&scene.provider.to_bytes()[..]),
    }});
    mesh.execute(slash).await.unwrap();
    let outpoint = scene.output(slashed).await;
    let kit = json!({ "slash_kit": { "outpoint": outpoint } });
    let burning = burn::slashing(&mesh.query(kit).await.unwrap(), &scene.provider);
    chain.confirm(&[&burning], 0).await.unwrap();
    let status = scene.program.status(slashed).await.unwrap();
    assert_eq!(status["state"], "slashed", "{status}");
    assert_eq!(status["coins_in"], "slashing-change", "{status}");
    refused(&scene, slashed).await;
    chain.mine(UNBONDING.into()).await.unwrap();
    let withdrawn = taken_back(&scene, slashed).await;
    let amount = withdrawn["summary"]["amount_sat"].as_u64().unwrap();
    assert!(amount < VALUE / 10 * 9, "a tenth is burned: {withdrawn}");

    // Nothing is staked with a provider whose key is out.
    let stake = scene.stake_with(&["--share", "x=1", "--yes"]);
    let error = scene.program.command(&stake).await.unwrap();
    assert_eq!(error.error().unwrap()["code"], "provider-slashed");
}

/// A stake on x alone that counts there, made in single steps.
pub(super) async fn active(scene: &Scene<'_>, timelock: &str) -> Txid {
    let shares = ["--share", "x=1", "--yes", "--no-wait"];
    let mut stake = scene.stake_with(&shares);
    let place = stake.iter().position(|it| *it == "--staking-time").unwrap();
    stake[place + 1] = timelock;
    let made = scene.program.command(&stake).await.unwrap();
    let made = made.result().unwrap();
    let stake = made["stake"]["staking_txid"].as_str().unwrap();
    let stake: Txid = stake.parse().unwrap();
    scene.chain.mine(1 + DEPTH).await.unwrap();
    let resume = ["resume", &stake.to_string(), "--no-wait"];
    scene.program.command(&resume).await.unwrap();
    scene.chain.mine(CHALLENGE).await.unwrap();
    scene.program.command(&resume).await.unwrap();
    let waited = scene.program.wait_for_state(stake, "active", DEADLINE);
    waited.await.unwrap();
    stake
}

async fn refused(scene: &Scene<'_>, stake: Txid) {
    let early = ["withdraw", &stake.to_string(), "--yes"];
    let early = scene.program.command(&early).await.unwrap();
    assert_eq!(early.error().unwrap()["code"], "too-early");
}

async fn taken_back(scene: &Scene<'_>, stake: Txid) -> Value {
    let withdraw = ["withdraw", &stake.to_string(), "--yes", "--no-wait"];
    let withdrawn = scene.program.command(&withdraw).await.unwrap();
    let withdrawn = withdrawn.result().unwrap();
    scene.chain.mine(1).await.unwrap();
    let status = scene.program.status(stake).await.unwrap();
    assert_eq!(status["state"], "withdrawn", "{status}");
    withdrawn
}

fn hex(bytes: &[u8]) -> String {
    use bitcoin::hex::DisplayHex as _;
    bytes.to_lower_hex_string()
}
