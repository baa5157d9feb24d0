//! A chain that was begun anew, and one that goes on from an old state: what was signed stays signed (rules S1, S2, S5).

use std::time::Duration;

use serde_json::json;
use testenv::partner_chain::{DEADLINE, PartnerChain, params};
use testenv::poll_until;

use super::life::{
    Life, PROVIDERS, Parts, all_are_honest, end, next, stands_still, votes, wait_for_final,
    wait_for_next,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s30_a_network_begun_anew_gets_no_votes_until_its_domain_is_pinned() {
    let mut chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    wait_for_next(mesh, 3).await.unwrap();
    end(daemon).await.unwrap();
    let (address, domain) = (mesh.address().clone(), mesh.domain());
    let Parts { program, keys } = life.into_parts();
    let pk = keys[0].public_key().to_string();

    let reset = chain.begin_anew().await.unwrap();
    chain.wasmd.kill();
    let committee = testenv::scenario::Committee::of_three();
    let mesh = reset.begin_mesh(&params(), &committee).await.unwrap();
    assert_eq!(mesh.address(), &address);
    assert_ne!(mesh.domain(), domain);
    program
        .reconfigure(&chain.wasmd.grpc_url(), &reset.wasmd.grpc_url())
        .unwrap();
    // Everything is as it was but the domain.
    let mut refused = program.start().unwrap();
    let status = refused.ended(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(1), "{}", refused.output().unwrap());
    let output = refused.output().unwrap();
    assert!(output.contains("the contract's domain is"), "{output}");

    program
        .reconfigure(&domain.to_string(), &mesh.domain().to_string())
        .unwrap();
    let life = Life {
        chain: &reset,
        rewards: reset.fresh_address().unwrap(),
        meshes: vec![("x", mesh)],
        program,
        keys,
    };
    for (name, key) in PROVIDERS.iter().zip(&life.keys) {
        life.register(&life.program, name, key).await.unwrap();
    }
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    // The same checkpoints again, of other blocks, with the same keys: the nonces are others.
    wait_for_next(mesh, 3).await.unwrap();
    let again = votes(mesh, &pk).await.unwrap();
    assert!(again.iter().any(|vote| vote["k"] == 0), "{again:?}");
    wait_for_final(mesh, 5).await.unwrap();
    all_are_honest(mesh).await.unwrap();
    end(daemon).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s30_a_chain_that_goes_on_from_an_old_state_gets_no_second_vote() {
    let mut chain = PartnerChain::launch_alone().await.unwrap();
    let mut slow = params();
    // Enough for the chain to fork before the first checkpoint.
    slow["interval"] = json!(60);
    let life = Life::begin(&chain, &chain.bitcoind, &slow, &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    mesh.wait_for_commits(PROVIDERS.len()).await.unwrap();
    end(daemon).await.unwrap();
    life.stake().await.unwrap();
    mesh.govern(json!({ "start": {} })).await.unwrap();
    let first = mesh.checkpoint_to_come(0).await.unwrap().height;
    let address = mesh.address().clone();
    let Parts { program, keys } = life.into_parts();
    let pk = keys[0].public_key().to_string();

    // The node's copy goes on from the same state; what it makes from here on is of its own.
    let old = chain.fork().await.unwrap();
    for branch in [&chain, &old] {
        let height = branch.wasmd.height().unwrap();
        assert!(height < first, "forked too late: {height} of {first}");
    }
    let daemon = program.start().unwrap();
    let mesh = chain.mesh(address.clone()).await.unwrap();
    wait_for_next(&mesh, 2).await.unwrap();
    let signed = votes(&mesh, &pk).await.unwrap();
    assert_eq!(signed.len(), 2, "{signed:?}");
    end(daemon).await.unwrap();
    all_are_honest(&mesh).await.unwrap();

    let other = old.mesh(address).await.unwrap();
    assert_eq!(other.domain(), mesh.domain());
    program
        .reconfigure(&chain.wasmd.grpc_url(), &old.wasmd.grpc_url())
        .unwrap();
    let mut daemon = program.start().unwrap();
    let status = poll_until(DEADLINE, "a second vote to be refused", || async {
        let status = program.status_of("one@x").await?;
        anyhow::ensure!(status["refused"] != 0, "status is {status}");
        anyhow::Ok(status)
    });
    let status = status.await.unwrap();
    let lost = status["last_lost_vote"].as_str().unwrap();
    assert!(lost.contains("has voted for another block"), "{lost}");
    // The first checkpoint is not final there, so nothing above it is signed either.
    stands_still(&old, &other).await.unwrap();
    assert_eq!(next(&other).await.unwrap(), 0);
    assert_eq!(votes(&other, &pk).await.unwrap(), [json!(null); 0]);
    all_are_honest(&other).await.unwrap();
    daemon.terminate(Duration::from_secs(30)).await.unwrap();
}
