//! The covenant program against a real chain: pending delegations are signed once each, whatever happens meanwhile.

mod batch;
mod pending;
mod signatures;

use std::fs;
use std::time::Duration;

use bitcoin::Amount;
use chain::{Chain as _, ChainError, DelegationStatus, Message};
use pending::{DEADLINE, Registrar, committee, key, member};
use serde_json::{Value, json};
use testenv::programs::{CovenantProgram, CovenantSettings};
use testenv::scenario::Stage;
use testenv::{Babylond, BabylondSettings, GenesisEdit, poll_until};

const STOP: Duration = Duration::from_secs(20);

/// Number in a result, such as `/audit_log/entries`.
fn number(result: &Value, pointer: &str) -> u64 {
    result
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer}: {result}"))
}

#[tokio::test]
async fn c01_c06_a_pending_stake_is_signed_by_the_committee_and_becomes_active() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let registrar = Registrar::new(&stage.babylond).await.unwrap();
    let provider = registrar.provider();
    let secrets = &stage.committee.secrets()[..2];
    let mut members = Vec::new();
    for secret in secrets {
        let home = CovenantProgram::member(&stage.babylond, secret)
            .await
            .unwrap();
        let service = home.start().unwrap();
        members.push((home, service));
    }

    let staker = stage.staker().await.unwrap();
    let stake = stage
        .register(&staker, provider, Amount::from_sat(1_000_000), 1_000)
        .await
        .unwrap();
    stage
        .wait_for(&stake, DelegationStatus::Verified)
        .await
        .unwrap();
    stage.activate(&stake).await.unwrap();
    signatures::all_verify_and_spend(&stage, &staker, &stake, registrar.provider_secret()).await;

    for (home, service) in &mut members {
        let status = home
            .wait_for_status("the member to know that it landed", DEADLINE, |status| {
                status["landed"] == 1
            })
            .await
            .unwrap();
        assert_eq!(status["service"], "running");
        assert!(service.terminate(STOP).await.unwrap().success());
        // Started, signed.
        let audit = home
            .command(&["audit", "verify"])
            .await
            .unwrap()
            .result()
            .unwrap();
        assert_eq!(number(&audit, "/entries"), 2);
        let status = home.command(&["status"]).await.unwrap().result().unwrap();
        assert_eq!(status["service"], "stopped");
        assert_eq!(status["member_of_params"], json!([0]));
    }
}

#[tokio::test]
async fn c04_one_bad_message_does_not_hold_up_the_rest_of_its_batch() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let registrar = Registrar::new(&stage.babylond).await.unwrap();
    let delegations = registrar.register(5).await.unwrap();
    let mut messages: Vec<_> = delegations
        .iter()
        .map(|delegation| stage.committee.sign(0, delegation).unwrap())
        .collect();
    messages[2].unbonding_signature = messages[1].unbonding_signature;
    let messages = messages
        .into_iter()
        .map(Message::AddCovenantSignatures)
        .collect();

    let answers = stage.chain.submit(messages).await;

    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Err(ChainError::Rejected(rejection)) if index == 2 => {
                assert_eq!(
                    (rejection.codespace.as_str(), rejection.code),
                    ("btcstaking", 1110)
                );
            }
            answer => assert!(answer.is_ok() && index != 2, "{index}: {answer:?}"),
        }
    }
    let member = key(&stage.committee.secrets()[0]);
    assert_eq!(
        registrar
            .signed_once_by(&delegations, member)
            .await
            .unwrap(),
        4
    );
}

#[tokio::test]
async fn two_machines_with_one_key_do_not_disturb_each_other() {
    let alice = member("alice");
    let babylond = Babylond::launch(&committee(&[&alice], 1)).await.unwrap();
    let registrar = Registrar::new(&babylond).await.unwrap();
    let delegations = registrar.register(30).await.unwrap();
    let homes = [
        CovenantProgram::member(&babylond, &alice).await.unwrap(),
        CovenantProgram::member(&babylond, &alice).await.unwrap(),
    ];
    let services: Vec<_> = homes.iter().map(|home| home.start().unwrap()).collect();
    registrar
        .wait_until_signed(&delegations, key(&alice))
        .await
        .unwrap();
    for home in &homes {
        // Signatures that the chain has already are no failure.
        let status = home
            .wait_for_status("nothing to be left", DEADLINE, |status| status["busy"] == 0)
            .await
            .unwrap();
        assert_eq!(number(&status, "/parked"), 0, "{status}");
    }
    drop(services);
}

#[tokio::test]
async fn c08_the_key_is_encrypted_and_a_signer_of_its_own_unlocks_it() {
    let alice = member("alice");
    let babylond = Babylond::launch(&committee(&[&alice], 1)).await.unwrap();
    let registrar = Registrar::new(&babylond).await.unwrap();

    // The service knows the chain and has no covenant key.
    let service_home = CovenantProgram::new(Some(&babylond), &CovenantSettings::default()).unwrap();
    service_home.fund_account(&babylond).await.unwrap();
    let params = service_home
        .command(&["params"])
        .await
        .unwrap()
        .result()
        .unwrap();
    let pin = params
        .pointer("/params/0/pin")
        .and_then(Value::as_str)
        .unwrap()
        .to_owned();

    // The signer has the key and knows no chain.
    let signer_home = CovenantProgram::new(None, &CovenantSettings::default()).unwrap();
    let socket = signer_home.home().join("signer.sock");
    let settings = CovenantSettings {
        signer_socket: Some(socket),
        trusted_params: vec![pin],
        ..CovenantSettings::default()
    };
    signer_home.configure(None, &settings).unwrap();
    service_home.configure(Some(&babylond), &settings).unwrap();
    signer_home.import_key(&alice).await.unwrap();
    let key_file = fs::read(signer_home.home().join("keys/covenant.key")).unwrap();
    let secret = alice.to_bytes();
    assert!(!key_file.windows(32).any(|bytes| bytes == secret.as_slice()));

    // The service waits for the signer.
    let service = service_home.start().unwrap();
    let delegations = registrar.register(3).await.unwrap();
    service_home
        .wait_for_status("the service to be starting", DEADLINE, |status| {
            status["service"] == "starting"
        })
        .await
        .unwrap();

    // A wrong passphrase opens nothing.
    let right = fs::read(signer_home.passphrase_file()).unwrap();
    fs::write(signer_home.passphrase_file(), "incorrect horse").unwrap();
    let refused = signer_home.command(&["signer"]).await.unwrap();
    assert_eq!(refused.status().code(), Some(5), "{refused}");
    assert_eq!(refused.error().unwrap()["code"], "wrong-passphrase");
    assert_eq!(
        registrar
            .signed_once_by(&delegations, key(&alice))
            .await
            .unwrap(),
        0
    );

    // The right one does.
    fs::write(signer_home.passphrase_file(), right).unwrap();
    let mut signer = signer_home.start_signer().unwrap();
    registrar
        .wait_until_signed(&delegations, key(&alice))
        .await
        .unwrap();

    let status = signer_home
        .command(&["status"])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(
        (status["service"].as_str(), number(&status, "/signed")),
        (Some("signer"), 3)
    );

    // The signer may go and come back.
    signer.kill_nine();
    let more = registrar.register(2).await.unwrap();
    signer.restart().unwrap();
    registrar
        .wait_until_signed(&more, key(&alice))
        .await
        .unwrap();
    drop(service);
}

#[tokio::test]
async fn a_member_of_another_world_is_refused_at_the_start() {
    let (alice, mallory) = (member("alice"), member("mallory"));
    let babylond = Babylond::launch(&committee(&[&alice], 1)).await.unwrap();
    let started = async |home: &CovenantProgram| {
        let refused = home.command(&["start"]).await.unwrap();
        assert_eq!(refused.status().code(), Some(3), "{refused}");
        refused.error().unwrap()
    };

    let home = CovenantProgram::member(&babylond, &alice).await.unwrap();
    let elsewhere = CovenantSettings {
        bitcoin_network: "signet",
        ..CovenantSettings::default()
    };
    home.configure(Some(&babylond), &elsewhere).unwrap();
    let error = started(&home).await;
    assert!(
        error["message"].as_str().unwrap().contains("signet"),
        "{error}"
    );

    home.configure(Some(&babylond), &CovenantSettings::default())
        .unwrap();
    let config = home.home().join("covenant.toml");
    let text = fs::read_to_string(&config)
        .unwrap()
        .replace(babylond.chain_id(), "bbn-1");
    fs::write(&config, text).unwrap();
    let error = started(&home).await;
    assert_eq!(error["code"], "wrong-chain");

    let home = CovenantProgram::member(&babylond, &mallory).await.unwrap();
    let error = started(&home).await;
    assert!(
        error["message"].as_str().unwrap().contains("committee"),
        "{error}"
    );
}

/// The chain's parameters, and from Bitcoin height 105 on the same with another unbonding time.
fn two_versions() -> GenesisEdit {
    let committee = [0, 1, 2].map(|index| key(&member(&format!("covenant member {index}"))));
    let version = |height: u32, unbonding_time: u32| {
        json!({
            "covenant_pks": committee,
            "covenant_quorum": 2,
            "min_staking_value_sat": "10000",
            "max_staking_value_sat": "100000000000",
            "min_staking_time_blocks": 200,
            "max_staking_time_blocks": 10000,
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
        value: json!([version(0, 5), version(105, 6)]),
    }
}

#[tokio::test]
async fn n06_delegations_that_cannot_be_signed_are_parked_and_do_not_hold_up_the_others() {
    const BAD: usize = 12;
    let settings = BabylondSettings {
        genesis_edits: vec![two_versions()],
        ..BabylondSettings::default()
    };
    let stage = Stage::launch(settings).await.unwrap();
    let registrar = Registrar::new(&stage.babylond).await.unwrap();
    let bad = registrar.register(BAD).await.unwrap();
    stage.mine(10).await.unwrap();
    let good = registrar.register(8).await.unwrap();

    // The signer trusts the second version only.
    let home = CovenantProgram::new(Some(&stage.babylond), &CovenantSettings::default()).unwrap();
    home.fund_account(&stage.babylond).await.unwrap();
    let params = home.command(&["params"]).await.unwrap().result().unwrap();
    let pins = [0, 1].map(|version| {
        let pin = params
            .pointer(&format!("/params/{version}/pin"))
            .and_then(Value::as_str);
        pin.unwrap().to_owned()
    });
    let signer_home = CovenantProgram::new(None, &CovenantSettings::default()).unwrap();
    let mut settings = CovenantSettings {
        signer_socket: Some(signer_home.home().join("signer.sock")),
        trusted_params: vec![pins[1].clone()],
        service: "poll_interval_milliseconds = 500\npage_size = 5\nbatch_size = 4",
        ..CovenantSettings::default()
    };
    signer_home.configure(None, &settings).unwrap();
    home.configure(Some(&stage.babylond), &settings).unwrap();
    let secret = &stage.committee.secrets()[0];
    signer_home.import_key(secret).await.unwrap();
    let mut signer = signer_home.start_signer().unwrap();
    let service = home.start().unwrap();

    registrar
        .wait_until_signed(&good, key(secret))
        .await
        .unwrap();
    home.wait_for_status("the bad ones to be parked", DEADLINE, |status| {
        status["parked"] == BAD
    })
    .await
    .unwrap();
    let list = home
        .command(&["parked", "list"])
        .await
        .unwrap()
        .result()
        .unwrap();
    let parked = list["parked"].as_array().unwrap();
    assert_eq!(parked.len(), BAD);
    assert!(
        parked
            .iter()
            .all(|parked| parked["rule"] == "unknown-params"),
        "{list}"
    );
    assert_eq!(
        registrar.signed_once_by(&bad, key(secret)).await.unwrap(),
        0
    );

    // Once the operator trusts the first version too, a retry signs them.
    settings.trusted_params = pins.to_vec();
    signer_home.configure(None, &settings).unwrap();
    signer.terminate(STOP).await.unwrap();
    signer.restart().unwrap();
    let retried = home
        .command(&["parked", "retry", "--all"])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(retried["retried"].as_array().unwrap().len(), BAD);
    registrar
        .wait_until_signed(&bad, key(secret))
        .await
        .unwrap();
    home.wait_for_status("nothing to be parked", DEADLINE, |status| {
        status["parked"] == 0
    })
    .await
    .unwrap();
    drop(service);
}

#[tokio::test]
async fn a_member_killed_in_the_middle_of_its_work_ends_where_it_would_have() {
    const ALL: usize = 60;
    let alice = member("alice");
    let babylond = Babylond::launch(&committee(&[&alice], 1)).await.unwrap();
    let registrar = Registrar::new(&babylond).await.unwrap();
    let delegations = registrar.register(ALL).await.unwrap();
    let home = CovenantProgram::member(&babylond, &alice).await.unwrap();
    // Small steps, so that there is a middle.
    let settings = CovenantSettings {
        service: "poll_interval_milliseconds = 500\nbatch_size = 5\nsubmissions = 1",
        ..CovenantSettings::default()
    };
    home.configure(Some(&babylond), &settings).unwrap();
    let mut service = home.start().unwrap();
    home.wait_for_status("a part to have landed", DEADLINE, |status| {
        status["landed"].as_u64() >= Some(5)
    })
    .await
    .unwrap();
    service.kill_nine();
    let landed = registrar
        .signed_once_by(&delegations, key(&alice))
        .await
        .unwrap();
    assert!(
        landed < ALL,
        "it was killed too late for this test to say anything"
    );

    service.restart().unwrap();

    registrar
        .wait_until_signed(&delegations, key(&alice))
        .await
        .unwrap();
    assert!(service.terminate(STOP).await.unwrap().success());
    home.command(&["audit", "verify"])
        .await
        .unwrap()
        .result()
        .unwrap();
    // What was signed twice was the same both times: one unbonding transaction for each stake.
    let list = home
        .command(&["audit", "list", "--limit", "1000"])
        .await
        .unwrap();
    let list = list.result().unwrap();
    let mut signed: Vec<_> = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["event"] == "signed")
        .map(|entry| {
            (
                entry["staking_output"].to_string(),
                entry["unbonding_txid"].to_string(),
            )
        })
        .collect();
    signed.sort();
    signed.dedup();
    assert_eq!(signed.len(), ALL);
}

#[tokio::test]
async fn a_member_starts_before_its_node_and_outlives_its_outages() {
    let alice = member("alice");
    let mut babylond = Babylond::launch(&committee(&[&alice], 1)).await.unwrap();
    let registrar = Registrar::new(&babylond).await.unwrap();
    let home = CovenantProgram::member(&babylond, &alice).await.unwrap();
    let first = registrar.register(3).await.unwrap();
    babylond.stop().await.unwrap();
    let mut service = home.start().unwrap();
    home.wait_for_status("the service to be starting", DEADLINE, |status| {
        status["service"] == "starting"
    })
    .await
    .unwrap();

    babylond.start().await.unwrap();
    registrar
        .wait_until_signed(&first, key(&alice))
        .await
        .unwrap();

    babylond.kill();
    service
        .wait_for_line("does not work", DEADLINE)
        .await
        .unwrap();
    babylond.start().await.unwrap();
    // A node that was killed takes no transactions before its next block.
    let second = poll_until(DEADLINE, "the node to take delegations", || {
        registrar.register(3)
    })
    .await
    .unwrap();
    registrar
        .wait_until_signed(&second, key(&alice))
        .await
        .unwrap();
    assert!(service.is_running());
}

#[tokio::test]
async fn one_home_serves_one_process_and_needs_its_memory() {
    let alice = member("alice");
    let babylond = Babylond::launch(&committee(&[&alice], 1)).await.unwrap();
    let registrar = Registrar::new(&babylond).await.unwrap();
    let home = CovenantProgram::member(&babylond, &alice).await.unwrap();
    let mut service = home.start().unwrap();
    let delegations = registrar.register(2).await.unwrap();
    registrar
        .wait_until_signed(&delegations, key(&alice))
        .await
        .unwrap();
    let second = home.command(&["start"]).await.unwrap();
    assert_eq!(second.status().code(), Some(6), "{second}");
    assert_eq!(second.error().unwrap()["code"], "already-running");
    service.terminate(STOP).await.unwrap();

    // Without its record the signer does not sign; what the log and the chain know can be had back.
    fs::remove_file(home.home().join("data/signing-record.redb")).unwrap();
    let without = home.command(&["start"]).await.unwrap();
    assert_eq!(without.status().code(), Some(6), "{without}");
    assert_eq!(without.error().unwrap()["code"], "record-missing");
    let rebuilt = home
        .command(&["record", "rebuild", "--yes"])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(number(&rebuilt, "/from_audit_log"), 2);
    assert_eq!(number(&rebuilt, "/from_chain"), 2);
    service.restart().unwrap();
    let more = registrar.register(1).await.unwrap();
    registrar
        .wait_until_signed(&more, key(&alice))
        .await
        .unwrap();
}
