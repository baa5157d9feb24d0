//! Votes that are missing: nothing shrinks to make up for them, and only governance goes on without.

use bitcoin::hex::DisplayHex as _;
use chain::wasm::Executed;
use serde_json::{Value, json};
use testenv::partner_chain::{PartnerChain, Provider, params};

use super::scene::{Scene, VALUE, all_told, fresh_key, refusal, told, vote_refusals};

fn slash(provider: &Provider, secret: &eots::SecretKey) -> Value {
    json!({ "slash": {
        "pk": provider.public_key().to_string(),
        "sk": secret.to_bytes().to_lower_hex_string(),
    }})
}

fn finals(executed: &Executed) -> Vec<String> {
    all_told(executed, "final", "k")
}

pub(crate) async fn s27_a_slash_shrinks_no_total(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 4).await;
    let mesh = &scene.mesh;
    scene.vote(0, &[0, 1]).await;
    let [voter, absent] = [&scene.providers[0], &scene.providers[3]];
    assert_eq!(
        refusal(mesh.execute(slash(voter, &fresh_key())).await),
        format!(
            "the key shown is not that of provider {}",
            voter.public_key()
        )
    );
    for provider in [voter, absent] {
        let slashed = mesh.execute(slash(provider, provider.secret())).await;
        let pk = provider.public_key().to_string();
        assert_eq!(told(&slashed.unwrap(), "slashed", "pk"), pk);
    }
    // Of the two that are left, two voted; of the table, half.
    let poked = mesh.execute(json!({ "poke": {} })).await.unwrap();
    assert_eq!(finals(&poked), [""; 0]);
    let tally = mesh.query(json!({ "tally": { "k": 0 } })).await.unwrap();
    assert_eq!(
        (&tally["tallies"][0]["weight"], &tally["total"]),
        (&json!(2 * VALUE), &json!(4 * VALUE))
    );
    let late = scene.vote(0, &[3]).await;
    assert_eq!(vote_refusals(&late), ["the provider was slashed"]);
    assert_eq!(finals(&late), [""; 0]);
    // The vote that was counted before the slash still is.
    assert_eq!(finals(&scene.vote(0, &[2]).await), ["0"]);
}

pub(crate) async fn s24_a_stall_ends_by_a_recorded_decision(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 4).await;
    let mesh = &scene.mesh;
    scene.vote(0, &[0, 1]).await;
    let hash = mesh.checkpoint(0).await.unwrap().hash;
    let hash = hash.to_lower_hex_string();
    let keys: Vec<_> = scene
        .providers
        .iter()
        .map(|provider| provider.public_key().to_string())
        .collect();
    let resume =
        |exclude: &[String]| json!({ "resume": { "hash": hash, "exclude": exclude, "drop": [] } });
    assert_eq!(
        refusal(mesh.govern(resume(&keys[2..])).await),
        "the last checkpoint became final 0 Bitcoin blocks ago, a resume needs 2"
    );
    chain.mine(2).await.unwrap();
    let governance = chain.governance.account().unwrap();
    assert_eq!(
        refusal(mesh.execute(resume(&keys[2..])).await),
        format!(
            "only governance, {governance}, may do this; {} is somebody else",
            chain.anybody.account().unwrap()
        )
    );
    assert_eq!(
        refusal(mesh.govern(resume(&keys[..1])).await),
        format!(
            "provider {} voted for checkpoint 0, so it cannot be excluded",
            keys[0]
        )
    );
    let resumed = mesh.govern(resume(&keys[2..])).await.unwrap();
    assert_eq!(told(&resumed, "begin", "era"), "1");
    let decreed = mesh
        .query(json!({ "finalized": { "k": 0 } }))
        .await
        .unwrap();
    assert_eq!(
        (&decreed["decreed"], &decreed["hash"], &decreed["voted"]),
        (&json!(true), &json!(hash), &json!(0))
    );
    let resumes = mesh.query(json!({ "resumes": {} })).await.unwrap();
    let recorded = json!([{ "era": 1, "k": 0, "hash": hash, "height": resumed.height.0 }]);
    assert_eq!(resumes["resumes"], recorded);

    // Nobody is asked to sign the decreed one again: the next one is another checkpoint.
    assert_eq!(scene.weights(1).await, [(0, VALUE), (1, VALUE)]);
    assert_eq!(scene.finalise_next(&[0, 1]).await, 1);
    let voted = mesh
        .query(json!({ "finalized": { "k": 1 } }))
        .await
        .unwrap();
    assert_eq!(
        (&voted["decreed"], &voted["era"]),
        (&json!(false), &json!(1))
    );
}
