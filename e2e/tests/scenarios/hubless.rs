//! `btc-staker stake --share`: stakes on partner chains alone. A bitcoind, a `wasmd` with two instances of `btc-mesh`, three
//! `covenant` processes, and no hub anywhere.

mod endings;
mod foreign;
mod handed;
mod refusals;
mod replaced;
mod rewards;
mod scene;
mod survival;

use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEPTH, PartnerChain, Provider, UNBONDING};

use super::staking::partners::each;
use scene::{DEADLINE, Scene, VALUE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_without_a_hub_counts_on_two_chains_and_comes_back() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    a_summary_says_what_is_at_risk_and_does_nothing(&scene).await;

    let mut staking = scene.program.start(&scene.stake(&[])).unwrap();
    let stake = scene.only_stake().await;
    let confirming = scene
        .program
        .wait_for_state(stake, "confirming", DEADLINE)
        .await
        .unwrap();
    assert!(confirming["covenant_signatures"].as_u64() >= Some(2));
    assert_eq!(
        states(&confirming),
        ["unknown", "unknown"],
        "nobody is shown a stake that is not deep"
    );
    chain.mine(1 + DEPTH).await.unwrap();
    staking
        .wait_for_line("may show that it was spent", DEADLINE)
        .await
        .unwrap();
    let pending = scene.program.status(stake).await.unwrap();
    assert_eq!(states(&pending), ["pending", "pending"], "{pending}");
    chain.mine(CHALLENGE).await.unwrap();
    let ended = staking.ended(DEADLINE).await.unwrap();
    assert!(ended.success(), "{}", staking.output().unwrap());
    let active = scene.program.status(stake).await.unwrap();
    assert_eq!(active["state"], "active", "{active}");
    assert_eq!(states(&active), ["active", "active"]);
    let exposure = scene.exposure().await;
    assert_eq!(exposure["counted_by_babylon"], false, "{exposure}");
    assert_eq!(exposure["signed_consent"], 1);
    assert_eq!(
        each(&exposure, "weight_sat"),
        [VALUE / 10 * 6, VALUE / 10 * 4]
    );
    its_shares_are_in_the_first_tables(&scene).await;
    a_restored_home_finds_it(&scene).await;
    it_is_taken_back_from_every_chain(&scene).await;
    it_is_unbonded_and_withdrawn(&scene).await;
}

async fn a_summary_says_what_is_at_risk_and_does_nothing(scene: &Scene<'_>) {
    let arguments = scene.stake(&["--dry-run"]);
    let shown = scene.program.command(&arguments).await.unwrap();
    let shown = shown.result().unwrap();
    let summary = &shown["summary"];
    assert_eq!(shown["stake"], Value::Null);
    let whole = scene.stake_with(&["--chain", "x", "--dry-run"]);
    let whole = scene.program.command(&whole).await.unwrap();
    let whole = &whole.result().unwrap()["summary"]["shares"];
    assert_eq!(whole.as_array().unwrap().len(), 1, "{whole}");
    assert_eq!(whole[0]["weight_sat"], VALUE, "{whole}");
    assert_eq!(summary["penalty"]["slashed_sat"], VALUE / 10, "{summary}");
    assert_eq!(summary["consent_number"], 1);
    assert_eq!(summary["covenant_quorum"], 2);
    let shares = summary["shares"].as_array().unwrap();
    let parts: Vec<_> = shares
        .iter()
        .map(|share| {
            (
                &share["chain"],
                &share["basis_points"],
                &share["weight_sat"],
            )
        })
        .collect();
    let (x, y) = (json!("x"), json!("y"));
    assert_eq!(
        parts,
        [
            (&x, &json!(6_000), &json!(VALUE / 10 * 6)),
            (&y, &json!(4_000), &json!(VALUE / 10 * 4))
        ]
    );
    assert_eq!(scene.stakes().await, Vec::<Value>::new());
}

/// The numbers are those of the design's scenarios 1 and 2.
async fn its_shares_are_in_the_first_tables(scene: &Scene<'_>) {
    for (mesh, share) in scene.meshes.iter().zip([6, 4]) {
        let provider = Provider::new(mesh.domain(), scene.provider.clone()).unwrap();
        mesh.execute(provider.commit(1).unwrap()).await.unwrap();
        mesh.govern(json!({ "start": {} })).await.unwrap();
        let table = mesh.table(0).await.unwrap();
        let weights: Vec<_> = table.entries().iter().map(|entry| entry.weight).collect();
        assert_eq!(weights, [VALUE / 10 * share]);
    }
}

/// The machine is lost; the words are not. What chains know of the stake is enough to end it.
async fn a_restored_home_finds_it(scene: &Scene<'_>) {
    let restored = scene.restored().await;
    let list = restored.command(&["list"]).await.unwrap().result().unwrap();
    let stakes = list["stakes"].as_array().unwrap();
    assert_eq!(stakes.len(), 1, "{list}");
    assert_eq!(stakes[0]["state"], "active", "{list}");
    assert_eq!(stakes[0]["covenant_signatures"], 2, "{list}");
}

/// The coins stay where they are, and no chain counts them.
async fn it_is_taken_back_from_every_chain(scene: &Scene<'_>) {
    let stake = scene.only_stake().await;
    let id = stake.to_string();
    let revoke = async |more: &[&str]| {
        let arguments = [&["restake", &id, "--revoke"], more].concat();
        scene.program.command(&arguments).await.unwrap()
    };
    let both = revoke(&["--share", "x=1", "--yes"]).await;
    assert_eq!(both.status().code(), Some(2), "{}", both.stdout());
    let shown = revoke(&["--dry-run"]).await.result().unwrap();
    let summary = &shown["summary"];
    assert_eq!(summary["revokes"], true, "{summary}");
    assert_eq!(summary["shares"], json!([]));
    assert_eq!(summary["without_share"], json!(["x", "y"]));
    assert_eq!(summary["penalty_sat"], VALUE / 10);
    assert_eq!(weights(scene).await, [VALUE / 10 * 6, VALUE / 10 * 4]);

    let revoked = revoke(&["--yes"]).await.result().unwrap();
    let told = ["consent-shown", "consent-shown"];
    assert_eq!(each(&revoked, "outcome"), told, "{revoked}");
    assert_eq!(weights(scene).await, [0, 0]);
    let exposure = scene.exposure().await;
    assert_eq!(each(&exposure, "weight_sat"), [0, 0]);
    assert_eq!(each(&exposure, "increase"), [Value::Null, Value::Null]);
    for shared_with in each(&exposure, "shared_with") {
        assert_eq!(shared_with[0]["chain"], "nobody", "{exposure}");
    }
    let ended = scene.program.status(stake).await.unwrap();
    assert_eq!(ended["state"], "ended", "{ended}");
    let again = revoke(&["--yes"]).await.result().unwrap();
    assert_eq!(again["consent_number"], revoked["consent_number"]);
    assert_eq!(each(&again, "outcome"), ["unchanged", "unchanged"]);
}

/// What the provider's stakes count on each chain, sat.
async fn weights(scene: &Scene<'_>) -> Vec<Value> {
    let mut weights = Vec::new();
    for mesh in &scene.meshes {
        let key = scene.provider.public_key().to_string();
        let question = json!({ "provider": { "pk": key } });
        let provider = mesh.query(question).await.unwrap();
        weights.push(provider["sats"].clone());
    }
    weights
}

async fn it_is_unbonded_and_withdrawn(scene: &Scene<'_>) {
    let stake = scene.only_stake().await.to_string();
    let mut unbonding = scene.program.start(&["unbond", &stake, "--yes"]).unwrap();
    let waits = "a block with the unbonding transaction";
    unbonding.wait_for_line(waits, DEADLINE).await.unwrap();
    scene.chain.mine(1 + DEPTH).await.unwrap();
    let ended = unbonding.ended(DEADLINE).await.unwrap();
    assert!(ended.success(), "{}", unbonding.output().unwrap());
    let unbonded = scene.program.status(stake.parse().unwrap()).await.unwrap();
    assert_eq!(unbonded["state"], "unbonded", "{unbonded}");
    assert_eq!(
        states(&unbonded),
        ["spent", "spent"],
        "the chains were told"
    );

    let early = ["withdraw", &stake, "--yes"];
    let early = scene.program.command(&early).await.unwrap();
    assert_eq!(early.error().unwrap()["code"], "too-early");
    scene.chain.mine(UNBONDING.into()).await.unwrap();
    let withdraw = ["withdraw", &stake, "--yes", "--no-wait"];
    let withdraw = scene.program.command(&withdraw).await.unwrap();
    withdraw.result().unwrap();
    scene.chain.mine(1).await.unwrap();
    let withdrawn = scene.program.status(stake.parse().unwrap()).await.unwrap();
    assert_eq!(withdrawn["state"], "withdrawn", "{withdrawn}");
}

/// Where the stake stands on each chain.
fn states(status: &Value) -> Vec<Value> {
    let chains = status["partner_chains"].as_array().unwrap().iter();
    chains.map(|chain| chain["state"].clone()).collect()
}
