//! `inspect --json` recognises what other software made on mainnet, and says why something is only almost a stake.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use bitcoin::Transaction;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use proptest::prelude::*;
use serde_json::{Value, json};
use staking::network::NetworkProfile;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/mainnet.json")).unwrap()
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc-staker"));
    command.args(["inspect", "--json"]).args(arguments);
    command
}

fn run(arguments: &[&str]) -> (i32, Value) {
    let output = program(arguments).output().unwrap();
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

fn report(arguments: &[&str]) -> Value {
    let (exit, mut envelope) = run(arguments);
    assert_eq!(
        (exit, &envelope["status"]),
        (0, &json!("success")),
        "{envelope}"
    );
    envelope["result"].take()
}

#[test]
fn mainnet_stakes_of_other_software_are_recognised() {
    let vectors = vectors();
    for (vector, (staker, value)) in vectors["stakes"].as_array().unwrap().iter().zip([
        ("0b93d2d3", 30_000_400_000_u64),
        ("d3d09d91", 4_994_180),
        ("3fc003f3", 11_600_000_000),
    ]) {
        let report = report(&[vector["tx"].as_str().unwrap(), "--network", "mainnet"]);
        assert_eq!(report["txid"], vector["txid"]);
        assert_eq!(report["kind"], "staking");
        let found = &report["findings"][0];
        assert_eq!(found["kind"], "staking");
        assert_eq!(found["value_sat"], value);
        assert_eq!(found["staking_time"], 64_000);
        assert!(
            found["staker"].as_str().unwrap().starts_with(staker),
            "{report}"
        );
        assert_eq!(
            found["outpoint"],
            format!("{}:0", vector["txid"].as_str().unwrap())
        );
        assert_eq!(report["near_misses"], json!([]));
    }
}

#[test]
fn mainnet_unbondings_are_recognised_also_from_stdin() {
    let vectors = vectors();
    let transaction = vectors["unbondings"][0]["tx"].as_str().unwrap();
    let mut child = program(&["-", "--network", "mainnet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{transaction}").unwrap();
    let output = child.wait_with_output().unwrap();
    let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &envelope["result"];
    assert_eq!(report["kind"], "unbonding");
    let found = &report["findings"][0];
    assert_eq!(found["value_sat"], 4_936_000);
    assert_eq!(found["unbonding_time"], 1_008);
    assert_eq!(found["covenant_signers"].as_array().unwrap().len(), 6);
}

#[test]
fn on_another_network_the_same_transaction_is_a_near_miss_with_its_reason() {
    let vectors = vectors();
    let transaction = vectors["unbondings"][0]["tx"].as_str().unwrap();
    let report = report(&[transaction, "--network", "regtest"]);
    assert_eq!(report["kind"], Value::Null);
    assert_eq!(report["findings"], json!([]));
    assert_eq!(report["near_misses"][0]["kind"], "unbonding");
    let reason = report["near_misses"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("right network"), "{reason}");
}

#[test]
fn malformed_and_truncated_transactions_are_refused() {
    let vectors = vectors();
    let good = vectors["stakes"][0]["tx"].as_str().unwrap();
    let trailing = format!("{good}00");
    for text in [
        "",
        "xyz",
        "0200",
        &good[..good.len() - 2],
        &good[..good.len() - 1],
        &trailing,
    ] {
        let (exit, envelope) = run(&[text]);
        assert_eq!(exit, 2, "{text}");
        assert_eq!(
            envelope["error"]["code"], "malformed-transaction",
            "{envelope}"
        );
    }
    let (exit, envelope) = run(&[good, "--network", "moonnet"]);
    assert_eq!(
        (exit, &envelope["error"]["code"]),
        (2, &json!("unknown-network"))
    );
    assert!(
        envelope["error"]["message"]
            .as_str()
            .unwrap()
            .contains("moonnet")
    );
}

#[test]
fn people_are_told_in_words() {
    let vectors = vectors();
    let text = |transaction: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_btc-staker"))
            .args(["inspect", transaction])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let stake = text(vectors["stakes"][1]["tx"].as_str().unwrap());
    assert!(
        stake.contains("stakes 0.04994180 BTC in 2aeeddb9"),
        "{stake}"
    );
    assert!(stake.contains("64000 blocks (about 444 days)"), "{stake}");
    let mut nothing: Transaction =
        deserialize_hex(vectors["stakes"][1]["tx"].as_str().unwrap()).unwrap();
    nothing.output.truncate(1);
    let nothing = text(&serialize_hex(&nothing));
    assert!(
        nothing.contains("nothing of the staking protocol on mainnet"),
        "{nothing}"
    );
}

proptest! {
    #[test]
    fn no_input_makes_inspecting_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        which in any::<prop::sample::Index>(),
    ) {
        let vectors = vectors();
        let transactions: Vec<&str> = ["stakes", "unbondings"]
            .iter()
            .flat_map(|kind| vectors[kind].as_array().unwrap())
            .map(|vector| vector["tx"].as_str().unwrap())
            .collect();
        let mut bytes = hex::decode(which.get(&transactions)).unwrap();
        for (index, byte) in flips {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let profile = NetworkProfile::named("mainnet").unwrap();
        if let Ok(report) = btc_staker::inspect::inspect(&hex::encode(bytes), &profile) {
            prop_assert!(report.to_string().contains(&report.txid.to_string()));
        }
    }
}
