//! The nodes themselves: that they start, work, survive an outage, and do not get in each other's
//! way.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bitcoin::Amount;
use bitcoincore_rpc::RpcApi as _;
use serde_json::Value;
use testenv::{Babylond, BabylondSettings, Bitcoind, GenesisEdit, Program, Scratch};

const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn bitcoind_keeps_its_chain_and_wallet_through_stop_and_kill() {
    let mut node = Bitcoind::launch().await.unwrap();
    node.mine_first_coins().unwrap();
    let url = node.url();

    node.stop().await.unwrap();
    assert!(!node.is_running());
    node.start().await.unwrap();
    assert_eq!(node.height().unwrap(), 101);
    assert_eq!(node.url(), url, "clients must find the node again");

    node.rpc().call::<Value>("savemempool", &[]).unwrap();
    node.kill();
    assert!(!node.is_running());
    node.start().await.unwrap();
    let address = node
        .rpc()
        .get_new_address(None, None)
        .unwrap()
        .assume_checked();
    let txid = node.send(&address, Amount::from_sat(50_000)).unwrap();
    assert!(node.rpc().get_raw_mempool().unwrap().contains(&txid));
}

#[tokio::test]
async fn a_reorganisation_puts_confirmed_transactions_back_into_the_mempool() {
    let node = Bitcoind::launch().await.unwrap();
    node.mine_first_coins().unwrap();
    let address = node
        .rpc()
        .get_new_address(None, None)
        .unwrap()
        .assume_checked();
    let txid = node.send(&address, Amount::from_sat(50_000)).unwrap();
    node.mine(1).unwrap();
    assert!(node.rpc().get_raw_mempool().unwrap().is_empty());

    let branch = node.reorganise(1).unwrap();

    assert_eq!(branch.len(), 2);
    assert_eq!(node.height().unwrap(), 103);
    assert_eq!(node.rpc().get_best_block_hash().unwrap(), branch[1]);
    assert_eq!(node.rpc().get_raw_mempool().unwrap(), [txid]);
}

#[tokio::test]
async fn bitcoind_applies_the_relay_policy_of_bitcoin_core() {
    let node = Bitcoind::launch().await.unwrap();
    node.mine_first_coins().unwrap();

    // The first part of a checkpoint is 78 bytes (spec 5.7).
    let outputs = serde_json::json!([{ "data": "00".repeat(78) }]);
    let funded = |outputs: &Value| -> String {
        let rpc = node.rpc();
        let raw: String = rpc
            .call(
                "createrawtransaction",
                &[Value::Array(vec![]), outputs.clone()],
            )
            .unwrap();
        let funded: Value = rpc.call("fundrawtransaction", &[raw.into()]).unwrap();
        let signed: Value = rpc
            .call("signrawtransactionwithwallet", &[funded["hex"].clone()])
            .unwrap();
        signed["hex"].as_str().unwrap().to_owned()
    };
    let verdict = node.rpc().test_mempool_accept(&[funded(&outputs)]).unwrap();

    assert!(verdict[0].allowed, "{verdict:?}");
}

#[tokio::test]
async fn babylond_makes_blocks_and_goes_on_after_an_outage() {
    let mut node = Babylond::launch(&BabylondSettings::default())
        .await
        .unwrap();
    let before = node.height().unwrap();
    node.wait_for_height(before + 2, DEADLINE).await.unwrap();
    let grpc = node.grpc_url();

    node.stop().await.unwrap();
    assert!(node.height().is_err(), "a stopped node does not answer");
    node.start().await.unwrap();
    assert!(node.height().unwrap() > before + 2);

    node.kill();
    node.start().await.unwrap();
    assert_eq!(node.grpc_url(), grpc, "clients must find the node again");
}

#[tokio::test]
async fn babylond_runs_with_the_parameters_of_the_test() {
    let settings = BabylondSettings {
        confirmation_depth: 3,
        finalization_timeout: 7,
        epoch_interval: 11,
        min_public_randomness: 42,
        min_staking_amount: Amount::from_sat(12_345),
        block_interval: Duration::from_millis(300),
        genesis_edits: vec![GenesisEdit {
            pointer: "/app_state/finality/params/signed_blocks_window".to_owned(),
            value: "77".into(),
        }],
        ..BabylondSettings::default()
    };
    let node = Babylond::launch(&settings).await.unwrap();

    let checkpoint = node.query(&["btccheckpoint", "params"]).await.unwrap();
    assert_eq!(checkpoint["params"]["btc_confirmation_depth"], 3);
    assert_eq!(checkpoint["params"]["checkpoint_finalization_timeout"], 7);
    let epoching = node.query(&["epoching", "params"]).await.unwrap();
    assert_eq!(epoching["params"]["epoch_interval"], "11");
    let finality = node.query(&["finality", "params"]).await.unwrap();
    assert_eq!(finality["params"]["min_pub_rand"], "42");
    assert_eq!(finality["params"]["signed_blocks_window"], "77");
    let staking = node
        .query(&["btcstaking", "params-by-version", "0"])
        .await
        .unwrap();
    assert_eq!(staking["params"]["min_staking_value_sat"], "12345");
}

#[tokio::test]
async fn every_interface_of_babylond_shows_the_genesis_of_bitcoind() {
    let bitcoind = Bitcoind::launch().await.unwrap();
    let babylond = Babylond::launch(&BabylondSettings::default())
        .await
        .unwrap();
    let genesis = bitcoind.rpc().get_block_hash(0).unwrap().to_string();

    let over_rpc = babylond.query(&["btclightclient", "tip"]).await.unwrap();
    assert_eq!(over_rpc["header"]["hash_hex"], genesis);

    let grpc = babylond.grpc_url().replace("http://", "");
    let query = [
        "btclightclient",
        "tip",
        "--grpc-insecure",
        "--grpc-addr",
        &grpc,
    ];
    let over_grpc = babylond.query(&query).await.unwrap();
    assert_eq!(over_grpc["header"]["hash_hex"], genesis);

    let status = babylond.rpc("status", &Value::Null).unwrap();
    assert_eq!(status["node_info"]["network"], babylond.chain_id());
}

#[tokio::test]
async fn transfers_of_the_funded_account_can_be_asked_for_side_by_side() {
    let node = Babylond::launch(&BabylondSettings::default())
        .await
        .unwrap();
    // The addresses whose bytes are all 1 and all 2.
    let one = "bbn1qyqszqgpqyqszqgpqyqszqgpqyqszqgp9ds0j9";
    let other = "bbn1qgpqyqszqgpqyqszqgpqyqszqgpqyqsz5fk2en";

    let (first, second) = tokio::join!(node.fund(one, 1_000_000), node.fund(other, 2_000_000));
    first.unwrap();
    second.unwrap();

    for (address, amount) in [(one, "1000000"), (other, "2000000")] {
        let balance = node
            .query(&["bank", "balance", address, "ubbn"])
            .await
            .unwrap();
        assert_eq!(balance["balance"]["amount"], amount);
    }
}

#[tokio::test]
async fn chains_started_side_by_side_share_nothing() {
    let settings = BabylondSettings::default();
    let (first, second) = tokio::join!(Babylond::launch(&settings), Babylond::launch(&settings));
    let (first, second) = (first.unwrap(), second.unwrap());
    let (one, other) = tokio::join!(Bitcoind::launch(), Bitcoind::launch());
    let (one, other) = (one.unwrap(), other.unwrap());

    assert_ne!(first.chain_id(), second.chain_id());
    assert_ne!(first.funded_mnemonic(), second.funded_mnemonic());
    assert_ne!(first.grpc_url(), second.grpc_url());
    one.mine(3).unwrap();
    assert_eq!(one.height().unwrap(), 3);
    assert_eq!(other.height().unwrap(), 0);
}

#[tokio::test]
async fn a_node_of_another_version_on_the_path_is_passed_over() {
    let folder = Scratch::new("path").unwrap();
    let other = folder.path().join("babylond");
    fs::write(&other, "#!/bin/sh\necho 3.0.0\n").unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", folder.path().display());
    let provision = Program::at("provision", env!("CARGO_BIN_EXE_provision"))
        .env("PATH", path)
        .env("BABYLOND_EXE", "");
    // What there is not is made, which takes minutes.
    let provided = provision.run(Duration::from_mins(30)).await.unwrap();
    assert!(provided.status().success(), "{provided}");
    let passed_over = "passed over: it says that it is `3.0.0` instead of `4.0.0`";
    assert!(provided.stderr().contains(passed_over), "{provided}");
    let other = format!("BABYLOND_EXE={}", other.display());
    let lines = provided.stdout();
    assert!(lines.lines().all(|line| line != other), "{lines}");
}
