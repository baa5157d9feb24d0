//! A table that is too old, and one that is made late.

use bitcoin::hex::DisplayHex as _;
use serde_json::json;
use testenv::partner_chain::{DEADLINE, MAX_AGE, PartnerChain, params};

use crate::scene::{Scene, all_told, refusal, told, vote_refusals, votes};

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
