//! Reorganisations by a real `bitcoind`: a shallow one, and one that undoes what was believed.

use serde_json::json;
use testenv::partner_chain::{CHALLENGE, DEPTH, PartnerChain, THAW, params};

use super::scene::{LONG, Scene, refusal, told};

pub(crate) async fn s05_what_a_reorganisation_undid_must_be_proven_anew(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 2).await;
    scene.finalise_up_to_the_last(&[0, 1]).await;
    a_shallow_one_undoes_nothing(&scene).await;
    a_deep_one_is_unwound_and_activations_thaw(&scene).await;
}

async fn a_shallow_one_undoes_nothing(scene: &Scene<'_>) {
    let stake = [scene.sign(0, LONG)];
    scene.bury(&stake).await;
    scene.mesh.execute(scene.shown(&stake[0])).await.unwrap();
    let tip = scene.status("tip").await;
    let replaced = scene.chain.bitcoind.reorganise(DEPTH - 1).unwrap();
    scene.chain.bring_headers().await.unwrap();
    let question = json!({ "header": { "height": tip } });
    let known = scene.chain.ask_light(&question).await.unwrap();
    assert_eq!(known["hash"], replaced[2].to_string());

    let status = scene.mesh.status().await.unwrap();
    assert_eq!(status["tip"], tip + 1);
    assert_eq!(
        (&status["unwinding"], &status["frozen_until"]),
        (&json!(false), &json!(null))
    );
    scene.chain.mine(CHALLENGE).await.unwrap();
    scene.mesh.execute(stake[0].activation()).await.unwrap();
    assert_eq!(
        scene.known(&stake[0]).await["status"],
        json!({ "active": {} })
    );
}

async fn a_deep_one_is_unwound_and_activations_thaw(scene: &Scene<'_>) {
    let (chain, mesh) = (scene.chain, &scene.mesh);
    let undone = [scene.sign(0, LONG)];
    scene.bury(&undone).await;
    mesh.execute(scene.shown(&undone[0])).await.unwrap();
    let start = scene.known(&undone[0]).await["start"].as_u64().unwrap();
    chain.bitcoind.reorganise(DEPTH + 1).unwrap();
    chain.bring_headers().await.unwrap();
    let first = "a reorganisation of Bitcoin undid blocks that were believed: send unwind first";
    assert_eq!(refusal(mesh.execute(undone[0].activation()).await), first);
    assert_eq!(
        refusal(scene.roll().await),
        "what a reorganisation of Bitcoin undid must be unwound first: send unwind"
    );

    let unwound = mesh
        .execute(json!({ "unwind": { "limit": 100 } }))
        .await
        .unwrap();
    assert_eq!(told(&unwound, "unwind", "undone"), "1");
    assert_eq!(told(&unwound, "unwind", "done"), "true");
    assert_eq!(
        scene.known(&undone[0]).await["status"],
        json!({ "unproven": {} })
    );
    scene.roll().await.unwrap();
    let tip = scene.status("tip").await;
    assert_eq!(tip, start + DEPTH + 1);
    assert_eq!(
        refusal(mesh.execute(undone[0].activation()).await),
        format!(
            "after a deep reorganisation of Bitcoin nothing is activated below height {}, the tip is {tip}",
            tip + THAW
        )
    );

    // It went back to the mempool, and is in another block now.
    chain.mine(1 + DEPTH).await.unwrap();
    mesh.execute(scene.shown(&undone[0])).await.unwrap();
    let anew = scene.known(&undone[0]).await;
    assert_eq!(anew["start"], tip + 1);
    chain.mine(CHALLENGE).await.unwrap();
    mesh.execute(undone[0].activation()).await.unwrap();
    assert_eq!(
        scene.known(&undone[0]).await["status"],
        json!({ "active": {} })
    );
}
