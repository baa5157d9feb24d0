//! What a stake earns on a partner chain, claimed by a process that is killed at it.

use serde_json::{Value, json};
use testenv::partner_chain::{Mesh, PartnerChain, Provider};

use super::endings::active;
use super::scene::{DEADLINE, Scene};
use crate::under_way;

/// What is paid in.
const INFLOW: u128 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rewards_are_paid_once_though_whoever_claims_them_is_killed() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    active(&scene, "1000").await;
    let mesh = &scene.meshes[0];
    let provider = Provider::new(mesh.domain(), scene.provider.clone()).unwrap();
    an_epoch_is_rewarded(mesh, &provider).await;

    let before = earned(&scene, &[]).await;
    let address = before["reward_address"].as_str().unwrap();
    let owed = amount(&before, "owed");
    // All but the commission and what cannot be divided.
    assert!((899_999..=900_000).contains(&owed), "{before}");
    // Half of it vests; vesting begins with the first claim.
    assert_eq!(amount(&earned(&scene, &["--claim"]).await, "paid"), 0);
    chain.mine(50).await.unwrap();
    let account = PartnerChain::account(address).unwrap();
    let balance = async || chain.anybody.balance(&account).await;
    let had = balance().await.unwrap();

    let mut killed = scene.program.start(&["rewards", "--claim"]).unwrap();
    under_way::sent(&chain, "a claim to be sent", async || {
        Ok(balance().await? > had)
    })
    .await
    .unwrap();
    killed.kill_nine();
    let mut again = scene.program.start(&["rewards", "--claim"]).unwrap();
    assert!(again.ended(DEADLINE).await.unwrap().success());

    let after = earned(&scene, &[]).await;
    let paid = balance().await.unwrap() - had;
    assert_eq!(paid, owed / 2);
    assert_eq!(amount(&after, "owed"), owed - paid, "{after}");
    let books = mesh.query(json!({ "rewards": {} })).await.unwrap();
    assert_eq!(amount(&books, "paid"), paid, "{books}");
}

/// What `rewards` says of the stake on the first chain.
async fn earned(scene: &Scene<'_>, more: &[&str]) -> Value {
    let arguments = [&["rewards"], more].concat();
    let shown = scene.program.command(&arguments).await.unwrap();
    shown.result().unwrap()["chains"][0]["stakes"][0].clone()
}

fn amount(shown: &Value, name: &str) -> u128 {
    shown[name].as_str().unwrap().parse().unwrap()
}

/// The provider makes all checkpoints of the first epoch final, and its rewards are credited.
async fn an_epoch_is_rewarded(mesh: &Mesh<'_>, provider: &Provider) {
    mesh.execute(provider.commit(1).unwrap()).await.unwrap();
    mesh.fund(INFLOW).await.unwrap();
    mesh.govern(json!({ "start": {} })).await.unwrap();
    let last = mesh.number("last").await.unwrap();
    for number in 0..=last {
        if number == last {
            mesh.execute(json!({ "roll": {} })).await.unwrap();
        }
        let checkpoint = mesh.checkpoint(number).await.unwrap();
        let vote = provider.vote(&checkpoint).unwrap();
        let votes = json!({ "votes": { "items": [vote] } });
        mesh.execute(votes).await.unwrap();
    }
    assert_eq!(mesh.number("epoch").await.unwrap(), 1);
    let settle = json!({ "settle": { "epoch": 0, "limit": 100 } });
    testenv::poll_until(DEADLINE, "late votes to be over", || {
        mesh.execute(settle.clone())
    })
    .await
    .unwrap();
}
