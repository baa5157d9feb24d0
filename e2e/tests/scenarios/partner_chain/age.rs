//! A table that is too old, and one that is made late.

use bitcoin::hex::DisplayHex as _;
use serde_json::json;
use testenv::partner_chain::{DEADLINE, MAX_AGE, PartnerChain, UNBONDING, params};

use super::scene::{Scene, VALUE, accepted, all_told, refusal, told, vote_refusals, votes};

pub(crate) async fn s26_an_old_table_makes_nothing_final(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 1).await;
    let mesh = &scene.mesh;
    chain.mine(MAX_AGE).await.unwrap();
    assert_eq!(scene.finalise_next(&[0]).await, 0);
    chain.mine(1).await.unwrap();
    let old = "the table in force is 41 blocks old, at most 40 are allowed; governance must put a newer one into force";
    let voted = scene.vote(1, &[0]).await;
    assert_eq!(told(&voted, "halted", "reason"), old);
    assert_eq!(all_told(&voted, "final", "k"), [""; 0]);
    let poked = mesh.execute(json!({ "poke": {} })).await.unwrap();
    assert_eq!(told(&poked, "halted", "reason"), old);
    let status = mesh.status().await.unwrap();
    assert_eq!(
        (&status["next"], &status["halted"]),
        (&json!(1), &json!(old))
    );

    chain.mine(1).await.unwrap();
    let hash = mesh.checkpoint(1).await.unwrap().hash.to_lower_hex_string();
    let resume = json!({ "resume": { "hash": hash, "exclude": [], "drop": [] } });
    mesh.govern(resume).await.unwrap();
    assert_eq!(scene.status("era").await, 1);
    assert_eq!(scene.finalise_next(&[0]).await, 2);
}

pub(crate) async fn s26_who_withdrew_during_a_stall_makes_nothing_final(chain: &PartnerChain) {
    let (scene, stakes) = Scene::started(chain, &params(), 4).await;
    let mesh = &scene.mesh;
    assert_eq!(scene.finalise_next(&[0, 1, 2, 3]).await, 0);
    let gone = &stakes[1..];
    let unbondings: Vec<_> = gone
        .iter()
        .map(|stake| stake.unbonding().unwrap())
        .collect();
    let withdrawals: Vec<_> = gone
        .iter()
        .map(|stake| stake.withdrawal().unwrap())
        .collect();
    let blocks = u64::from(UNBONDING);
    let transactions: Vec<_> = unbondings.iter().collect();
    chain.confirm(&transactions, blocks - 1).await.unwrap();
    let transactions: Vec<_> = withdrawals.iter().collect();
    chain.confirm(&transactions, 0).await.unwrap();

    // Three quarters of the table, whose keys can burn nothing any more, vote for another history.
    let stalled = mesh.checkpoint(1).await.unwrap();
    let items: Vec<_> = scene.providers[1..]
        .iter()
        .map(|provider| provider.vote_for(&stalled, &[0x99; 32]).unwrap())
        .collect();
    let voted = mesh.execute(votes(&items)).await.unwrap();
    assert_eq!(vote_refusals(&voted), [""; 0]);
    assert_eq!(all_told(&voted, "final", "k"), [""; 0]);
    let age = blocks + 1;
    let old = format!("the table in force is {age} blocks old, at most 40 are allowed; ");
    let halted = told(&voted, "halted", "reason");
    assert!(halted.starts_with(&old), "{halted}");
    assert_eq!(scene.status("next").await, 1);
    assert_eq!(
        refusal(scene.roll().await),
        "the next table can be made once checkpoint 2 is the next; now it is 1"
    );

    // Governance goes on without them once their spends are shown. They voted, so it cannot just leave them out.
    let hash = stalled.hash.to_lower_hex_string();
    let second = scene.providers[1].public_key().to_string();
    let resume =
        |exclude: &[&String]| json!({ "resume": { "hash": hash, "exclude": exclude, "drop": [] } });
    assert_eq!(
        refusal(mesh.govern(resume(&[&second])).await),
        format!("provider {second} voted for checkpoint 1, so it cannot be excluded")
    );
    let reports = gone.iter().zip(&unbondings);
    let reports: Vec<_> = reports
        .map(|(stake, spend)| scene.report(stake, spend))
        .collect();
    accepted(mesh.execute_all(&reports).await);
    mesh.govern(resume(&[])).await.unwrap();
    assert_eq!(scene.status("era").await, 1);
    assert_eq!(scene.weights(1).await, [(0, VALUE)]);
    assert_eq!(scene.finalise_next(&[0]).await, 2);
}

pub(crate) async fn s32_a_late_roll_delays_and_loses_nothing(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 1).await;
    let mesh = &scene.mesh;
    scene.finalise_up_to_the_last(&[0]).await;
    let last = scene.status("last").await;
    let height = mesh.checkpoint(last).await.unwrap().height;
    // Several epochs' worth of blocks.
    chain
        .wasmd
        .wait_for_height(height + 20, DEADLINE)
        .await
        .unwrap();
    let provider = &scene.providers[0];
    let beyond = provider
        .signed_vote(last + 1, &[1; 32], b"whatever")
        .unwrap();
    let executed = mesh.execute(votes(&[beyond])).await.unwrap();
    assert_eq!(
        vote_refusals(&executed),
        ["checkpoint 4 is outside 0 to 3, which votes are taken for now"]
    );
    assert_eq!(scene.status("next").await, last);

    scene.roll().await.unwrap();
    for number in last..=last + 3 {
        assert_eq!(scene.finalise_next(&[0]).await, number);
    }
    // One block apart, as if nothing had happened.
    for number in 0..=last + 3 {
        let question = json!({ "finalized": { "k": number } });
        let found = mesh.query(question).await.unwrap();
        assert_eq!(found["height"], height - last + number);
    }
    assert_eq!(
        refusal(mesh.query(json!({ "finalized": { "k": last + 4 } })).await),
        format!("no final checkpoint is known for checkpoint {}", last + 4)
    );
}
