//! Votes that are wrong anywhere give `extract-key` nothing but an error, and never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use finality_provider::extract_key::{extract_key, read_votes};
use proptest::prelude::*;
use proptest::sample::{Index, select};
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

fn questions() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let question = |case: &Value| {
        let fields = FIELDS
            .iter()
            .map(|field| ((*field).to_owned(), case[*field].clone()));
        fields.collect()
    };
    vectors["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(question)
        .collect()
}

/// The key that an input gives away, if any.
fn key(input: &str) -> Option<String> {
    let votes = read_votes(input.as_bytes()).ok()?;
    extract_key(&votes).ok().map(|found| found.extracted_key)
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9a-f]{64}".prop_map(Value::from),
        "[0-9a-f]{0,140}".prop_map(Value::from),
        Just(json!("00".repeat(32))),
        Just(json!("ff".repeat(32))),
        any::<String>().prop_map(Value::from),
    ]
}

#[test]
fn the_votes_that_are_changed_give_a_key_before() {
    for question in questions() {
        assert!(key(&question.to_string()).is_some(), "{question}");
    }
}

proptest! {
    #[test]
    fn votes_with_one_wrong_field_give_no_key(
        question in select(questions()), field in select(&FIELDS[..]), value in replacement(),
    ) {
        let mut changed = question.clone();
        changed[field] = value;
        let found = key(&changed.to_string());
        prop_assert!(found.is_none() || changed == question, "{}", changed);
    }

    #[test]
    fn one_wrong_byte_gives_no_key(
        question in select(questions()), field in select(&FIELDS[..]), at in any::<Index>(), change in 1_u8..,
    ) {
        let mut changed = question;
        if let Some(text) = changed[field].as_str() {
            let mut bytes = hex::decode(text).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            changed[field] = hex::encode(bytes).into();
            prop_assert_eq!(key(&changed.to_string()), None);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(input in prop::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        let _ = read_votes(input.as_slice());
        let _ = key(&text);
    }
}
