//! `scripts --json` rebuilds the published cases and refuses everything else with one clear error.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use btc_staker::scripts::Request;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// Names of what follows from the staking transaction only.
const NEEDS_TRANSACTION: [&str; 9] = [
    "staking_tx",
    "staking_txid",
    "unbonding_tx",
    "unbonding_txid",
    "slashing_tx",
    "unbonding_slashing_tx",
    "sighash_unbonding",
    "sighash_slashing",
    "sighash_unbonding_slashing",
];

fn cases() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("vectors/scripts.json")).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

fn request(case: &Value) -> Map<String, Value> {
    let mut request = case["params"].as_object().unwrap().clone();
    request.insert("network".into(), "regtest".into());
    request
}

fn run(input: &str) -> (i32, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_btc-staker"))
        .args(["scripts", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

#[test]
fn every_published_case_is_rebuilt() {
    let cases = cases();
    assert_eq!(cases.len(), 24);
    for (index, case) in cases.iter().enumerate() {
        let mut request = request(case);
        request.insert("staking_tx".into(), case["expected"]["staking_tx"].clone());
        let (exit, envelope) = run(&Value::from(request).to_string());
        assert_eq!(
            (exit, &envelope["status"]),
            (0, &json!("success")),
            "case {index}: {envelope}"
        );
        assert_eq!(envelope["result"], case["expected"], "case {index}");
    }
}

#[test]
fn without_a_staking_transaction_everything_is_said_that_does_not_need_it() {
    let case = &cases()[3];
    let mut expected = case["expected"].as_object().unwrap().clone();
    for name in NEEDS_TRANSACTION {
        expected.remove(name).unwrap();
    }
    let (exit, envelope) = run(&Value::from(request(case)).to_string());
    assert_eq!(exit, 0);
    assert_eq!(envelope["result"], Value::from(expected));
}

#[test]
fn what_cannot_be_built_is_refused_with_the_field_or_the_rule() {
    let case = &cases()[0];
    let staking_tx = case["expected"]["staking_tx"].as_str().unwrap();
    let changed = |field: &str, value: Value| {
        let mut request = request(case);
        request.insert("staking_tx".into(), staking_tx.into());
        request.insert(field.into(), value);
        Value::from(request).to_string()
    };
    let staker = case["params"]["staker_pk"].clone();
    let truncated = &staking_tx[..staking_tx.len() - 2];
    for (input, exit, code, part) in [
        (String::new(), 2, "malformed-input", "EOF"),
        ("{}".into(), 2, "malformed-input", "missing field"),
        (
            changed("covenant_quroum", 1.into()),
            2,
            "malformed-input",
            "covenant_quroum",
        ),
        (
            changed("network", "moonnet".into()),
            2,
            "malformed-input",
            "moonnet",
        ),
        (
            changed("staker_pk", "00".into()),
            2,
            "malformed-input",
            "staker_pk",
        ),
        (
            changed("staking_time", 65_536.into()),
            2,
            "malformed-input",
            "65536",
        ),
        (
            changed("staking_tx", truncated.into()),
            2,
            "malformed-input",
            "staking_tx",
        ),
        (
            changed("staking_tx", "xy".into()),
            2,
            "malformed-input",
            "staking_tx",
        ),
        (
            changed("slashing_rate", "0.00001".into()),
            1,
            "invalid-delegation",
            "0.00001",
        ),
        (
            changed("covenant_quorum", 2.into()),
            1,
            "invalid-delegation",
            "quorum of 2",
        ),
        (
            changed("finality_provider_pks", json!([])),
            1,
            "invalid-delegation",
            "at least one",
        ),
        (
            changed("covenant_pks", json!([staker])),
            1,
            "invalid-delegation",
            "occurs twice",
        ),
        (
            changed("staking_value", 1_000_000.into()),
            1,
            "invalid-delegation",
            "1000000 sat",
        ),
        (
            changed("staking_output_index", 1.into()),
            1,
            "invalid-delegation",
            "not output 1",
        ),
    ] {
        let (status, envelope) = run(&input);
        let error = &envelope["error"];
        assert_eq!(
            (status, error["code"].as_str().unwrap()),
            (exit, code),
            "{envelope}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(part),
            "{envelope}"
        );
    }
}

#[test]
fn people_see_the_same_and_the_addresses() {
    let case = &cases()[0];
    let mut child = Command::new(env!("CARGO_BIN_EXE_btc-staker"))
        .arg("scripts")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = Value::from(request(case)).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(text.contains("staking address: bcrt1p"), "{text}");
    let script = case["expected"]["slashing_script"].as_str().unwrap();
    assert!(
        text.contains(&format!("slashing_script: {script}")),
        "{text}"
    );
}

/// A published case with its staking transaction.
fn whole_requests() -> Vec<Map<String, Value>> {
    let whole = |case: &Value| {
        let mut request = request(case);
        request.insert("staking_tx".into(), case["expected"]["staking_tx"].clone());
        request
    };
    cases().iter().map(whole).collect()
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        Just(json!(2_100_000_000_000_000_u64)),
        "[0-9a-f]{0,140}".prop_map(Value::from),
        "[0-9.]{0,30}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec("[0-9a-f]{64}", 0..4).prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn a_request_that_is_wrong_anywhere_is_built_or_refused(
        request in select(whole_requests()), at in any::<Index>(), value in prop::option::of(replacement()),
    ) {
        let mut request = request;
        let name = request.keys().nth(at.index(request.len())).unwrap().clone();
        match value {
            Some(value) => drop(request.insert(name, value)),
            None => drop(request.remove(&name)),
        }
        if let Ok(request) = serde_json::from_value::<Request>(request.into()) {
            match request.build() {
                Ok(scripts) => prop_assert!(!scripts.to_string().is_empty()),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn a_damaged_staking_transaction_is_built_on_or_refused(
        request in select(whole_requests()), at in any::<Index>(), change in any::<u8>(),
        output in prop::option::of(any::<u32>()),
    ) {
        let mut request = request;
        let mut bytes = hex::decode(request["staking_tx"].as_str().unwrap()).unwrap();
        let at = at.index(bytes.len());
        if change == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= change;
        }
        request.insert("staking_tx".into(), hex::encode(bytes).into());
        request.insert("staking_output_index".into(), json!(output));
        let request: Request = serde_json::from_value(request.into()).unwrap();
        let _ = request.build().map(|scripts| serde_json::to_value(scripts).unwrap());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = serde_json::from_str::<Request>(&text).map(|request| request.build());
    }
}
