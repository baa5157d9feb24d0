//! What cannot be staked: one clear error each, a documented exit code, and nothing half done.

use std::path::PathBuf;
use std::process::Command;

use bitcoin::hashes::{Hash as _, sha256};
use chain::Message;
use eots::SecretKey;
use serde_json::{Value, json};
use testenv::programs::BtcStakerProgram;
use testenv::scenario::DEADLINE;
use testenv::{BabylondSettings, GenesisEdit, poll_until};
use tokio::net::unix::pipe::{OpenOptions, Sender};

use super::scene::{COIN, STAKED, Scene, refused, resume, stake};

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
        let mut arguments: Vec<String> = stake(&provider, &[])
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
            owned(stake(&provider, &["--finality-provider", &provider])),
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
        (owned(stake("d9b9", &[])), 2, "usage", "`d9b9`"),
        (owned(stake(&unknown, &[])), 1, "unknown-provider", &unknown),
        (
            owned(stake(&slashed_key, &[])),
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
            owned(stake(&provider, &["--passphrase-source", &wrong])),
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

    let without_consent: Vec<&str> = stake(&provider, &[])
        .into_iter()
        .filter(|argument| *argument != "--yes")
        .collect();
    let refusal = refused(&holder, &without_consent, &[]).await;
    assert_eq!(
        (refusal.0, refusal.1.as_str()),
        (2, "not-confirmed"),
        "{refusal:?}"
    );

    let staking = stake(&provider, &[]);
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
        let refusal = refused(&holder, &staking, &[(name, value)]).await;
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
    let refusal = refused(&poor, &staking, &[]).await;
    assert_eq!(
        (refusal.0, refusal.1.as_str()),
        (1, "account-empty"),
        "{refusal:?}"
    );

    whom_and_how_to_stake_is_told(&scene, &holder, &slashed_key).await;

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

/// `providers` and `params` tell what `stake` would accept.
async fn whom_and_how_to_stake_is_told(scene: &Scene, holder: &BtcStakerProgram, slashed: &str) {
    let told =
        async |arguments: &[&str]| holder.command(arguments).await.unwrap().result().unwrap();
    let good = json!(scene.provider.to_string());
    let providers = told(&["providers"]).await;
    let [provider] = providers["providers"].as_array().unwrap().as_slice() else {
        panic!("the slashed one is hidden: {providers}")
    };
    assert_eq!(
        (&provider["key"], &provider["state"], &provider["moniker"]),
        (&good, &json!("good"), &json!("provider"))
    );
    let all = told(&["providers", "--all"]).await;
    let mut states: Vec<_> = all["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| (provider["key"].clone(), provider["state"].clone()))
        .collect();
    states.sort_by_key(|(_, state)| state.to_string());
    assert_eq!(
        states,
        [(good, json!("good")), (json!(slashed), json!("slashed"))]
    );

    let params = told(&["params"]).await;
    let settings = BabylondSettings::default();
    for (field, expected) in [
        ("chain_id", json!(scene.stage.babylond.chain_id())),
        ("version", json!(0)),
        (
            "min_staking_value_sat",
            json!(settings.min_staking_amount.to_sat()),
        ),
        (
            "max_staking_value_sat",
            json!(settings.max_staking_amount.to_sat()),
        ),
        ("min_staking_time", json!(settings.min_staking_time)),
        ("max_staking_time", json!(settings.max_staking_time)),
        ("unbonding_time", json!(settings.unbonding_time)),
        ("unbonding_fee_sat", json!(settings.unbonding_fee.to_sat())),
        ("slashing_rate", json!(settings.slashing_rate)),
        (
            "slashing_script",
            json!(settings.slashing_script.to_hex_string()),
        ),
        ("covenant_quorum", json!(scene.stage.committee.quorum())),
        ("confirmation_depth", json!(settings.confirmation_depth)),
    ] {
        assert_eq!(params[field], expected, "{field}: {params}");
    }
    assert_eq!(
        params["covenant_keys"].as_array().unwrap().len(),
        3,
        "{params}"
    );
}

/// Two versions of the parameters, the second of which starts at a Bitcoin height and has a longer unbonding time.
fn two_versions(second_from: u32) -> GenesisEdit {
    // The stage's own.
    let committee = [0, 1, 2].map(|member| {
        let secret = sha256::Hash::hash(format!("covenant member {member}").as_bytes());
        let secret = SecretKey::from_bytes(&secret.to_byte_array()).unwrap();
        hex::encode(secret.public_key().as_bytes())
    });
    let version = |height: u32, unbonding_time: u32| {
        json!({
            "covenant_pks": committee,
            "covenant_quorum": 2,
            "min_staking_value_sat": "10000",
            "max_staking_value_sat": "100000000000",
            "min_staking_time_blocks": 200,
            "max_staking_time_blocks": 10_000,
            "slashing_pk_script": "dqkUAQEBAQEBAQEBAQEBAQEBAQEBAQGIrA==",
            "min_slashing_tx_fee_sat": "1000",
            "slashing_rate": "0.100000000000000000",
            "unbonding_time_blocks": unbonding_time,
            "unbonding_fee_sat": "1000",
            "min_commission_rate": "0.000000000000000000",
            "delegation_creation_base_gas_fee": "1000",
            "allow_list_expiration_height": "0",
            "btc_activation_height": height,
        })
    };
    GenesisEdit {
        pointer: "/app_state/btcstaking/params".into(),
        value: json!([version(0, 5), version(second_from, 6)]),
    }
}

/// A passphrase that is given when the test says so.
struct LatePassphrase {
    path: PathBuf,
    asked: Option<Sender>,
}

impl LatePassphrase {
    fn new(holder: &BtcStakerProgram) -> Self {
        let path = holder.home().join("late-passphrase");
        let made = Command::new("mkfifo").arg("--mode=600").arg(&path).status();
        assert!(made.unwrap().success());
        Self { path, asked: None }
    }

    fn source(&self) -> String {
        format!("file:{}", self.path.display())
    }

    /// Waits until the program reads: nobody can open the other end before.
    async fn wait_until_asked(&mut self) {
        let path = &self.path;
        let asked = poll_until(DEADLINE, "the passphrase to be asked for", || async {
            OpenOptions::new().open_sender(path)
        });
        self.asked = Some(asked.await.unwrap());
    }

    fn answer(&mut self) {
        let asked = self.asked.take().unwrap();
        asked.try_write(b"correct horse battery staple\n").unwrap();
    }
}

#[tokio::test]
async fn a_stake_is_made_only_under_the_parameters_its_owner_has_seen_and_keeps_them() {
    let settings = BabylondSettings {
        genesis_edits: vec![two_versions(115)],
        ..BabylondSettings::default()
    };
    let scene = Scene::new(settings).await;
    let holder = scene.holder(2).await;
    let provider = scene.provider.to_string();
    let dry_run = stake(&provider, &["--dry-run"]);
    let shown = holder.command(&dry_run).await.unwrap().result().unwrap();
    assert_eq!(shown["stake"], Value::Null);
    let summary = &shown["summary"];
    assert_eq!(summary["params_version"], 0);
    assert_eq!(summary["timelocks"]["unbonding_blocks"], 5);
    assert_eq!(summary["outputs"][0]["value_sat"], 500_000);
    // A tenth and the fee of slashing, after unbonding and its fee.
    assert_eq!(
        summary["penalty"]["largest_loss_sat"],
        49_900 + 1_000 + 1_000
    );
    let earlier = scene.register(&holder).await;

    // Whoever unlocks the seed has seen the summary; then the parameters change, and nothing is signed.
    let mut late = LatePassphrase::new(&holder);
    let source = late.source();
    let unlocking = stake(&provider, &["--passphrase-source", &source]);
    let mut unlocking = holder.start(&unlocking).unwrap();
    late.wait_until_asked().await;
    scene.stage.mine(15).await.unwrap();
    late.answer();
    assert_eq!(unlocking.ended(DEADLINE).await.unwrap().code(), Some(6));
    let said = unlocking.output().unwrap();
    assert!(
        said.contains("params-changed") && said.contains("version 1 governs now"),
        "{said}"
    );
    assert_eq!(scene.registered(1).await, [earlier]);
    let balance = holder.command(&["wallet", "balance"]).await.unwrap();
    assert_eq!(
        balance.result().unwrap()["reserved_sat"],
        COIN.to_sat(),
        "only of the earlier stake"
    );

    let pinned = stake(&provider, &["--params-version", "0", "--no-wait"]);
    let refusal = refused(&holder, &pinned, &[]).await;
    assert_eq!(
        (refusal.0, refusal.1.as_str()),
        (6, "params-changed"),
        "{refusal:?}"
    );
    assert!(refusal.2.contains("version 1 governs now"), "{refusal:?}");
    assert_eq!(scene.registered(1).await, [earlier]);
    let agreed = stake(&provider, &["--params-version", "1", "--no-wait"]);
    let agreed = holder.command(&agreed).await.unwrap().result().unwrap();
    assert_eq!(agreed["stake"]["params_version"], 1);
    assert_eq!(agreed["summary"]["timelocks"]["unbonding_blocks"], 6);

    // What was registered before lives by the version of its own.
    scene.activate(&holder, earlier).await;
    let unbond = ["unbond", &earlier.to_string(), "--yes", "--no-wait"];
    let unbonding = holder.command(&unbond).await.unwrap().result().unwrap();
    assert_eq!(unbonding["params_version"], 0);
    scene.stage.mine(1).await.unwrap();
    resume(&holder).await;
    let early = refused(&holder, &["withdraw", &earlier.to_string(), "--yes"], &[]).await;
    assert!(early.2.contains("locked for another 4 blocks"), "{early:?}");
}
