//! How a stake ends: shown late, shown in time, shown by nobody, and before it ever counted.

use bitcoin::Transaction;
use bitcoin::consensus::serialize;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEPTH, GRACE, PartnerChain, Stake, base64, params};

use crate::rewards::rewards;
use crate::scene::{Scene, VALUE, accepted, all_told, refusal, told};

/// The shortest timelock, and the unbonding time in it.
const SHORT: u16 = 110;
const UNBONDING_TIME: u64 = 100;

fn report(scene: &Scene<'_>, stake: &Stake, spend: &Transaction) -> Value {
    json!({ "report_spend": {
        "outpoint": stake.outpoint().to_string(),
        "tx": base64(serialize(spend)),
        "vin": 0,
        "inclusion": scene.chain.inclusion(spend.compute_txid()).unwrap(),
    }})
}

pub(crate) async fn s20_a_spend_ends_a_stake_and_silence_forfeits_its_rewards(
    chain: &PartnerChain,
) {
    let (scene, stakes) = Scene::started(chain, &params(), 3).await;
    let mesh = &scene.mesh;
    scene.finish_epoch(&[0, 1, 2]).await;
    mesh.fund(3_000_000).await.unwrap();
    let settle = json!({ "settle": { "epoch": 0, "limit": 100 } });
    mesh.execute(settle).await.unwrap();
    let outpoints: Vec<_> = stakes[..2]
        .iter()
        .map(|stake| stake.outpoint().to_string())
        .collect();
    mesh.execute(json!({ "claim": { "outpoints": outpoints } }))
        .await
        .unwrap();
    for stake in &stakes[..2] {
        assert_eq!(scene.known(stake).await["unvested"], "900000");
    }

    let [secret, prompt] = [&stakes[0], &stakes[1]].map(|stake| stake.unbonding().unwrap());
    chain.confirm(&[&secret], DEPTH - 1).await.unwrap();
    let early = report(&scene, &stakes[0], &secret);
    let height = early["report_spend"]["inclusion"]["height"]
        .as_u64()
        .unwrap();
    assert_eq!(
        refusal(mesh.execute(early.clone()).await),
        format!("the block at height {height} is 3 deep, it is believed from 4 on")
    );
    let mut foreign = early.clone();
    foreign["report_spend"]["outpoint"] = json!(stakes[2].outpoint().to_string());
    chain.mine(GRACE + 1 - (DEPTH - 1)).await.unwrap();
    assert_eq!(
        refusal(mesh.execute(foreign).await),
        format!(
            "input 0 of transaction {} does not spend {}",
            secret.compute_txid(),
            stakes[2].outpoint()
        )
    );
    let before = chain.anybody.balance(chain.anybody.account().unwrap());
    let before = before.await.unwrap();
    let reported = mesh.execute(early.clone()).await.unwrap();
    assert_eq!(told(&reported, "report_spend", "bounty"), "90000");
    let after = chain.anybody.balance(chain.anybody.account().unwrap());
    assert_eq!(after.await.unwrap(), before + 90_000);
    let spent = scene.known(&stakes[0]).await;
    assert_eq!(
        spent["status"],
        json!({ "ended": { "reason": { "spent": { "height": height } } } })
    );
    assert_eq!(
        (&spent["unvested"], &spent["weight"]),
        (&json!("0"), &json!(0))
    );
    let ended = format!("Spent {{ height: {height} }}");
    assert_eq!(
        refusal(mesh.execute(early).await),
        format!("the stake at {} has ended ({ended})", stakes[0].outpoint())
    );
    assert_eq!(
        refusal(mesh.execute(scene.shown(&stakes[0])).await),
        format!(
            "the stake at {} is known already (Ended {{ reason: {ended} }}); it is shown once",
            stakes[0].outpoint()
        )
    );

    chain.confirm(&[&prompt], GRACE).await.unwrap();
    let reported = mesh.execute(report(&scene, &stakes[1], &prompt)).await;
    assert_eq!(all_told(&reported.unwrap(), "report_spend", "bounty"), [""]);
    assert_eq!(scene.known(&stakes[1]).await["unvested"], "900000");

    // Credited were three times 1,000,000; what was forfeited is in the pot again, but for the bounty.
    assert_eq!(rewards(&scene).await, [2_100_000, 810_000, 90_000]);
    // The table in force knows nothing of it; the next one does.
    assert_eq!(scene.weights(1).await, [(0, VALUE), (1, VALUE), (2, VALUE)]);
    scene.finish_epoch(&[0, 1, 2]).await;
    assert_eq!(scene.weights(2).await, [(2, VALUE)]);
}

pub(crate) async fn s21_a_stake_ends_by_itself_when_nobody_reports(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 3).await;
    let mesh = &scene.mesh;
    scene.finalise_up_to_the_last(&[0, 1, 2]).await;
    let short = [0; 3].map(|provider| scene.sign(provider, SHORT));
    scene.activate_new(&short).await;
    assert_eq!(scene.sats(0).await, 4 * VALUE);
    let known = scene.known(&short[0]).await;
    let start = known["start"].as_u64().unwrap();
    let expires = start + u64::from(SHORT) - UNBONDING_TIME;
    assert_eq!(known["expires"], expires);

    chain
        .mine(expires - 1 - (start + DEPTH + CHALLENGE))
        .await
        .unwrap();
    let early = mesh
        .execute(json!({ "expire": { "limit": 2 } }))
        .await
        .unwrap();
    assert_eq!(told(&early, "expire", "expired"), "0");
    chain.mine(1).await.unwrap();
    // In pages, and no table is made in between.
    for expired in ["2", "1"] {
        assert_eq!(
            refusal(scene.roll().await),
            "stakes whose time is over must end first: send expire"
        );
        let executed = mesh
            .execute(json!({ "expire": { "limit": 2 } }))
            .await
            .unwrap();
        assert_eq!(told(&executed, "expire", "expired"), expired);
    }
    scene.finish_epoch(&[0, 1, 2]).await;
    assert_eq!(scene.weights(1).await, [(0, VALUE), (1, VALUE), (2, VALUE)]);
    let ended = json!({ "ended": { "reason": { "expired": {} } } });
    assert_eq!(scene.known(&short[2]).await["status"], ended);
}

pub(crate) async fn s28_a_stake_spent_before_it_was_shown_never_counts(chain: &PartnerChain) {
    let (scene, _) = Scene::started(chain, &params(), 1).await;
    let mesh = &scene.mesh;
    let stake = [scene.sign(0, 1_000)];
    let unbonding = stake[0].unbonding().unwrap();
    chain.confirm(&[&stake[0].transaction], 0).await.unwrap();
    chain.confirm(&[&unbonding], DEPTH).await.unwrap();
    // To a proof of inclusion it looks perfect.
    mesh.execute(scene.shown(&stake[0])).await.unwrap();
    let since = scene.status("tip").await;
    assert_eq!(
        scene.known(&stake[0]).await["status"],
        json!({ "pending": { "since": since } })
    );
    let reported = mesh.execute(report(&scene, &stake[0], &unbonding)).await;
    accepted(vec![reported]);
    chain.mine(CHALLENGE).await.unwrap();
    let refused = refusal(mesh.execute(stake[0].activation()).await);
    assert!(refused.contains("has ended (Spent { height: "), "{refused}");
    assert_eq!(scene.sats(0).await, VALUE);
}
