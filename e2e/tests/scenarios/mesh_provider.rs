//! `finality-provider` on partner chains: one process votes on two instances of `btc-mesh`, beside a chain that does not
//! answer; and what keeps it from voting (`tables`, `networks`, `neighbours`, `copies`).

mod copies;
mod gate;
mod life;
mod neighbours;
mod networks;
mod tables;

use serde_json::{Value, json};
use testenv::partner_chain::{DEADLINE, PartnerChain, params};
use testenv::poll_until;

use crate::staking::absent;
use crate::under_way;
use life::{Life, VALUE, all_are_honest, end, next, wait_for_final};

/// What is paid in as rewards.
const INFLOW: u128 = 300_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_makes_two_chains_final_while_a_third_is_down() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x", "y"], &absent())
        .await
        .unwrap();
    let mut daemon = life.program.start().unwrap();
    // Whatever was under way is committed to again as it was, or is there.
    let is_committed = async || {
        let providers = life.meshes[0].1.query(json!({ "providers": {} })).await?;
        let first = &providers["providers"][0];
        Ok(first["commits"] != json!([]))
    };
    under_way::sent(&chain, "a commitment to be sent", is_committed)
        .await
        .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    life.meshes[0].1.fund(INFLOW).await.unwrap();
    life.start().await.unwrap();
    // Two hand-overs: the first table is that of checkpoints 0 to 3.
    for (_, mesh) in &life.meshes {
        wait_for_final(mesh, 9).await.unwrap();
        all_are_honest(mesh).await.unwrap();
    }
    let status = life.program.status_of("one@x").await.unwrap();
    assert_eq!(status["power"], VALUE.to_sat() / 2, "{status}");
    assert!(status["votes"].as_u64().unwrap() >= 9, "{status}");
    assert!(status["runway"].as_u64().unwrap() > 100, "{status}");
    let table = &status["next_table"];
    assert_eq!(table["total"], 3 * VALUE.to_sat() / 2, "{status}");
    assert_eq!(
        (&table["unbacked"], &table["removed"], &table["agrees"]),
        (&0.into(), &0.into(), &true.into()),
        "{status}"
    );
    let absent = life.program.status_of("one@absent").await.unwrap();
    let problem = absent["problems"]["start"].as_str().unwrap();
    assert!(problem.contains("did not answer"), "{problem}");

    a_commission_is_shown_and_withdrawn(&life).await;

    // Whatever was under way when it was killed is voted for again with the same bytes, or was never signed.
    daemon.kill_nine();
    daemon.restart().unwrap();
    for (_, mesh) in &life.meshes {
        let next = next(mesh).await.unwrap();
        wait_for_final(mesh, next + 6).await.unwrap();
        all_are_honest(mesh).await.unwrap();
    }
    end(daemon).await.unwrap();
}

/// Of the epoch that has just ended.
async fn a_commission_is_shown_and_withdrawn(life: &Life<'_>) {
    let (_, mesh) = &life.meshes[0];
    poll_until(DEADLINE, "an epoch to be settled", || async {
        let ended = mesh.number("epoch").await? - 1;
        let settle = json!({ "settle": { "epoch": ended, "limit": 100 } });
        anyhow::Ok(mesh.execute(settle).await?)
    })
    .await
    .unwrap();
    let shown = life
        .wait_for_status("one@x", "a commission to be shown", |status| {
            status["rewards"][0]["amount"].is_string()
        })
        .await
        .unwrap();
    assert_eq!(shown["rewards"][0]["denomination"], "stake", "{shown}");

    let shown = rewards(life, &[]).await;
    let account = PartnerChain::account(shown["account"].as_str().unwrap()).unwrap();
    let anybody = &life.chain.anybody;
    let before = anybody.balance(&account).await.unwrap();
    let withdrawn = rewards(life, &["--withdraw"]).await;
    assert!(withdrawn["tx_hash"].is_string(), "{withdrawn}");
    let amount = withdrawn["coins"][0]["amount"].as_str().unwrap();
    let amount: u128 = amount.parse().unwrap();
    assert!(amount > 0, "{withdrawn}");
    let after = anybody.balance(&account).await.unwrap();
    assert_eq!(after, before + amount);
    let nothing = rewards(life, &["--withdraw"]).await;
    assert_eq!(nothing["coins"], json!([]), "{nothing}");
    assert_eq!(nothing["tx_hash"], Value::Null, "{nothing}");
}

async fn rewards(life: &Life<'_>, more: &[&str]) -> Value {
    let arguments = [&["rewards", "--name", "one", "--chain", "x"], more].concat();
    let shown = life.program.command(&arguments).await.unwrap();
    shown.result().unwrap()
}
