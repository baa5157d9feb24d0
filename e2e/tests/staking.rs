//! The life of stakes made with `btc-staker` on real nodes. The committee signs through the library or with the
//! `covenant` program; headers are brought by the test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::secp256k1::{Keypair, SECP256K1};
use bitcoin::{Amount, Txid};
use bitcoincore_rpc::RpcApi as _;
use chain::{Chain as _, CreateFinalityProvider, DelegationStatus, Message};
use eots::SecretKey;
use serde_json::Value;
use staking::delegation::{SlashedOutput, ValidDelegation};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use testenv::programs::{BtcStakerProgram, CovenantProgram};
use testenv::scenario::{DEADLINE, Stage};
use testenv::{BabylondSettings, Daemon, poll_until};

const COIN: Amount = Amount::from_sat(1_000_000);

/// What each stake is worth.
const STAKED: &str = "500000";

/// Nodes, and a finality provider that is registered but does nothing.
struct Scene {
    stage: Stage,
    secret: SecretKey,
    provider: FinalityProviderKey,
}

impl Scene {
    async fn new(settings: BabylondSettings) -> Self {
        let stage = Stage::launch(settings).await.unwrap();
        let secret = SecretKey::from_bytes(&rand::random()).unwrap();
        let provider = FinalityProviderKey::from_slice(secret.public_key().as_bytes()).unwrap();
        let scene = Self {
            stage,
            secret,
            provider,
        };
        scene.register_provider(&scene.secret).await.unwrap();
        scene
    }

    async fn register_provider(&self, secret: &SecretKey) -> anyhow::Result<()> {
        let (_, account) = self.stage.account().await?;
        let keypair = Keypair::from_seckey_slice(SECP256K1, secret.to_bytes().as_slice())?;
        let message = CreateFinalityProvider {
            key: FinalityProviderKey::from_slice(secret.public_key().as_bytes())?,
            proof_of_possession: ProofOfPossession::sign_bip340(
                &keypair,
                account.account_address(),
            ),
            moniker: "provider".into(),
            website: String::new(),
            details: String::new(),
            commission: ("0.05".into(), "0.1".into(), "0.01".into()),
        };
        let message = Message::CreateFinalityProvider(message);
        account
            .submit(vec![message])
            .await
            .pop()
            .context("no outcome")??;
        Ok(())
    }

    /// A holder with so many coins of [`COIN`], known to the chain's light client.
    async fn holder(&self, coins: usize) -> BtcStakerProgram {
        let coins = vec![COIN; coins];
        let Stage {
            bitcoind, babylond, ..
        } = &self.stage;
        let holder = BtcStakerProgram::holder(bitcoind, babylond, 0, &coins)
            .await
            .unwrap();
        self.stage.bring_headers().await.unwrap();
        holder
    }

    /// The arguments of a stake, to which more can be added.
    fn stake<'a>(&self, provider: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let arguments = ["stake", "--amount", STAKED, "--staking-time", "1000"];
        [
            &arguments,
            &["--finality-provider", provider, "--fee-rate", "2", "--yes"][..],
            more,
        ]
        .concat()
    }

    /// Registers a stake without waiting for anything, and returns its id.
    async fn register(&self, holder: &BtcStakerProgram) -> Txid {
        let provider = self.provider.to_string();
        let arguments = self.stake(&provider, &["--no-wait"]);
        let staked = holder.command(&arguments).await.unwrap().result().unwrap();
        assert_eq!(staked["stake"]["state"], "pending", "{staked}");
        txid(&staked["stake"]["staking_txid"])
    }

    /// What the committee signs of a stake.
    async fn delegation(&self, txid: Txid) -> anyhow::Result<ValidDelegation> {
        let registered = self
            .stage
            .chain
            .delegation(txid)
            .await?
            .context("unknown")?;
        let versions = self.stage.chain.staking_params().await?;
        let params = versions
            .version(registered.params_version)
            .context("no params")?;
        Ok(registered.validate(params)?)
    }

    /// Has members of the committee sign a stake.
    async fn cosign(&self, txid: Txid, members: &[usize]) {
        let delegation = self.delegation(txid).await.unwrap();
        for member in members {
            let signatures = self.stage.committee.sign(*member, &delegation).unwrap();
            let message = Message::AddCovenantSignatures(signatures);
            self.stage.submit(message).await.unwrap();
        }
    }

    /// Brings a registered stake to voting power.
    async fn activate(&self, holder: &BtcStakerProgram, txid: Txid) {
        self.cosign(txid, &[0, 1]).await;
        resume(holder).await;
        self.stage.mine(3).await.unwrap();
        let resumed = resume(holder).await;
        assert_eq!(resumed["stakes"][0]["state"], "active", "{resumed}");
    }

    /// The stake that the chain learned of last, once there are so many.
    async fn registered(&self, count: usize) -> Vec<Txid> {
        poll_until(DEADLINE, "stakes to be registered", || async {
            let limit = std::num::NonZeroU32::new(100).unwrap();
            let page = self.stage.chain.delegations(None, None, limit).await?;
            ensure!(
                page.delegations.len() == count,
                "{}",
                page.delegations.len()
            );
            let txids = page.delegations.iter().map(chain::Delegation::staking_txid);
            anyhow::Ok(txids.collect())
        })
        .await
        .unwrap()
    }

    async fn chain_status(&self, txid: Txid) -> DelegationStatus {
        let registered = self.stage.chain.delegation(txid).await.unwrap();
        registered.unwrap().status
    }

    fn mempool(&self) -> Vec<Txid> {
        self.stage.bitcoind.rpc().get_raw_mempool().unwrap()
    }
}

/// Goes on with all stakes as far as it goes without waiting.
async fn resume(holder: &BtcStakerProgram) -> Value {
    let resumed = holder.command(&["resume", "--no-wait"]).await.unwrap();
    resumed.result().unwrap()
}

fn txid(value: &Value) -> Txid {
    value.as_str().unwrap().parse().unwrap()
}

/// The result that a waiting command printed when it ended.
fn result(daemon: &Daemon) -> Value {
    let output = daemon.output().unwrap();
    let line = output
        .lines()
        .rfind(|line| line.starts_with("{\"status\""))
        .unwrap();
    let envelope: Value = serde_json::from_str(line).unwrap();
    assert_eq!(envelope["status"], "success", "{envelope}");
    envelope["result"].clone()
}

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

    let mut staking = holder.start(&scene.stake(&provider, &[])).unwrap();
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

/// Runs a command that must fail, with settings overridden by environment variables.
async fn refused(
    holder: &BtcStakerProgram,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> (i32, String, String) {
    let program = holder.program().unwrap().arg("--json").args(arguments);
    let program = environment
        .iter()
        .fold(program, |program, (name, value)| program.env(name, value));
    let finished = program.run(DEADLINE).await.unwrap();
    let error = finished.error().unwrap();
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    let said = format!("{} {}", text("message"), text("hint"));
    (finished.status().code().unwrap(), text("code"), said)
}

#[tokio::test]
async fn s01_what_cannot_be_staked_is_refused_and_leaves_nothing_behind() {
    let scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(1).await;
    let provider = scene.provider.to_string();
    let slashed = SecretKey::from_bytes(&rand::random()).unwrap();
    scene.register_provider(&slashed).await.unwrap();
    let slashed_key = hex::encode(slashed.public_key().as_bytes());
    let evidence = Message::SelectiveSlashingEvidence(slashed);
    scene.stage.submit(evidence).await.unwrap();
    let unknown = SecretKey::from_bytes(&rand::random()).unwrap();
    let unknown = hex::encode(unknown.public_key().as_bytes());
    let wrong = holder.write_private("wrong", "incorrect horse").unwrap();
    let wrong = format!("file:{}", wrong.display());

    let with = |change: &[&'static str]| -> Vec<String> {
        let mut arguments: Vec<String> = scene
            .stake(&provider, &[])
            .iter()
            .map(ToString::to_string)
            .collect();
        for pair in change.chunks(2) {
            let place = arguments.iter().position(|argument| argument == pair[0]);
            match place {
                Some(place) => arguments[place + 1] = pair[1].into(),
                None => arguments.extend(pair.iter().map(ToString::to_string)),
            }
        }
        arguments
    };
    let owned = |arguments: Vec<&str>| arguments.iter().map(ToString::to_string).collect();
    let cases: Vec<(Vec<String>, i32, &str, &str)> = vec![
        (
            owned(scene.stake(&provider, &["--finality-provider", &provider])),
            2,
            "usage",
            "cannot be used multiple times",
        ),
        (
            owned(vec!["stake", "--amount", STAKED, "--staking-time", "1000"]),
            2,
            "usage",
            "--finality-provider",
        ),
        (owned(scene.stake("d9b9", &[])), 2, "usage", "`d9b9`"),
        (
            owned(scene.stake(&unknown, &[])),
            1,
            "unknown-provider",
            &unknown,
        ),
        (
            owned(scene.stake(&slashed_key, &[])),
            6,
            "provider-slashed",
            &slashed_key,
        ),
        (
            with(&["--amount", "9999"]),
            1,
            "staking-value",
            "9999 sat is outside 10000",
        ),
        (
            with(&["--amount", "2000 BTC"]),
            1,
            "staking-value",
            "100000000000",
        ),
        (with(&["--amount", "much"]), 2, "usage", "0.01 BTC"),
        (
            with(&["--staking-time", "199"]),
            1,
            "staking-time",
            "199 blocks is outside 200 to 10000",
        ),
        (
            with(&["--staking-time", "10001"]),
            1,
            "staking-time",
            "10001",
        ),
        (with(&["--staking-time", "65536"]), 2, "usage", "65536"),
        (
            with(&["--amount", "2000000"]),
            1,
            "insufficient-funds",
            "wallet address",
        ),
        (
            with(&["--fee-rate", "201"]),
            6,
            "fee-above-cap",
            "cap of 200 sat/vB",
        ),
        (
            with(&["--params-version", "7"]),
            6,
            "params-changed",
            "version 0 governs now",
        ),
        (
            owned(scene.stake(&provider, &["--passphrase-source", &wrong])),
            5,
            "wrong-passphrase",
            "seed.key",
        ),
        (
            with(&["--passphrase-source", "prompt"]),
            5,
            "locked",
            "--passphrase-source",
        ),
        (
            with(&["--passphrase-source", "hunter2"]),
            2,
            "usage",
            "never the passphrase itself",
        ),
        (
            owned(vec!["status", &"00".repeat(32)]),
            1,
            "unknown-stake",
            "--find-stakes",
        ),
        (
            owned(vec!["unbond", &"00".repeat(32), "--yes"]),
            1,
            "unknown-stake",
            "list",
        ),
        (
            owned(vec!["withdraw", &"00".repeat(32), "--yes"]),
            1,
            "unknown-stake",
            "list",
        ),
        (
            owned(vec![
                "withdraw",
                &"00".repeat(32),
                "--to",
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            ]),
            2,
            "wrong-network-address",
            "bc1q",
        ),
        (owned(vec!["status", "7d90"]), 2, "usage", "7d90"),
        (owned(vec!["wallet", "new"]), 6, "wallet-exists", "exists"),
    ];
    for (arguments, exit, code, part) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refusal = refused(&holder, &arguments, &[]).await;
        assert_eq!(
            (refusal.0, refusal.1.as_str()),
            (exit, code),
            "{arguments:?}: {refusal:?}"
        );
        assert!(refusal.2.contains(part), "{arguments:?}: {refusal:?}");
    }

    let without_consent: Vec<&str> = scene
        .stake(&provider, &[])
        .into_iter()
        .filter(|argument| *argument != "--yes")
        .collect();
    let refusal = refused(&holder, &without_consent, &[]).await;
    assert_eq!(
        (refusal.0, refusal.1.as_str()),
        (2, "not-confirmed"),
        "{refusal:?}"
    );

    let stake = scene.stake(&provider, &[]);
    for (name, value, exit, code, part) in [
        (
            "BTC_STAKER__BABYLON__CHAIN_ID",
            "bbn-1",
            3,
            "wrong-chain",
            "`bbn-1`",
        ),
        (
            "BTC_STAKER__BITCOIN__NETWORK",
            "signet",
            3,
            "wrong-network",
            "regtest",
        ),
        (
            "BTC_STAKER__BITCOIN__RPC_URL",
            "http://127.0.0.1:9",
            4,
            "bitcoin-unreachable",
            ":9",
        ),
        (
            "BTC_STAKER__BABYLON__GRPC_URL",
            "http://127.0.0.1:9",
            4,
            "chain-unreachable",
            ":9",
        ),
        (
            "BTC_STAKER__BITCOIN__RCP_URL",
            "http://127.0.0.1:9",
            3,
            "config",
            "rcp_url",
        ),
        (
            "BTC_STAKER__STAKING__MAX_FEE_SAT",
            "100",
            6,
            "fee-above-cap",
            "max_fee_sat",
        ),
    ] {
        let refusal = refused(&holder, &stake, &[(name, value)]).await;
        assert_eq!(refusal.0, exit, "{name}: {refusal:?}");
        assert!(refusal.1.starts_with(code), "{name}: {refusal:?}");
        assert!(refusal.2.contains(part), "{name}: {refusal:?}");
    }

    // Nobody pays for its registration.
    let poor = BtcStakerProgram::new(&scene.stage.bitcoind, &scene.stage.babylond, 0).unwrap();
    poor.command(&["wallet", "new"])
        .await
        .unwrap()
        .result()
        .unwrap();
    let refusal = refused(&poor, &stake, &[]).await;
    assert_eq!(
        (refusal.0, refusal.1.as_str()),
        (1, "account-empty"),
        "{refusal:?}"
    );

    let list = holder.command(&["list"]).await.unwrap().result().unwrap();
    assert_eq!(list["stakes"], Value::Array(vec![]));
    let balance = holder
        .command(&["wallet", "balance"])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(
        (&balance["confirmed_sat"], &balance["reserved_sat"]),
        (&COIN.to_sat().into(), &0.into())
    );
    assert_eq!(scene.mempool(), []);
    assert_eq!(scene.registered(0).await, []);
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
            .args(scene.stake(&provider, &[]));
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
    let holder = scene.holder(2).await;
    let unbonded = scene.register(&holder).await;
    scene.activate(&holder, unbonded).await;
    let slashed = scene.register(&holder).await;
    scene.activate(&holder, slashed).await;
    let before = holder.command(&["wallet", "balance"]).await.unwrap();
    let before = before.result().unwrap()["confirmed_sat"].as_u64().unwrap();

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
    let arguments = scene.stake(&provider, &["--no-wait"]);
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
    assert!(early.2.contains("locked for another 17 blocks"), "{early:?}");

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
        [self::txid(&second["stake"]["withdrawal_txid"])]
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
    let gone = self::refused(&holder, &["withdraw", &id, "--yes"], &[]).await;
    assert_eq!(
        (gone.0, gone.1.as_str()),
        (1, "nothing-to-withdraw"),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_staker_that_is_killed_anywhere_makes_its_stake_once() {
    let scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(2).await;
    let provider = scene.provider.to_string();

    // Killed while it waits for the committee: nothing was broadcast.
    let mut staking = holder.start(&scene.stake(&provider, &[])).unwrap();
    staking.wait_for_line("signatures", DEADLINE).await.unwrap();
    staking.kill_nine();
    let [txid] = scene.registered(1).await[..] else {
        panic!("one stake")
    };
    // Killed in the middle of whatever it does after the committee has signed.
    scene.cosign(txid, &[0, 2]).await;
    let mut resuming = holder.start(&["resume"]).unwrap();
    for line in ["acting", "a block with the staking transaction", "hear of"] {
        if line == "hear of" {
            scene.stage.bitcoind.mine(3).unwrap();
        }
        resuming.wait_for_line(line, DEADLINE).await.unwrap();
        resuming.kill_nine();
        assert!(scene.mempool().iter().all(|waiting| *waiting == txid));
        resuming.restart().unwrap();
    }
    scene.stage.bring_headers().await.unwrap();
    assert!(resuming.ended(DEADLINE).await.unwrap().success());
    assert_eq!(result(&resuming)["stakes"][0]["state"], "active");

    // Killed while it unbonds.
    let mut unbonding = holder
        .start(&["unbond", &txid.to_string(), "--yes"])
        .unwrap();
    unbonding.wait_for_line("acting", DEADLINE).await.unwrap();
    unbonding.kill_nine();
    let mut resuming = holder.start(&["resume"]).unwrap();
    let waits = "a block with the unbonding transaction";
    resuming.wait_for_line(waits, DEADLINE).await.unwrap();
    assert_eq!(scene.mempool().len(), 1);
    // Told to stop, it says how to go on.
    resuming.interrupt();
    assert_eq!(resuming.ended(DEADLINE).await.unwrap().code(), Some(7));
    scene.stage.mine(1).await.unwrap();
    assert_eq!(resume(&holder).await["stakes"][0]["state"], "unbonded");

    assert_eq!(scene.registered(1).await, [txid], "it was registered once");
    let balance = holder
        .command(&["wallet", "balance"])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(balance["reserved_sat"], 0, "{balance}");
}

#[tokio::test]
async fn outages_of_both_nodes_only_delay_a_stake() {
    let mut scene = Scene::new(BabylondSettings::default()).await;
    let holder = scene.holder(1).await;
    let provider = scene.provider.to_string();
    let mut staking = holder.start(&scene.stake(&provider, &[])).unwrap();
    staking.wait_for_line("signatures", DEADLINE).await.unwrap();
    let [txid] = scene.registered(1).await[..] else {
        panic!("one stake")
    };

    scene.stage.babylond.kill();
    staking
        .wait_for_line("did not answer", DEADLINE)
        .await
        .unwrap();
    let status = refused(&holder, &["status", &txid.to_string()], &[]).await;
    assert_eq!((status.0, status.1.as_str()), (4, "chain-unreachable"));
    scene.stage.babylond.start().await.unwrap();
    scene.stage.bitcoind.stop().await.unwrap();
    staking
        .wait_for_line("bitcoin node", DEADLINE)
        .await
        .unwrap();
    scene.cosign(txid, &[0, 1]).await;
    scene.stage.bitcoind.start().await.unwrap();

    let waits = "a block with the staking transaction";
    staking.wait_for_line(waits, DEADLINE).await.unwrap();
    scene.stage.mine(3).await.unwrap();
    assert!(staking.ended(DEADLINE).await.unwrap().success());
    assert_eq!(result(&staking)["stake"]["state"], "active");
}
