//! What a message costs does not depend on how many providers and stakes there are (scenario 32).

use bitcoin::hashes::{Hash, sha256};
use btc_mesh::msg::{
    Bytes32, CommitInfo, ExecuteMsg, Params, ProviderStatus, QueryMsg, TableResponse,
};
use cosmwasm_std::{Storage, Uint128};

use crate::rig::storage::storage_key;
use crate::rig::{Rig, Terms, Voter, covenant_set, params};
use crate::stake::scene::{Scene, StoredProvider, attribute};

/// Many enough to show what grows with them.
const MANY: u32 = 10_000;

/// Hardly more than one message looks at.
const FEW: u32 = 250;

/// Checkpoints of an epoch.
const EPOCH: u32 = 4;

/// Providers that are there and ranked, whoever they are: with this weight and these commits.
fn add_providers(rig: &mut Rig, name: &str, count: u32, sats: u64, commits: &[CommitInfo]) {
    for number in 0..count {
        let pk = sha256::Hash::hash(format!("{name} {number}").as_bytes()).to_byte_array();
        let provider = StoredProvider {
            operator: "operator".to_owned(),
            commission: 0,
            status: ProviderStatus::Active,
            sats,
            at_risk: 0,
            registration_seq: 1,
            commit_seq: 1,
            commits: commits.to_vec(),
            committed: true,
            ranked: Some(sats),
            index: [0; 32],
            earned: Uint128::zero(),
            participation: None,
        };
        let record = postcard::to_allocvec(&provider).unwrap();
        let storage = &mut rig.deps.storage;
        storage.set(&storage_key("provider", &[], &pk), &record);
        storage.set(&storage_key("rank", &sats.to_be_bytes(), &pk), &[0]);
    }
}

/// Gas of the two rolls that make a table behind a hundred heavy providers without randomness, beside so many light ones.
fn gas_of_rolling(light: u32) -> [u64; 2] {
    let numbers = Params {
        epoch_len: EPOCH,
        window: EPOCH,
        margin: 2,
        ..params()
    };
    let mut scene = Scene::with(numbers, covenant_set(3, 2));
    let (key, domain) = (scene.provider.clone(), scene.rig.domain());
    let voter = Voter::new(key, domain, (2 * EPOCH).into());
    scene.rig.execute(voter.commit(2)).unwrap();
    scene.active(Terms::number(1));
    let rig = &mut scene.rig;
    rig.govern(ExecuteMsg::Start {}).unwrap();
    let table = rig.table(0);
    rig.env.block.height = table.term.height((EPOCH - 1).into()).unwrap() + 1;
    let items = (0..u64::from(EPOCH) - 1)
        .map(|k| voter.vote(&table, k, None))
        .collect();
    rig.execute(ExecuteMsg::Votes { items }).unwrap();

    let commit = CommitInfo {
        start: 0,
        num: 1 << 20,
        root: Bytes32([7; 32]),
    };
    add_providers(rig, "light", light, 10, &[commit]);
    add_providers(rig, "heavy", 100, 1 << 40, &[]);
    let gas = [(); 2].map(|()| rig.storage_gas(ExecuteMsg::Roll {}));
    let next: TableResponse = rig.ask(QueryMsg::NextTable {});
    assert_eq!(next.entries.len(), 100);
    assert_eq!(next.total, 1_000_000 + 99 * 10);
    gas
}

#[test]
fn a_table_costs_the_same_however_many_providers_there_are() {
    assert_eq!(gas_of_rolling(FEW), gas_of_rolling(MANY));
}

/// Gas of a page of stakes whose time is over, where so many expire at one height.
fn gas_of_expiring(stakes: u32) -> u64 {
    let mut scene = Scene::new();
    let staking = scene.active(Terms::number(1));
    let stake = scene.rig.stake(staking.outpoint());
    let storage = &mut scene.rig.deps.storage;
    let key = |number: u32| {
        let txid = sha256::Hash::hash(&number.to_be_bytes()).to_byte_array();
        [txid.as_slice(), &number.to_be_bytes()].concat()
    };
    let outpoint = staking.outpoint();
    let known = [
        outpoint.txid.as_raw_hash().as_byte_array().as_slice(),
        &outpoint.vout.to_be_bytes(),
    ]
    .concat();
    let record = storage.get(&storage_key("stake", &[], &known)).unwrap();
    for number in 0..stakes {
        let height = stake.expires.to_be_bytes();
        storage.set(&storage_key("stake", &[], &key(number)), &record);
        storage.set(&storage_key("expiry", &height, &key(number)), &[0]);
    }
    scene.rig.mine(stake.expires - scene.tip());
    // With the first page the provider's weight is gone.
    assert_eq!(attribute(&scene.expire(100), "expired"), "100");
    scene.rig.storage_gas(ExecuteMsg::Expire { limit: 100 })
}

#[test]
fn a_page_of_expiring_stakes_costs_the_same_however_many_there_are() {
    assert_eq!(gas_of_expiring(FEW), gas_of_expiring(MANY));
}
