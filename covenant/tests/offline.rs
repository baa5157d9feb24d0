//! The offline checks, as others call them: the real program, JSON on stdin, the envelope on stdout.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const SCRIPTS: &str = include_str!("../../crates/staking/tests/vectors/scripts.json");
const ADAPTOR: &str = include_str!("../../crates/eots/tests/vectors/adaptor.json");

fn cases(vectors: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_covenant"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn result(command: &str, question: &Value) -> Value {
    let output = run(&[command, "--json"], &question.to_string());
    assert!(output.status.success(), "{output:?}");
    let mut envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(envelope["status"], "success");
    envelope["result"].take()
}

/// The question about a case of the vectors.
fn delegation(case: &Value) -> Value {
    let mut question = case["params"].clone();
    let fields = question.as_object_mut().unwrap();
    fields.insert("network".into(), "regtest".into());
    fields.insert("staking_output_index".into(), 0.into());
    for field in [
        "staking_tx",
        "unbonding_tx",
        "slashing_tx",
        "unbonding_slashing_tx",
    ] {
        fields.insert(field.into(), case["expected"][field].clone());
    }
    question
}

/// The same question with one field changed.
fn changed(question: &Value, field: &str, change: impl FnOnce(&Value) -> Value) -> Value {
    let mut question = question.clone();
    let value = change(&question[field]);
    question[field] = value;
    question
}

/// The hex text with the byte at `index` (negative from the end) xored.
fn flipped(hex_text: &Value, index: isize) -> Value {
    let mut bytes = hex::decode(hex_text.as_str().unwrap()).unwrap();
    let index = if index < 0 {
        bytes.len().checked_add_signed(index).unwrap()
    } else {
        index.unsigned_abs()
    };
    bytes[index] ^= 1;
    hex::encode(bytes).into()
}

#[test]
fn every_delegation_of_the_vectors_is_valid() {
    for case in cases(SCRIPTS) {
        assert_eq!(
            result("check-delegation", &delegation(&case)),
            json!({"valid": true})
        );
    }
}

#[test]
fn slashing_transactions_of_version_2_are_valid_too() {
    for case in cases(SCRIPTS).iter().take(4) {
        let mut question = delegation(case);
        for field in ["slashing_tx", "unbonding_slashing_tx"] {
            question = changed(&question, field, |tx| {
                let tx = tx.as_str().unwrap();
                format!("02{}", &tx[2..]).into()
            });
        }
        assert_eq!(
            result("check-delegation", &question),
            json!({"valid": true})
        );
    }
}

#[test]
fn each_mutation_is_refused_by_its_own_rule() {
    // A little-endian output value stands after version, input count, outpoint, script length, sequence and output
    // count; the first 32 bytes of an outpoint after version and input count.
    const VALUE: isize = 4 + 1 + 36 + 1 + 4 + 1;
    const OUTPOINT: isize = 4 + 1;
    const SEQUENCE: isize = 4 + 1 + 36 + 1;
    let case = &cases(SCRIPTS)[3];
    let good = delegation(case);
    let increased = |value: &Value| (value.as_u64().unwrap() + 1).into();
    let flip = |field: &'static str, index| (field, flipped(&good[field], index));
    for ((field, value), rule) in [
        (
            ("unbonding_fee", increased(&good["unbonding_fee"])),
            "unbonding-fee",
        ),
        (
            ("staking_time", increased(&good["staking_time"])),
            "staking-output-missing",
        ),
        (
            ("staking_value", increased(&good["staking_value"])),
            "staking-output-missing",
        ),
        (("staking_output_index", json!(1)), "staking-output-index"),
        (("slashing_rate", json!("0.2")), "slashing-amount"),
        (("min_slashing_tx_fee", json!(1_001)), "slashing-fee"),
        (("slashing_pk_script", json!("6a")), "slashing-script"),
        (("covenant_quorum", json!(1)), "covenant-committee"),
        (("slashing_rate", json!("1.5")), "slashing-rate"),
        (("staking_time", json!(0)), "staking-time"),
        (("unbonding_time", json!(65_536)), "unbonding-time"),
        (
            ("finality_provider_pks", json!([])),
            "finality-provider-missing",
        ),
        (
            ("finality_provider_pks", json!([good["staker_pk"]])),
            "duplicate-key",
        ),
        (("staker_pk", json!("00".repeat(32))), "staker-key"),
        // Transactions.
        (flip("unbonding_tx", 0), "unbonding-version"),
        // Another unbonding transaction is another txid, which the node looks at before what it spends.
        (
            flip("unbonding_tx", OUTPOINT),
            "unbonding-slashing-outpoint",
        ),
        (flip("unbonding_tx", SEQUENCE), "unbonding-sequence"),
        (flip("unbonding_tx", -1), "unbonding-lock-time"),
        (flip("unbonding_tx", -5), "unbonding-script"),
        (flip("slashing_tx", 1), "slashing-version"),
        (flip("slashing_tx", OUTPOINT), "slashing-outpoint"),
        (flip("slashing_tx", SEQUENCE), "slashing-sequence"),
        (flip("slashing_tx", -1), "slashing-lock-time"),
        (flip("slashing_tx", -5), "slashing-change-script"),
        // The highest byte of the slashed value: more than there is.
        (flip("slashing_tx", VALUE + 6), "slashing-fee"),
        (
            flip("unbonding_slashing_tx", OUTPOINT),
            "unbonding-slashing-outpoint",
        ),
        (
            flip("unbonding_slashing_tx", -5),
            "unbonding-slashing-change-script",
        ),
        (
            ("slashing_tx", good["unbonding_tx"].clone()),
            "slashing-outputs",
        ),
        (
            ("unbonding_slashing_tx", good["slashing_tx"].clone()),
            "unbonding-slashing-outpoint",
        ),
        (("unbonding_tx", json!("0200")), "unbonding-transaction"),
    ] {
        let judgement = result("check-delegation", &changed(&good, field, |_| value));
        assert_eq!(judgement["valid"], false, "{field}");
        assert_eq!(judgement["rule"], rule, "{field}: {judgement}");
        assert!(!judgement["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_question_that_cannot_be_read_is_an_error_with_its_place() {
    let good = delegation(&cases(SCRIPTS)[0]);
    for (input, named) in [
        ("{".to_owned(), "EOF"),
        (json!({}).to_string(), "missing field"),
        (
            changed(&good, "staking_tx", |_| "xyz".into()).to_string(),
            "xyz",
        ),
        (
            changed(&good, "network", |_| "moonnet".into()).to_string(),
            "moonnet",
        ),
        (
            changed(&good, "unbonding_fee", |_| json!(-1)).to_string(),
            "-1",
        ),
        (changed(&good, "extra", |_| json!(1)).to_string(), "extra"),
    ] {
        let output = run(&["check-delegation", "--json"], &input);
        assert_eq!(output.status.code(), Some(2), "{input}");
        let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(envelope["status"], "error");
        assert_eq!(envelope["error"]["code"], "invalid-input");
        let message = envelope["error"]["message"].as_str().unwrap();
        assert!(message.contains(named), "{message}");
    }
}

/// The question about a case of the vectors.
fn adaptor_signature(case: &Value) -> Value {
    let mut question = json!({});
    for field in [
        "signer_public",
        "encryption_key",
        "message",
        "adaptor_signature",
    ] {
        question[field] = case[field].clone();
    }
    question
}

#[test]
fn every_adaptor_signature_of_the_vectors_is_valid() {
    for case in cases(ADAPTOR) {
        let verdict = result("verify-adaptor-signature", &adaptor_signature(&case));
        assert_eq!(verdict, json!({"valid": true}));
    }
}

#[test]
fn a_changed_byte_anywhere_makes_an_adaptor_signature_invalid() {
    for case in cases(ADAPTOR).iter().take(3) {
        let good = adaptor_signature(case);
        for (field, index) in [
            ("signer_public", 31),
            ("encryption_key", 31),
            ("message", 0),
            ("adaptor_signature", 0),
            ("adaptor_signature", 32),
            ("adaptor_signature", 64),
        ] {
            let question = changed(&good, field, |value| flipped(value, index));
            let verdict = result("verify-adaptor-signature", &question);
            assert_eq!(verdict, json!({"valid": false}), "{field}[{index}]");
        }
    }
}

#[test]
fn a_decrypted_signature_is_no_adaptor_signature() {
    let case = &cases(ADAPTOR)[0];
    let question = changed(&adaptor_signature(case), "adaptor_signature", |_| {
        case["decrypted_signature"].clone()
    });
    assert_eq!(
        result("verify-adaptor-signature", &question),
        json!({"valid": false})
    );
}

#[test]
fn people_get_words_and_scripts_get_json() {
    let question = delegation(&cases(SCRIPTS)[0]).to_string();
    let output = run(&["check-delegation"], &question);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "valid\n");
}
