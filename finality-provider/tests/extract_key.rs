//! `extract-key` as others call it: the real program, JSON on stdin, the envelope on stdout.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../crates/eots/tests/vectors/eots.json");

const FIELDS: [&str; 7] = [
    "public_key",
    "height",
    "public_randomness",
    "app_hash",
    "signature",
    "fork_app_hash",
    "fork_signature",
];

fn cases() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

/// The question about a case of the vectors.
fn question(case: &Value) -> Value {
    FIELDS
        .iter()
        .map(|field| ((*field).to_owned(), case[field].clone()))
        .collect()
}

fn run(input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_finality-provider"))
        .args(["extract-key", "--json"])
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

/// Exit code and error of a refusal.
fn refused(input: &str) -> (i32, Value) {
    let output = run(input);
    let mut envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(envelope["status"], "error", "{output:?}");
    (output.status.code().unwrap(), envelope["error"].take())
}

#[test]
fn every_pair_of_votes_of_the_vectors_reveals_its_key() {
    for case in cases() {
        let output = run(&question(&case).to_string());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        let expected = json!({
            "status": "success",
            "result": { "extracted_key": case["extracted_key"] },
        });
        assert_eq!(envelope, expected);
    }
}

#[test]
fn votes_that_do_not_verify_or_do_not_differ_reveal_nothing() {
    for case in cases() {
        for field in ["signature", "fork_signature"] {
            let mut question = question(&case);
            question[field] = "01".repeat(32).into();
            let (exit, error) = refused(&question.to_string());
            assert_eq!((exit, &error["code"]), (1, &json!("invalid-vote")));
            assert!(error["message"].as_str().unwrap().contains(field));
        }
        let mut one_vote = question(&case);
        one_vote["fork_app_hash"] = one_vote["app_hash"].clone();
        one_vote["fork_signature"] = one_vote["signature"].clone();
        let (exit, error) = refused(&one_vote.to_string());
        assert_eq!((exit, &error["code"]), (1, &json!("no-equivocation")));
        let mut elsewhere = question(&case);
        elsewhere["height"] = 1.into();
        assert_eq!(refused(&elsewhere.to_string()).0, 1);
    }
}

#[test]
fn malformed_input_is_refused_by_the_name_of_its_field() {
    let question = question(&cases()[0]);
    for field in FIELDS {
        for wrong in [json!("zz"), json!("00ff"), json!(-1), json!(null)] {
            let mut question = question.clone();
            question[field] = wrong;
            let (exit, error) = refused(&question.to_string());
            assert_eq!((exit, &error["code"]), (2, &json!("malformed-input")));
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(field), "{field}: {message}");
        }
        let mut missing = question.clone();
        missing.as_object_mut().unwrap().remove(field);
        let (exit, error) = refused(&missing.to_string());
        assert_eq!(exit, 2);
        assert!(error["message"].as_str().unwrap().contains(field));
    }
    let mut more = question.clone();
    more["secret_key"] = "00".into();
    assert_eq!(refused(&more.to_string()).0, 2);
    for text in ["", "[]", "{", "null", &format!("{question} x")] {
        assert_eq!(refused(text).0, 2, "{text}");
    }
}
