//! The contracts of a partner chain through the chain crate: `btc-light` on a real node follows a real bitcoind.

mod light;

use std::collections::HashSet;
use std::fs;

use bitcoin::BlockHash;
use bitcoincore_rpc::RpcApi as _;
use chain::cosmos::{AccountKey, Config};
use chain::wasm::{Coin, Contracts, Executed, Execution};
use chain::{ChainError, Rejection};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use testenv::{Bitcoind, Wasmd, WasmdSettings, provision};

use light::{BASE, Light};

/// Most executions in one transaction.
const MESSAGES: usize = 20;

/// The contract's answer about a header.
#[derive(Debug, PartialEq, Deserialize)]
struct Header {
    height: u64,
    hash: BlockHash,
}

fn config(wasmd: &Wasmd) -> Config {
    let url = wasmd.grpc_url().try_into().unwrap();
    Config::without_fees(wasmd.chain_id(), url, "wasm", Wasmd::DENOMINATION)
}

fn key(wasmd: &Wasmd, account: usize) -> AccountKey {
    AccountKey::from_secret(wasmd.funded_accounts()[account].secret()).unwrap()
}

fn rejection<T: std::fmt::Debug>(answer: Result<T, ChainError>) -> Rejection {
    match answer {
        Err(ChainError::Rejected(rejection)) => rejection,
        answer => panic!("{answer:?}"),
    }
}

/// The tip that the contract told of when it was executed.
fn tip(executed: &Executed) -> &str {
    let told = executed.events.iter().find(|event| event.kind == "wasm");
    told.and_then(|event| event.attribute("tip")).unwrap()
}

/// How many transactions carried them.
fn transactions(executed: &[Executed]) -> usize {
    let hashes: HashSet<_> = executed.iter().map(|executed| &executed.tx_hash).collect();
    hashes.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_is_made_told_and_asked_over_one_account_by_many() {
    let (bitcoind, wasmd, folder) = tokio::join!(
        Bitcoind::launch(),
        async { Wasmd::launch(&WasmdSettings::default()).await },
        tokio::task::spawn_blocking(provision::contracts),
    );
    let (bitcoind, wasmd) = (bitcoind.unwrap(), wasmd.unwrap());
    let wasm = fs::read(folder.unwrap().unwrap().join("btc_light.wasm")).unwrap();
    bitcoind.mine(20).unwrap();
    // Small transactions, so that several are under way at once.
    let config = Config {
        max_messages: MESSAGES.try_into().unwrap(),
        ..config(&wasmd)
    };
    let contracts = Contracts::connect(config, key(&wasmd, 0)).await.unwrap();

    let light = a_contract_is_made_of_stored_code(&bitcoind, &contracts, wasm).await;
    it_does_what_it_is_told_and_answers(&bitcoind, &contracts, &light).await;
    it_refuses_in_its_own_words(&contracts, &light).await;
    a_chain_of_executions_keeps_its_order(&bitcoind, &contracts, &light).await;
    tokio::join!(
        many_callers_share_the_account(&bitcoind, &contracts, &light),
        another_account_pays_its_fees(&bitcoind, &wasmd, &light),
        what_cannot_be_sent_or_asked_says_why(&wasmd, &light),
    );
}

async fn a_contract_is_made_of_stored_code(
    bitcoind: &Bitcoind,
    contracts: &Contracts,
    wasm: Vec<u8>,
) -> Light {
    let refused = rejection(contracts.store_code(b"\0asm".to_vec()).await);
    assert_eq!(refused.codespace, "wasm", "{refused}");
    let code = contracts.store_code(wasm).await.unwrap();

    let begin = light::beginning(bitcoind);
    let mut odd = begin.clone();
    odd["max_reorg"] = json!(0);
    let refused = rejection(contracts.instantiate(code, &odd, "light", None).await);
    assert_eq!(refused.log, "max_reorg is 0, it must be 1 to 1008 blocks");

    let admin = contracts.account().unwrap().clone();
    let address = contracts
        .instantiate(code, &begin, "light", Some(&admin))
        .await
        .unwrap();
    let info = contracts.contract(&address).await.unwrap().unwrap();
    assert_eq!((info.code, info.label.as_str()), (code, "light"));
    assert_eq!((&info.creator, info.admin.as_ref()), (&admin, Some(&admin)));
    let other = contracts
        .instantiate(code, &begin, "other", None)
        .await
        .unwrap();
    assert_ne!(other, address);
    assert_eq!(
        contracts.contract(&other).await.unwrap().unwrap().admin,
        None
    );
    assert_eq!(contracts.contract(&admin).await.unwrap(), None);
    Light { address }
}

async fn it_does_what_it_is_told_and_answers(
    bitcoind: &Bitcoind,
    contracts: &Contracts,
    light: &Light,
) {
    let before = contracts.height().await.unwrap();
    let funds = vec![Coin {
        denomination: Wasmd::DENOMINATION.to_owned(),
        amount: 7,
    }];
    let bring = light.bring(bitcoind, BASE + 1..=20);
    let paid = Execution {
        funds,
        ..bring.clone()
    };
    let answers = contracts.execute(vec![paid, bring]).await;
    let [refused, executed] = answers.try_into().unwrap();
    // The coins came along: the contract says that it wants none, and so has none.
    assert_eq!(rejection(refused).log, "this contract takes no coins");
    assert_eq!(contracts.balance(&light.address).await.unwrap(), 0);
    contracts.send(&light.address, 7).await.unwrap();
    assert_eq!(contracts.balance(&light.address).await.unwrap(), 7);
    let executed = executed.unwrap();
    assert_eq!(tip(&executed), "20");
    assert!(
        executed.height > before && executed.gas_used > 60_000,
        "{executed:?}"
    );
    let told = executed
        .events
        .iter()
        .find(|event| event.kind == "wasm")
        .unwrap();
    assert_eq!(
        told.attribute("_contract_address"),
        Some(light.address.text())
    );
    let included = contracts.transaction(&executed.tx_hash).await.unwrap();
    assert_eq!(included.unwrap().unwrap().height, executed.height);

    let answer: Header = contracts
        .query(&light.address, &json!({"tip": {}}))
        .await
        .unwrap();
    let best = bitcoind.rpc().get_best_block_hash().unwrap();
    assert_eq!(
        answer,
        Header {
            height: 20,
            hash: best
        }
    );
    let stored = contracts
        .raw(&light.address, b"contract_info")
        .await
        .unwrap();
    let version: Value = serde_json::from_slice(&stored.unwrap()).unwrap();
    assert_eq!(version["contract"], "btc-mesh:btc-light");
    assert_eq!(
        contracts.raw(&light.address, b"nothing").await.unwrap(),
        None
    );
}

async fn it_refuses_in_its_own_words(contracts: &Contracts, light: &Light) {
    let nowhere = light.bring_nowhere(99);
    let [refused] = contracts.execute(vec![nowhere]).await.try_into().unwrap();
    assert_eq!(
        rejection(refused),
        Rejection {
            codespace: "wasm".to_owned(),
            code: 5,
            log: "there is no header at height 99 to build on; the chain goes from 10 to 20"
                .to_owned(),
        }
    );
    let question = json!({"header": {"height": 21}});
    let refused = rejection(contracts.query::<Header>(&light.address, &question).await);
    assert_eq!(
        refused.log,
        "the header at height 21 is not stored; headers below the tip can be brought as ancestors"
    );
}

/// Each builds on the one before, so that those of the next transaction wait for the one under way.
async fn a_chain_of_executions_keeps_its_order(
    bitcoind: &Bitcoind,
    contracts: &Contracts,
    light: &Light,
) {
    const BLOCKS: u64 = 100;
    bitcoind.mine(BLOCKS).unwrap();
    let mut executions: Vec<_> = (21..=20 + BLOCKS)
        .map(|height| light.bring(bitcoind, height..=height))
        .collect();
    executions.insert(50, light.bring_nowhere(999));
    let mut answers = contracts.execute(executions).await;
    let refused = rejection(answers.remove(50));
    assert!(refused.log.contains("no header at height 999"), "{refused}");
    let executed: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    for (height, executed) in (21..).zip(&executed) {
        assert_eq!(tip(executed), height.to_string());
    }
    assert!(executed.is_sorted_by_key(|executed| executed.height));
    assert!(transactions(&executed) * MESSAGES >= executed.len());
}

async fn many_callers_share_the_account(bitcoind: &Bitcoind, contracts: &Contracts, light: &Light) {
    const CALLERS: u64 = 60;
    const EXECUTIONS: u64 = 5;
    // Known headers are passed over: no execution depends on another.
    let caller = async |number: u64| {
        let executions = (0..EXECUTIONS)
            .map(|index| {
                let height = BASE + 1 + (number + index) % 100;
                light.bring(bitcoind, height..=height)
            })
            .collect();
        contracts.execute(executions).await
    };
    let answers = join_all((0..CALLERS).map(caller)).await.concat();
    let executed: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(executed.iter().all(|executed| tip(executed) == "120"));
    let transactions = transactions(&executed);
    assert!(
        transactions * 5 < executed.len(),
        "{transactions} transactions for {} executions",
        executed.len()
    );
}

async fn another_account_pays_its_fees(bitcoind: &Bitcoind, wasmd: &Wasmd, light: &Light) {
    let config = Config {
        gas_price: "0.025".parse().unwrap(),
        max_fee: 100_000.try_into().unwrap(),
        ..config(wasmd)
    };
    let contracts = Contracts::connect(config, key(wasmd, 1)).await.unwrap();
    let account = contracts.account().unwrap();
    let before = contracts.balance(account).await.unwrap();
    let known = light.bring(bitcoind, BASE + 1..=BASE + 1);
    let [executed] = contracts.execute(vec![known]).await.try_into().unwrap();
    let paid = before - contracts.balance(account).await.unwrap();
    // The limit is half as much again as what a simulation used, and the price a fortieth.
    let used = u128::from(executed.unwrap().gas_used);
    assert!(
        (used / 40..used / 20).contains(&paid),
        "{paid} for {used} gas"
    );
}

async fn what_cannot_be_sent_or_asked_says_why(wasmd: &Wasmd, light: &Light) {
    let watching = Contracts::watch(config(wasmd)).await.unwrap();
    assert_eq!(watching.account(), None);
    let tell = light.execution(&json!({"headers": {"parent_height": 0, "raw": ""}}));
    let [refused] = watching.execute(vec![tell]).await.try_into().unwrap();
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("only watched"), "{error}");

    let answer = watching
        .query::<u64>(&light.address, &json!({"tip": {}}))
        .await;
    let Err(ChainError::InvalidAnswer { reason, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert!(reason.contains("field `data`"), "{reason}");
    let nobody = wasmd.funded_accounts()[0].address();
    let refused = rejection(watching.query::<Value>(nobody, &json!({"tip": {}})).await);
    assert_eq!((refused.codespace.as_str(), refused.code), ("wasm", 22));
    let refused = rejection(watching.raw(nobody, b"key").await);
    assert_eq!((refused.codespace.as_str(), refused.code), ("wasm", 22));

    let elsewhere = Config {
        chain_id: "elsewhere-1".to_owned(),
        ..config(wasmd)
    };
    let error = Contracts::watch(elsewhere).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongChain { .. }), "{error}");
    let port = testenv::Port::reserve().unwrap();
    let away = Config {
        grpc_url: format!("http://{}", port.address()).try_into().unwrap(),
        ..config(wasmd)
    };
    let error = Contracts::watch(away).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");
}
