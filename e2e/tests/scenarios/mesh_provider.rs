//! `finality-provider` on partner chains: one process votes on two instances of `btc-mesh`, beside a chain that does not
//! answer; and what keeps it from voting (`tables`, `networks`, `neighbours`, `copies`).

mod copies;
mod gate;
mod life;
mod neighbours;
mod networks;
mod tables;

use testenv::partner_chain::{PartnerChain, params};

use crate::staking::absent;
use life::{Life, VALUE, all_are_honest, end, next, wait_for_final};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_makes_two_chains_final_while_a_third_is_down() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x", "y"], &absent())
        .await
        .unwrap();
    let mut daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    // Two hand-overs: the first table is that of checkpoints 0 to 3.
    for (_, mesh) in &life.meshes {
        wait_for_final(mesh, 9).await.unwrap();
        all_are_honest(mesh).await.unwrap();
    }
    let status = life.program.status_of("one@x").await.unwrap();
    assert_eq!(status["power"], VALUE.to_sat() / 2, "{status}");
    assert!(status["votes"].as_u64().unwrap() >= 9, "{status}");
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
