//! The partner chain's node, and the contracts' code: that the node works, survives an outage, can
//! be forked and proves what it holds.

use std::fs;
use std::time::Duration;

use chain::cosmos::AccountKey;
use serde_json::{Value, json};
use testenv::{GenesisEdit, Wasmd, WasmdSettings, provision};

const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn wasmd_makes_blocks_and_goes_on_after_an_outage() {
    let mut node = Wasmd::launch(&WasmdSettings::default()).await.unwrap();
    let before = node.height().unwrap();
    node.wait_for_height(before + 4, DEADLINE).await.unwrap();
    let (grpc, chain_id) = (node.grpc_url(), node.chain_id().to_owned());
    let header = node.header(before).unwrap();

    node.kill();
    assert!(!node.is_running());
    assert!(node.height().is_err(), "a killed node does not answer");
    node.start().await.unwrap();
    assert!(node.height().unwrap() > before + 4);
    assert_eq!(node.header(before).unwrap(), header);

    node.stop().await.unwrap();
    node.start().await.unwrap();
    assert_eq!(node.grpc_url(), grpc, "clients must find the node again");
    let status = node.rpc("status", &Value::Null).unwrap();
    assert_eq!(status["node_info"]["network"], chain_id);
}

#[tokio::test]
async fn a_forked_chain_grows_two_branches_that_its_validator_signs() {
    let mut trunk = Wasmd::launch(&WasmdSettings::default()).await.unwrap();
    assert!(trunk.fork().is_err(), "its files are being written to");
    trunk.stop().await.unwrap();
    let mut branch = trunk.fork().unwrap();
    let (one, other) = tokio::join!(trunk.start(), branch.start());
    one.unwrap();
    other.unwrap();

    let height = trunk.height().unwrap().max(branch.height().unwrap()) + 2;
    for node in [&trunk, &branch] {
        node.wait_for_height(height + 1, DEADLINE).await.unwrap();
    }
    let genesis = [trunk.header(1).unwrap(), branch.header(1).unwrap()];
    assert_eq!(genesis[0], genesis[1]);
    let commits = [
        trunk.commit(height).unwrap(),
        branch.commit(height).unwrap(),
    ];
    let ids = commits
        .each_ref()
        .map(|commit| &commit["commit"]["block_id"]["hash"]);
    assert_ne!(ids[0], ids[1]);
    for commit in &commits {
        assert_eq!(commit["header"]["chain_id"], trunk.chain_id());
        let signature = &commit["commit"]["signatures"][0];
        assert_eq!(
            signature["validator_address"],
            commits[0]["header"]["proposer_address"]
        );
    }
}

#[tokio::test]
async fn the_genesis_of_wasmd_is_the_tests_own() {
    let settings = WasmdSettings {
        funded_accounts: 7,
        voting_period: Duration::from_secs(3),
        genesis_edits: vec![GenesisEdit {
            pointer: "/app_state/staking/params/max_validators".to_owned(),
            value: 5.into(),
        }],
        ..WasmdSettings::default()
    };
    let node = Wasmd::launch(&settings).await.unwrap();

    assert_eq!(node.funded_accounts().len(), 7);
    for account in node.funded_accounts() {
        let key = AccountKey::from_secret(account.secret()).unwrap();
        assert_eq!(
            key.address("wasm").unwrap().text(),
            account.address().text()
        );
        let question = ["bank", "balances", account.address().text()];
        let balances = node.query(&question).await.unwrap();
        let coins = json!([{ "denom": Wasmd::DENOMINATION, "amount": "1000000000000000" }]);
        assert_eq!(balances["balances"], coins);
    }
    let gov = node.query(&["gov", "params"]).await.unwrap();
    assert_eq!(gov["params"]["voting_period"], "3s");
    assert_eq!(gov["params"]["expedited_voting_period"], "1.5s");
    let staking = node.query(&["staking", "params"]).await.unwrap();
    assert_eq!(staking["params"]["max_validators"], 5);
}

#[tokio::test]
async fn the_state_of_wasmd_is_proven_against_its_headers() {
    let node = Wasmd::launch(&WasmdSettings::default()).await.unwrap();
    let height = node.height().unwrap();
    node.wait_for_height(height + 1, DEADLINE).await.unwrap();

    // The bank module keeps a supply under 0 and the denomination.
    let key = [&[0], Wasmd::DENOMINATION.as_bytes()].concat();
    let answer = node.abci_query("bank", &key, height).unwrap();
    assert_eq!(answer["height"], height.to_string());
    assert!(answer["value"].is_string(), "{answer}");
    let operations = answer["proofOps"]["ops"].as_array().unwrap();
    let kinds: Vec<_> = operations
        .iter()
        .map(|operation| &operation["type"])
        .collect();
    assert_eq!(kinds, ["ics23:iavl", "ics23:simple"]);
    assert!(node.header(height + 1).unwrap()["app_hash"].is_string());

    assert!(node.abci_query("nowhere", &key, height).is_err());
    assert!(node.header(height + 1_000).is_err());
}

#[tokio::test]
async fn the_contracts_are_built_for_the_chains_virtual_machine() {
    let folder = tokio::task::spawn_blocking(provision::contracts)
        .await
        .unwrap()
        .unwrap();
    let code = fs::read(folder.join("btc_light.wasm")).unwrap();
    assert_eq!(&code[..4], b"\0asm");
    let checksums = fs::read_to_string(folder.join("checksums.txt")).unwrap();
    assert!(checksums.contains("btc_light.wasm"), "{checksums}");
}
