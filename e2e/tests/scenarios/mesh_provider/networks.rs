//! A chain that was begun anew, and one that goes on from an old state: what was signed stays signed (rules S1, S2, S5).

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use testenv::partner_chain::{DEADLINE, Mesh, PartnerChain, base64, params};
use testenv::poll_until;

use super::life::{
    Life, PROVIDERS, Parts, all_are_honest, end, next, stands_still, votes, wait_for_final,
    wait_for_next,
};
use crate::mesh_fork::votes_sent;

/// Checkpoints of the first epoch that become final without a table that follows.
const OPEN: u64 = 3;

/// What a provider signed for a checkpoint in each of two networks, as both keep it and as both were sent it.
struct Pair {
    kept: [Value; 2],
    sent: [Value; 2],
}

/// The votes of a provider for the same checkpoints in two networks, each with all that was kept and sent there.
fn pairs(pk: &str, kept: [&[Value]; 2], sent: [&[Value]; 2]) -> anyhow::Result<Vec<Pair>> {
    let pair = |checkpoint: u64| {
        let kept = kept.map(|votes| {
            let mut votes = votes.iter();
            votes.find(|vote| vote["k"] == checkpoint).cloned()
        });
        let sent = sent.map(|votes| {
            let mut votes = votes.iter();
            let is_it = |vote: &&Value| vote["k"] == checkpoint && vote["pk"] == pk;
            votes.find(is_it).cloned()
        });
        match (kept, sent) {
            ([Some(old), Some(new)], [Some(first), Some(second)]) => Ok(Pair {
                kept: [old, new],
                sent: [first, second],
            }),
            missing => anyhow::bail!("checkpoint {checkpoint}: {missing:?}"),
        }
    };
    (0..OPEN).map(pair).collect()
}

/// The hashes of what was signed and the signatures, as evidence under a randomness.
fn evidence(pk: &str, randomness: &Value, signed: &[Value; 2]) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    for vote in signed {
        for field in ["message_hash", "s"] {
            bytes.extend(hex::decode(vote[field].as_str().context("no text")?)?);
        }
    }
    Ok(json!({ "evidence_by_hash": {
        "pk": pk,
        "r": randomness,
        "signed": base64(bytes),
    }}))
}

/// Somebody brings the votes of another network: none is taken, and the reason is not their age.
async fn refuses_all(mesh: &Mesh<'_>, votes: &[Value]) -> anyhow::Result<()> {
    let brought = json!({ "votes": { "items": votes } });
    let executed = mesh.execute(brought).await?;
    let events = executed.events.iter();
    let refused: Vec<_> = events
        .filter(|event| event.kind == "wasm-vote_refused")
        .map(|event| event.attribute("reason").unwrap_or_default())
        .collect();
    anyhow::ensure!(refused.len() == votes.len(), "{refused:?}");
    for reason in refused {
        anyhow::ensure!(
            reason.contains("the proof does not lead to the commitment"),
            "{reason}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s30_a_network_begun_anew_gets_no_votes_until_its_domain_is_pinned() {
    let mut chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    wait_for_next(mesh, OPEN).await.unwrap();
    end(daemon).await.unwrap();
    let (address, domain) = (mesh.address().clone(), mesh.domain());
    let pk = life.keys[0].public_key().to_string();
    let old = votes(mesh, &pk).await.unwrap();
    let old_sent = votes_sent(&chain, mesh).await.unwrap();
    let Parts { program, keys } = life.into_parts();

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
    wait_for_next(mesh, OPEN).await.unwrap();
    refuses_all(mesh, &old_sent).await.unwrap();
    let new = votes(mesh, &pk).await.unwrap();
    let new_sent = votes_sent(&reset, mesh).await.unwrap();
    for Pair { kept, sent } in pairs(&pk, [&old, &new], [&old_sent, &new_sent]).unwrap() {
        assert_eq!(
            [&kept[0]["s"], &kept[1]["s"]],
            [&sent[0]["s"], &sent[1]["s"]]
        );
        assert_ne!(sent[0]["r"], sent[1]["r"]);
        // Under neither randomness are both its signatures, so there is nothing to get the key out of.
        for (randomness, foreign) in [(&sent[0]["r"], 2), (&sent[1]["r"], 1)] {
            let evidence = evidence(&pk, randomness, &kept).unwrap();
            let refusal = mesh.execute(evidence).await.unwrap_err().to_string();
            let expected = format!("signature {foreign} is not provider {pk}'s of its message");
            assert!(refusal.contains(&expected), "{refusal}");
        }
    }
    all_are_honest(mesh).await.unwrap();
    wait_for_final(mesh, 5).await.unwrap();
    let status = life.status("one@x").await.unwrap();
    assert_eq!(
        (&status["standing"], &status["slashed_at"]),
        (&"registered".into(), &Value::Null),
        "{status}"
    );
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
