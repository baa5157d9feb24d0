//! The design's scenario 3 to the byte: what an instance took of a stake of Babylon's is what babylond has of it, and
//! neither another provider nor another slashing rate is taken.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bitcoin::Transaction;
use bitcoin::consensus::deserialize;
use bitcoin::hex::FromHex as _;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::slashing_rate::SlashingRate;
use testenv::Babylond;
use testenv::partner_chain::{Mesh, Provider, params};

use super::partners::{Holder, Instances};

/// The slashing rate of an instance that is not Babylon's, in ten thousandths.
const OTHER_RATE: u16 = 2_000;

pub(super) async fn an_instance_takes_what_babylon_has_byte_for_byte(
    babylond: &Babylond,
    holder: &Holder,
    instances: &Instances<'_>,
) {
    let shown = shown_to(&instances.meshes[0], instances).await;
    let id = holder.stake.to_string();
    let query = ["btcstaking", "delegation", &id];
    let known = babylond.query(&query).await.unwrap();
    let known = &known["btc_delegation"];
    let undelegation = &known["undelegation_response"];
    for (field, theirs) in [
        ("slashing_tx", &known["slashing_tx_hex"]),
        ("unbonding_tx", &undelegation["unbonding_tx_hex"]),
        ("unbonding_slashing_tx", &undelegation["slashing_tx_hex"]),
        ("staker_slashing", &known["delegator_slash_sig_hex"]),
        (
            "staker_unbonding_slashing",
            &undelegation["delegator_slashing_sig_hex"],
        ),
    ] {
        assert_eq!(bytes(&shown[field]), from_hex(theirs), "{field}");
    }
    // Ours has the witness, with which it is in its block.
    let ours: Transaction = deserialize(&bytes(&shown["staking_tx"])).unwrap();
    let theirs: Transaction = deserialize(&from_hex(&known["staking_tx_hex"])).unwrap();
    assert_eq!(ours.compute_txid(), theirs.compute_txid());
    let ours = shown["covenant_signatures"].as_array().unwrap();
    for (field, theirs, signature) in [
        ("slashing", &known["covenant_sigs"], "/adaptor_sigs/0"),
        (
            "unbonding",
            &undelegation["covenant_unbonding_sig_list"],
            "/sig",
        ),
        (
            "unbonding_slashing",
            &undelegation["covenant_slashing_sigs"],
            "/adaptor_sigs/0",
        ),
    ] {
        let theirs = theirs.as_array().unwrap().iter();
        let theirs: HashSet<_> = theirs.map(|it| it.pointer(signature).unwrap()).collect();
        let ours: HashSet<_> = ours.iter().map(|member| &member[field]).collect();
        assert!(
            ours.len() >= 2 && ours.is_subset(&theirs),
            "{field}: {shown}, {known}"
        );
    }
    neither_another_provider_nor_another_rate_is_taken(&shown, instances).await;
}

/// On an instance that differs in the rate, and on one that differs in nothing, neither of which knows the stake.
async fn neither_another_provider_nor_another_rate_is_taken(
    shown: &Value,
    instances: &Instances<'_>,
) {
    let same = instances.covenant.clone();
    let mut other = same.clone();
    other.slashing_rate = SlashingRate::from_ten_thousandths(OTHER_RATE).unwrap();
    let chain = instances.chain;
    let stranger = SecretKey::from_bytes(&rand::random()).unwrap();
    let mut elsewhere = shown.clone();
    elsewhere["provider"] = json!(stranger.public_key().to_string());
    let no_output = "the staking transaction has no output of";
    for (covenant, stake, words) in [
        (&same, &elsewhere, no_output),
        (&other, shown, "the slashing transaction slashes"),
        // Nothing else is wrong with it: its staker has not agreed to this instance.
        (&same, shown, "the consent has no share for this instance"),
    ] {
        let mesh = chain.begin_mesh_under(&params(), covenant).await.unwrap();
        for provider in [&instances.provider, &stranger] {
            let provider = Provider::new(mesh.domain(), provider.clone()).unwrap();
            let operator = chain.fresh_address().unwrap();
            let registration = provider.registration(1, operator.text(), 1_000).unwrap();
            mesh.execute(registration).await.unwrap();
        }
        let refused = mesh.execute(json!({ "stake": stake })).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

/// The message by which an instance came to know the stake, as it is in the chain's block.
async fn shown_to(mesh: &Mesh<'_>, instances: &Instances<'_>) -> Value {
    let query = format!("wasm-stake.outpoint='{}'", instances.stake);
    let wasmd = &instances.chain.wasmd;
    let found = wasmd.query(&["txs", "--query", &query]).await.unwrap();
    let transactions = found["txs"].as_array().unwrap().iter();
    let messages = transactions.flat_map(|it| it["tx"]["body"]["messages"].as_array().unwrap());
    let to_mesh: Vec<_> = messages
        .filter(|message| message["contract"] == mesh.address().text())
        .collect();
    assert_eq!(to_mesh.len(), 1, "{found}");
    to_mesh[0]["msg"]["stake"].clone()
}

fn bytes(base64: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

fn from_hex(hex: &Value) -> Vec<u8> {
    Vec::from_hex(hex.as_str().unwrap()).unwrap()
}
