//! The life of stakes made with `btc-staker` on real nodes. The committee signs through the library or with the
//! `covenant` program; headers are brought by the test.

mod imported;
pub(crate) mod partners;
mod refusals;
mod reporting;
mod restake;
mod scene;
mod survival;

use std::path::Path;

use bitcoincore_rpc::RpcApi as _;
use chain::{Chain as _, DelegationStatus};
use serde_json::Value;
use staking::delegation::SlashedOutput;
use testenv::BabylondSettings;
use testenv::programs::{BtcStakerProgram, CovenantProgram};
use testenv::scenario::{DEADLINE, Stage};

pub(crate) use partners::absent;
use scene::{COIN, Scene, TINY, refused, result, resume, stake, txid};

#[tokio::test]
async fn s02_a_pre_approved_stake_reaches_active() {
    let scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(1).await;
    let provider = scene.provider.to_string();
    let mut members = Vec::new();
    for secret in &scene.stage.committee.secrets()[..2] {
        members.push(
            CovenantProgram::member(&scene.stage.babylond, secret)
                .await
                .unwrap(),
        );
    }

    let mut staking = holder.start(&stake(&provider, &[])).unwrap();
    staking
        .wait_for_line("0 of 2 signatures", DEADLINE)
        .await
        .unwrap();
    let [txid] = scene.registered(1).await[..] else {
        panic!("one stake")
    };
    let first = members[0].start().unwrap();
    staking
        .wait_for_line("1 of 2 signatures", DEADLINE)
        .await
        .unwrap();
    assert_eq!(
        scene.mempool(),
        [],
        "nothing is broadcast before the quorum has signed"
    );
    let status = holder.status(txid).await.unwrap();
    assert_eq!(status["state"], "pending");
    assert_eq!(status["covenant_signatures"], 1);

    let second = members[1].start().unwrap();
    staking
        .wait_for_line("waiting for a block with the staking transaction", DEADLINE)
        .await
        .unwrap();
    assert_eq!(scene.mempool(), [txid]);
    scene.stage.bitcoind.mine(3).unwrap();
    staking
        .wait_for_line("the chain to hear of", DEADLINE)
        .await
        .unwrap();
    scene.stage.bring_headers().await.unwrap();

    assert!(staking.ended(DEADLINE).await.unwrap().success());
    let staked = result(&staking);
    assert_eq!(staked["stake"]["state"], "active", "{staked}");
    assert_eq!(staked["summary"]["staking_txid"], txid.to_string());
    assert_eq!(scene.chain_status(txid).await, DelegationStatus::Active);
    drop((first, second));
}

#[tokio::test]
async fn s03_s08_several_stakes_are_under_way_at_once_with_every_kind_of_proof() {
    let scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(4).await;
    let provider = scene.provider.to_string();
    let mut staking = Vec::new();
    for kind in ["bip340", "bip322", "ecdsa"] {
        let program = holder
            .program()
            .unwrap()
            .args(["--json", "--log-level", "info"]);
        let program = program
            .env("BTC_STAKER__STAKING__PROOF_OF_POSSESSION", kind)
            .args(stake(&provider, &[]));
        staking.push(program.start().unwrap());
    }
    for process in &mut staking {
        process
            .wait_for_line("0 of 2 signatures", DEADLINE)
            .await
            .unwrap();
    }
    // No coin is in two stakes.
    let balance = holder.command(&["wallet", "balance"]).await.unwrap();
    let balance = balance.result().unwrap();
    assert_eq!(balance["confirmed_sat"], COIN.to_sat());
    assert_eq!(balance["reserved_sat"], 3 * COIN.to_sat());

    // A fourth one is given up again; its coin is free.
    let txids = scene.registered(3).await;
    let given_up = scene.register(&holder).await;
    let cancelled = holder
        .command(&["cancel", &given_up.to_string()])
        .await
        .unwrap();
    assert_eq!(cancelled.result().unwrap()["state"], "cancelled");
    let balance = holder.command(&["wallet", "balance"]).await.unwrap();
    assert_eq!(balance.result().unwrap()["confirmed_sat"], COIN.to_sat());

    for txid in &txids {
        scene.cosign(*txid, &[1, 2]).await;
    }
    scene.cosign(given_up, &[0, 1]).await;
    for process in &mut staking {
        process
            .wait_for_line("a block with the staking", DEADLINE)
            .await
            .unwrap();
    }
    scene.stage.mine(3).await.unwrap();
    for process in &mut staking {
        assert!(process.ended(DEADLINE).await.unwrap().success());
        assert_eq!(result(process)["stake"]["state"], "active");
    }
    let list = holder.command(&["list"]).await.unwrap().result().unwrap();
    let states = list["stakes"].as_array().unwrap().iter();
    let mut states: Vec<_> = states
        .map(|stake| stake["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["active", "active", "active", "cancelled"]);
    let verified = scene.chain_status(given_up).await;
    assert_eq!(
        verified,
        DelegationStatus::Verified,
        "nothing was broadcast"
    );
}

#[tokio::test]
async fn s10_an_unbonded_stake_and_what_slashing_left_come_back_to_the_wallet() {
    let scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(3).await;
    let unbonded = scene.register(&holder).await;
    scene.activate(&holder, unbonded).await;
    let slashed = scene.register(&holder).await;
    scene.activate(&holder, slashed).await;
    let tiny = scene.register_worth(&holder, TINY).await;
    scene.activate(&holder, tiny).await;
    let before = holder.command(&["wallet", "balance"]).await.unwrap();
    let before = before.result().unwrap()["confirmed_sat"].as_u64().unwrap();

    let tiny = tiny.to_string();
    let unbond = ["unbond", &tiny, "--yes", "--no-wait"];
    holder.command(&unbond).await.unwrap().result().unwrap();
    // Unbonding: mined, reported by the staker itself, locked for the unbonding time of 5 blocks.
    let id = unbonded.to_string();
    let mut unbonding = holder.start(&["unbond", &id, "--yes"]).unwrap();
    let waits = "a block with the unbonding transaction";
    unbonding.wait_for_line(waits, DEADLINE).await.unwrap();
    scene.stage.mine(1).await.unwrap();
    assert!(unbonding.ended(DEADLINE).await.unwrap().success());
    assert_eq!(result(&unbonding)["state"], "unbonded");
    assert_eq!(
        scene.chain_status(unbonded).await,
        DelegationStatus::Unbonded
    );
    let again = holder.command(&["unbond", &id, "--yes"]).await.unwrap();
    assert_eq!(
        again.result().unwrap()["state"],
        "unbonded",
        "it is unbonded once"
    );
    let early = refused(&holder, &["withdraw", &id, "--yes"], &[]).await;
    assert_eq!((early.0, early.1.as_str()), (1, "too-early"));
    assert!(early.2.contains("locked for another 4 blocks"), "{early:?}");

    // Slashing: done by whoever has the provider's key.
    let registered = scene
        .stage
        .chain
        .delegation(slashed)
        .await
        .unwrap()
        .unwrap();
    let slashing = scene
        .delegation(slashed)
        .await
        .unwrap()
        .signed_slashing_tx(
            SlashedOutput::Staking,
            &scene.secret,
            &registered.staker_slashing_signature,
            &registered.covenant_slashing_signatures,
        )
        .unwrap();
    let rpc = scene.stage.bitcoind.rpc();
    rpc.send_raw_transaction(&slashing).unwrap();
    scene.stage.mine(4).await.unwrap();
    let status = holder.status(slashed).await.unwrap();
    assert_eq!(status["state"], "slashed");
    let description = status["description"].as_str().unwrap();
    assert!(
        description.contains("can be withdrawn in 1 block"),
        "{description}"
    );

    assert_eq!(
        holder.status(unbonded).await.unwrap()["state"],
        "withdrawable"
    );
    scene.stage.mine(1).await.unwrap();
    // A fee that leaves less than is worth sending, or nothing at all: the coins stay where they are.
    for rate in ["95", "190"] {
        let withdraw = ["withdraw", &tiny, "--fee-rate", rate, "--yes"];
        let dust = refused(&holder, &withdraw, &[]).await;
        assert_eq!((dust.0, dust.1.as_str()), (1, "dust"), "{dust:?}");
    }
    assert_eq!(scene.mempool(), []);
    let mut expected = before;
    for (txid, output, value) in [
        (unbonded, "unbonding", 500_000 - 1_000),
        (slashed, "slashing-change", 500_000 - 50_000 - 1_000),
    ] {
        let id = txid.to_string();
        let arguments = ["withdraw", &id, "--fee-rate", "3", "--yes", "--no-wait"];
        let withdrawn = holder.command(&arguments).await.unwrap().result().unwrap();
        let summary = &withdrawn["summary"];
        assert_eq!(summary["output"], output, "{withdrawn}");
        let fee = summary["fee_sat"].as_u64().unwrap();
        assert_eq!(summary["amount_sat"], value - fee, "{withdrawn}");
        assert_eq!(withdrawn["stake"]["state"], "withdrawing");
        expected += value - fee;
    }
    assert_eq!(scene.mempool().len(), 2);
    scene.stage.mine(1).await.unwrap();
    for txid in [unbonded, slashed] {
        assert_eq!(holder.status(txid).await.unwrap()["state"], "withdrawn");
    }
    let after = holder.command(&["wallet", "balance"]).await.unwrap();
    assert_eq!(after.result().unwrap()["confirmed_sat"], expected);
}

#[tokio::test]
async fn s13_an_expired_stake_is_withdrawn_also_by_a_restored_seed() {
    let settings = BabylondSettings {
        min_staking_time: 20,
        ..BabylondSettings::default()
    };
    let scene = Scene::new(settings).await;
    let Stage {
        bitcoind, babylond, ..
    } = &scene.stage;
    let holder = BtcStakerProgram::new(bitcoind, babylond, 0).unwrap();
    let made = holder
        .command(&["wallet", "new"])
        .await
        .unwrap()
        .result()
        .unwrap();
    let account = made["account"].as_str().unwrap();
    babylond.fund(account, 100_000_000).await.unwrap();
    bitcoind
        .send(&holder.address().await.unwrap(), COIN)
        .unwrap();
    scene.stage.mine(1).await.unwrap();
    let provider = scene.provider.to_string();
    let arguments = stake(&provider, &["--no-wait"]);
    let arguments: Vec<_> = arguments
        .into_iter()
        .map(|argument| if argument == "1000" { "20" } else { argument })
        .collect();
    let staked = holder.command(&arguments).await.unwrap().result().unwrap();
    let txid = txid(&staked["stake"]["staking_txid"]);
    scene.activate(&holder, txid).await;
    let id = txid.to_string();
    let early = refused(&holder, &["withdraw", &id, "--yes"], &[]).await;
    assert_eq!((early.0, early.1.as_str()), (1, "too-early"), "{early:?}");
    assert!(
        early.2.contains("locked for another 17 blocks"),
        "{early:?}"
    );

    // The machine is lost; the words are not.
    let restored = BtcStakerProgram::new(bitcoind, babylond, 0).unwrap();
    let words = restored
        .write_private("words", made["words"].as_str().unwrap())
        .unwrap();
    let source = format!("file:{}", words.display());
    let restore = ["wallet", "restore", "--words-source", &source];
    let found = restored.command(&restore).await.unwrap().result().unwrap();
    assert_eq!(found["new_stakes"], serde_json::json!([id]), "{found}");
    assert_eq!(found["staker_key"], made["staker_key"]);
    assert_eq!(restored.status(txid).await.unwrap()["state"], "active");

    wallet_sync_finds_what_a_restore_could_not(&scene, &words, &id).await;

    scene.stage.mine(16).await.unwrap();
    assert_eq!(restored.status(txid).await.unwrap()["state"], "expired");
    scene.stage.mine(1).await.unwrap();
    for home in [&holder, &restored] {
        assert_eq!(home.status(txid).await.unwrap()["state"], "withdrawable");
        assert_eq!(scene.chain_status(txid).await, DelegationStatus::Expired);
    }
    let capped = refused(
        &restored,
        &["withdraw", &id, "--yes", "--fee-rate", "300"],
        &[],
    )
    .await;
    assert_eq!(
        (capped.0, capped.1.as_str()),
        (6, "fee-above-cap"),
        "{capped:?}"
    );
    let elsewhere = bitcoind
        .rpc()
        .get_new_address(None, None)
        .unwrap()
        .assume_checked();
    let to = elsewhere.to_string();
    let withdraw = [
        "withdraw",
        &id,
        "--to",
        &to,
        "--yes",
        "--no-wait",
        "--fee-rate",
    ];
    let shown = restored
        .command(&[&withdraw[..], &["2", "--dry-run"]].concat())
        .await
        .unwrap();
    let shown = shown.result().unwrap();
    assert_eq!(
        (&shown["summary"]["address"], &shown["stake"]),
        (&Value::from(to.as_str()), &Value::Null)
    );
    assert_eq!(scene.mempool(), []);

    // The fee was too low: a second withdrawal replaces the first.
    let first = restored
        .command(&[&withdraw[..], &["2"]].concat())
        .await
        .unwrap();
    let first = first.result().unwrap();
    let second = restored
        .command(&[&withdraw[..], &["20"]].concat())
        .await
        .unwrap();
    let second = second.result().unwrap();
    assert_ne!(
        first["stake"]["withdrawal_txid"],
        second["stake"]["withdrawal_txid"]
    );
    assert_eq!(
        scene.mempool(),
        [scene::txid(&second["stake"]["withdrawal_txid"])]
    );
    let refused = refused(&restored, &[&withdraw[..], &["2"]].concat(), &[]).await;
    assert_eq!(
        (refused.0, refused.1.as_str()),
        (1, "bitcoin-rejected"),
        "{refused:?}"
    );
    let same = restored.status(txid).await.unwrap();
    assert_eq!(same["withdrawal_txid"], second["stake"]["withdrawal_txid"]);

    scene.stage.mine(6).await.unwrap();
    let amount = second["summary"]["amount_sat"].as_u64().unwrap();
    let received = bitcoind
        .rpc()
        .get_received_by_address(&elsewhere, None)
        .unwrap();
    assert_eq!(received.to_sat(), amount);
    assert_eq!(restored.status(txid).await.unwrap()["state"], "withdrawn");
    let resumed = resume(&restored).await;
    assert_eq!(resumed["failed"], Value::Array(vec![]));
    // The other home sees that the coins have moved on.
    assert_eq!(holder.status(txid).await.unwrap()["state"], "over");
    let gone = scene::refused(&holder, &["withdraw", &id, "--yes"], &[]).await;
    assert_eq!(
        (gone.0, gone.1.as_str()),
        (1, "nothing-to-withdraw"),
        "{gone:?}"
    );
}

/// Restored while the chain does not answer: the seed is there, and the rest is found later.
async fn wallet_sync_finds_what_a_restore_could_not(scene: &Scene, words: &Path, stake: &str) {
    let Stage {
        bitcoind, babylond, ..
    } = &scene.stage;
    let late = BtcStakerProgram::new(bitcoind, babylond, 0).unwrap();
    let source = format!("file:{}", words.display());
    let restore =
        late.program()
            .unwrap()
            .args(["--json", "wallet", "restore", "--words-source", &source]);
    let restore = restore.env("BTC_STAKER__BABYLON__GRPC_URL", "http://127.0.0.1:9");
    let restored = restore.run(DEADLINE).await.unwrap();
    assert_eq!(restored.status().code(), Some(8), "{restored}");
    assert!(restored.stdout().contains("127.0.0.1:9"), "{restored}");

    let sync = async |more: &[&str]| {
        let arguments = [&["wallet", "sync"], more].concat();
        late.command(&arguments).await.unwrap().result().unwrap()
    };
    let coins = sync(&[]).await;
    assert_eq!(coins["new_stakes"], Value::Null, "{coins}");
    assert!(coins["balance_sat"].as_u64() > Some(0), "{coins}");
    assert_eq!(
        coins["tip"]["height"],
        bitcoind.height().unwrap(),
        "{coins}"
    );
    let found = sync(&["--find-stakes"]).await;
    assert_eq!(found["new_stakes"], serde_json::json!([stake]), "{found}");
    assert_eq!(found["blocks"], 0, "they were read before: {found}");
    let again = sync(&["--find-stakes"]).await;
    assert_eq!(again["new_stakes"], serde_json::json!([]), "{again}");
}
