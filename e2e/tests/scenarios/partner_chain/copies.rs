//! Messages that somebody else copied, and randomness that is not in the table.

use mesh_core::Domain;
use serde_json::{Value, json};
use testenv::partner_chain::{PartnerChain, Provider, params};

use super::scene::{Scene, VALUE, fresh_key, refusal, told, vote_refusals, votes};

/// A message with one field changed.
fn changed(message: &Value, pointer: &str, value: Value) -> Value {
    let mut message = message.clone();
    *message.pointer_mut(pointer).unwrap() = value;
    message
}

pub(crate) async fn s36_copied_messages_serve_nobody_else(chain: &PartnerChain) {
    let key = [fresh_key()];
    let scene = Scene::with_providers(chain, &params(), &key).await;
    let elsewhere = Scene::with_providers(chain, &params(), &key).await;
    let mesh = &scene.mesh;
    let [here, there] = [&scene.providers[0], &elsewhere.providers[0]];
    let pk = here.public_key().to_string();
    let thief = json!(chain.anybody.account().unwrap().text());
    let registration = |provider: &Provider, seq| {
        provider
            .registration(seq, scene.operator.text(), 1_000)
            .unwrap()
    };
    let (next, next_commit) = (registration(here, 2), here.commit(2).unwrap());
    let used = "seq is 1, it must be above 1, the last one";
    let unsigned =
        format!("the signature is not provider {pk}'s of this message for this instance");
    let unsigned = unsigned.as_str();
    for (message, words) in [
        (registration(here, 1), used),
        (registration(there, 2), unsigned),
        (
            changed(&next, "/register_provider/operator", thief.clone()),
            unsigned,
        ),
        (
            changed(&next, "/register_provider/commission", json!(0)),
            unsigned,
        ),
        (changed(&next, "/register_provider/seq", json!(3)), unsigned),
        (here.commit(1).unwrap(), used),
        (there.commit(2).unwrap(), unsigned),
        (changed(&next_commit, "/commit/start", json!(1)), unsigned),
        (changed(&next_commit, "/commit/seq", json!(3)), unsigned),
    ] {
        assert_eq!(refusal(mesh.execute(message).await), words);
    }
    // Relayed unchanged, by whomever.
    mesh.govern(next).await.unwrap();
    mesh.execute(next_commit).await.unwrap();
    let known = mesh
        .query(json!({ "provider": { "pk": pk } }))
        .await
        .unwrap();
    assert_eq!(known["operator"], scene.operator.text());
    assert_eq!(
        (&known["registration_seq"], &known["commit_seq"]),
        (&json!(2), &json!(2))
    );

    let stake = [scene.sign(0, 1_000)];
    scene.bury(&stake).await;
    let shown = scene.shown(&stake[0]);
    let stolen = changed(&shown, "/stake/consent/shares/0/reward_address", thief);
    let unsigned = format!(
        "the consent is not signed by staker {} for this stake",
        stake[0].delegation.keys().staker()
    );
    assert_eq!(refusal(mesh.execute(stolen).await), unsigned);
    let renumbered = changed(&shown, "/stake/consent/seq", json!(2));
    assert_eq!(refusal(mesh.execute(renumbered).await), unsigned);
    mesh.govern(shown).await.unwrap();
    let rewards = &scene.known(&stake[0]).await["reward_address"];
    assert_eq!(rewards, scene.rewards.text());
}

pub(crate) async fn s18_only_the_randomness_in_the_table_counts(chain: &PartnerChain) {
    let (mut scene, _) = Scene::started(chain, &params(), 1).await;
    let honest = scene.providers[0].clone();
    let domain = scene.mesh.domain();
    let secret = honest.secret().clone();
    let other = Provider::with_randomness_of(domain, secret, Domain::from_bytes([7; 32])).unwrap();
    scene.mesh.execute(other.commit(2).unwrap()).await.unwrap();
    let outside = "the proof does not lead to the commitment";

    let first = scene.mesh.checkpoint(0).await.unwrap();
    let vote = votes(&[other.vote(&first).unwrap()]);
    let refused = vote_refusals(&scene.mesh.execute(vote).await.unwrap());
    assert!(refused[0].contains(outside), "{refused:?}");
    scene.finish_epoch(&[0]).await;

    let fifth = scene.mesh.checkpoint(4).await.unwrap();
    let vote = votes(&[honest.vote(&fifth).unwrap()]);
    let refused = vote_refusals(&scene.mesh.execute(vote).await.unwrap());
    assert!(refused[0].contains(outside), "{refused:?}");
    scene.providers[0] = other;
    assert_eq!(scene.finalise_next(&[0]).await, 4);
    assert_eq!(scene.weights(1).await, [(0, VALUE)]);

    // Under the table that every fork shares a second vote gives the key away.
    let second = scene.providers[0].vote_for(&fifth, &[0x99; 32]).unwrap();
    let executed = scene.mesh.execute(votes(&[second])).await.unwrap();
    let pk = honest.public_key().to_string();
    assert_eq!(told(&executed, "slashed", "pk"), pk);
}
