//! How a stake ends: shown late, shown in time, shown by nobody, and before it ever counted.

use bitcoin::{Amount, Transaction};
use bitcoincore_rpc::RpcApi as _;
use chain::wasm::Contracts;
use serde_json::json;
use testenv::partner_chain::{CHALLENGE, DEPTH, GRACE, PartnerChain, Stake, UNBONDING, params};
use testenv::scenario::Committee;

use super::rewards::rewards;
use super::scene::{LONG, Scene, VALUE, all_told, fresh_key, refusal, told};

/// The shortest timelock.
const SHORT: u16 = 110;

/// What an expansion adds to a stake, sat.
const MORE: u64 = 50_000;

/// Five providers with one stake each, whose rewards of 900,000 begin to vest.
async fn rewarded(chain: &PartnerChain) -> (Scene<'_>, Vec<Stake>) {
    let keys: Vec<_> = (0..5).map(|_| fresh_key()).collect();
    let mut scene = Scene::with_providers(chain, &params(), &keys).await;
    scene.rewards = chain.staker.account().unwrap().clone();
    let stakes = scene.one_stake_each().await;
    let mesh = &scene.mesh;
    mesh.govern(json!({ "start": {} })).await.unwrap();
    scene.finish_epoch(&[0, 1, 2, 3, 4]).await;
    mesh.fund(5_000_000).await.unwrap();
    let settle = json!({ "settle": { "epoch": 0, "limit": 100 } });
    mesh.execute(settle).await.unwrap();
    let outpoints = stakes.iter().map(|stake| stake.outpoint().to_string());
    let outpoints: Vec<_> = outpoints.collect();
    let claim = json!({ "claim": { "outpoints": outpoints } });
    mesh.execute(claim).await.unwrap();
    for stake in &stakes {
        assert_eq!(scene.known(stake).await["unvested"], "900000");
    }
    (scene, stakes)
}

pub(crate) async fn s20_a_spend_ends_a_stake_and_silence_forfeits_its_rewards(
    chain: &PartnerChain,
) {
    let (scene, stakes) = rewarded(chain).await;
    let mesh = &scene.mesh;
    let [watched, own, prompt] = [0, 1, 3].map(|number: usize| stakes[number].unbonding().unwrap());
    let value = Amount::from_sat(VALUE + MORE);
    let expanded = stakes[2].expand(&chain.bitcoind, &Committee::of_three(), value);
    let expanded = expanded.unwrap();
    let secret = [&watched, &own, &expanded.transaction];
    chain.confirm(&secret, DEPTH - 1).await.unwrap();
    let early = scene.report(&stakes[0], &watched);
    let height = &early["report_spend"]["inclusion"]["height"];
    assert_eq!(
        refusal(mesh.execute(early.clone()).await),
        format!("the block at height {height} is 3 deep, it is believed from 4 on")
    );
    chain.mine(GRACE + 1 - (DEPTH - 1)).await.unwrap();
    assert_eq!(
        refusal(mesh.execute(scene.report(&stakes[4], &watched)).await),
        format!(
            "input 0 of transaction {} does not spend {}",
            watched.compute_txid(),
            stakes[4].outpoint()
        )
    );

    // A staker who reports himself gets no more of it back than whoever watches.
    for (reporter, stake, spend) in [
        (&chain.anybody, &stakes[0], &watched),
        (&chain.staker, &stakes[1], &own),
        (&chain.anybody, &stakes[2], &expanded.transaction),
    ] {
        silence_is_reported(&scene, reporter, stake, spend).await;
    }
    // What a stake was expanded to is another one.
    mesh.execute(scene.shown(&expanded)).await.unwrap();

    chain.confirm(&[&prompt], GRACE).await.unwrap();
    let reported = mesh.execute(scene.report(&stakes[3], &prompt)).await;
    assert_eq!(all_told(&reported.unwrap(), "report_spend", "bounty"), [""]);
    assert_eq!(scene.known(&stakes[3]).await["unvested"], "900000");
    mesh.execute(expanded.activation()).await.unwrap();

    // Credited were five times 1,000,000; what was forfeited is in the pot again, but for the bounties.
    assert_eq!(rewards(&scene.mesh).await, [2_300_000, 2_430_000, 270_000]);
    // The table in force knows nothing of it; the next one does.
    let all = [0, 1, 2, 3, 4];
    assert_eq!(scene.weights(1).await, all.map(|number| (number, VALUE)));
    scene.finish_epoch(&all).await;
    assert_eq!(scene.weights(2).await, [(2, VALUE + MORE), (4, VALUE)]);
}

/// All that had not vested is forfeited, and a tenth of it is the reporter's, once.
async fn silence_is_reported(
    scene: &Scene<'_>,
    reporter: &Contracts,
    stake: &Stake,
    spend: &Transaction,
) {
    let (chain, mesh) = (scene.chain, &scene.mesh);
    let report = scene.report(stake, spend);
    let height = &report["report_spend"]["inclusion"]["height"];
    let account = reporter.account().unwrap();
    let before = reporter.balance(account).await.unwrap();
    let reported = chain.tell(reporter, mesh.address(), &report, 0).await;
    assert_eq!(told(&reported.unwrap(), "report_spend", "bounty"), "90000");
    let after = reporter.balance(account).await.unwrap();
    assert_eq!(after, before + 90_000);
    let known = scene.known(stake).await;
    assert_eq!(
        known["status"],
        json!({ "ended": { "reason": { "spent": { "height": height } } } })
    );
    assert_eq!(
        (&known["unvested"], &known["weight"]),
        (&json!("0"), &json!(0))
    );

    let ended = format!("Spent {{ height: {height} }}");
    let again = chain.tell(reporter, mesh.address(), &report, 0).await;
    assert_eq!(
        refusal(again),
        format!("the stake at {} has ended ({ended})", stake.outpoint())
    );
    assert_eq!(
        refusal(mesh.execute(scene.shown(stake)).await),
        format!(
            "the stake at {} is known already (Ended {{ reason: {ended} }}); it is shown once",
            stake.outpoint()
        )
    );
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
    let expires = start + u64::from(SHORT - UNBONDING);
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

pub(crate) async fn s28_a_stake_withdrawn_before_it_was_shown_never_counts_if_it_is_reported(
    chain: &PartnerChain,
) {
    let scene = Scene::with_providers(chain, &params(), &[fresh_key()]).await;
    let mesh = &scene.mesh;
    let stakes = [scene.sign(0, LONG), scene.sign(0, LONG)];
    let unbondings = stakes.each_ref().map(|stake| stake.unbonding().unwrap());
    let withdrawals = stakes.each_ref().map(|stake| stake.withdrawal().unwrap());
    let staked = stakes.each_ref().map(|stake| &stake.transaction);
    chain.confirm(&staked, 0).await.unwrap();
    let blocks = u64::from(UNBONDING) - 1;
    chain.confirm(&unbondings.each_ref(), blocks).await.unwrap();
    chain.confirm(&withdrawals.each_ref(), 0).await.unwrap();
    for unbonding in &unbondings {
        let txid = unbonding.compute_txid();
        let left = chain.bitcoind.rpc().get_tx_out(&txid, 0, Some(true));
        assert_eq!(left.unwrap(), None, "nothing is left to slash");
    }

    // To a proof of inclusion they look perfect.
    let since = scene.status("tip").await;
    for stake in &stakes {
        mesh.execute(scene.shown(stake)).await.unwrap();
        let pending = json!({ "pending": { "since": since } });
        assert_eq!(scene.known(stake).await["status"], pending);
    }
    let [reported, unreported] = &stakes;
    mesh.execute(scene.report(reported, &unbondings[0]))
        .await
        .unwrap();
    chain.mine(CHALLENGE).await.unwrap();
    let refused = refusal(mesh.execute(reported.activation()).await);
    assert!(refused.contains("has ended (Spent { height: "), "{refused}");
    assert_eq!(scene.sats(0).await, 0);
    // Nothing but a report, and the providers' own nodes, keeps this one out.
    mesh.execute(unreported.activation()).await.unwrap();
    assert_eq!(scene.sats(0).await, VALUE);
    mesh.execute(scene.report(unreported, &unbondings[1]))
        .await
        .unwrap();
    assert_eq!(scene.sats(0).await, 0);
}
