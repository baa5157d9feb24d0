//! Questions of the offline checks that are wrong anywhere: they are judged or refused, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use covenant::offline::{AdaptorSignatureQuestion, DelegationQuestion, Judgement};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

const SCRIPTS: &str = include_str!("../../crates/staking/tests/vectors/scripts.json");
const ADAPTOR: &str = include_str!("../../crates/eots/tests/vectors/adaptor.json");

fn cases(vectors: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

fn delegations() -> Vec<Value> {
    let question = |case: &Value| {
        let mut question = case["params"].clone();
        question["network"] = json!("regtest");
        question["staking_output_index"] = json!(0);
        for field in [
            "staking_tx",
            "unbonding_tx",
            "slashing_tx",
            "unbonding_slashing_tx",
        ] {
            question[field] = case["expected"][field].clone();
        }
        question
    };
    cases(SCRIPTS).iter().map(question).collect()
}

fn adaptor_signatures() -> Vec<Value> {
    let question = |case: &Value| {
        let fields = [
            "signer_public",
            "encryption_key",
            "message",
            "adaptor_signature",
        ];
        fields
            .iter()
            .map(|field| ((*field).to_owned(), case[*field].clone()))
            .collect()
    };
    cases(ADAPTOR).iter().map(question).collect()
}

/// What stands where something sensible stood.
fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9a-f]{0,140}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 32..34).prop_map(|bytes| hex::encode(bytes).into()),
        any::<String>().prop_map(Value::from),
        prop::collection::vec("[0-9a-f]{64}", 0..4).prop_map(Value::from),
    ]
}

/// One byte of a hexadecimal field changed, or the field cut.
fn damaged(text: &str, at: Index, change: u8) -> Value {
    let mut bytes = hex::decode(text).unwrap_or_default();
    if bytes.is_empty() {
        return text.into();
    }
    let at = at.index(bytes.len());
    if change == 0 {
        bytes.truncate(at);
    } else {
        bytes[at] ^= change;
    }
    hex::encode(bytes).into()
}

/// A question of the vectors with one field replaced, damaged or taken away.
fn changed(questions: Vec<Value>) -> impl Strategy<Value = Value> {
    let change = prop_oneof![
        3 => replacement().prop_map(Some),
        1 => Just(None),
    ];
    (
        select(questions),
        any::<Index>(),
        change,
        any::<(bool, Index, u8)>(),
    )
        .prop_map(|(mut question, field, change, (damage, at, byte))| {
            let fields = question.as_object_mut().unwrap();
            let name = fields
                .keys()
                .nth(field.index(fields.len()))
                .unwrap()
                .clone();
            match (damage.then(|| fields[&name].as_str()).flatten(), change) {
                (Some(text), _) => fields[&name] = damaged(text, at, byte),
                (None, Some(value)) => fields[&name] = value,
                (None, None) => drop(fields.remove(&name)),
            }
            question
        })
}

#[test]
fn the_questions_that_are_changed_are_valid_before() {
    for question in delegations() {
        let question: DelegationQuestion = serde_json::from_value(question).unwrap();
        assert!(matches!(question.judge(), Judgement::Valid { valid: true }));
    }
    for question in adaptor_signatures() {
        let question: AdaptorSignatureQuestion = serde_json::from_value(question).unwrap();
        assert!(question.is_valid());
    }
}

proptest! {
    #[test]
    fn a_changed_delegation_is_judged_or_refused(question in changed(delegations())) {
        if let Ok(question) = serde_json::from_value::<DelegationQuestion>(question) {
            let judgement = serde_json::to_value(question.judge()).unwrap();
            let valid = judgement["valid"].as_bool().unwrap();
            prop_assert_eq!(valid, judgement.get("rule").is_none());
        }
    }

    #[test]
    fn a_changed_adaptor_signature_is_not_valid(question in changed(adaptor_signatures())) {
        let before = adaptor_signatures();
        if let Ok(changed) = serde_json::from_value::<AdaptorSignatureQuestion>(question.clone()) {
            // A change can leave a question as it was.
            prop_assert!(!changed.is_valid() || before.contains(&question), "{}", question);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = serde_json::from_str::<DelegationQuestion>(&text).map(|question| question.judge());
        let _ = serde_json::from_str::<AdaptorSignatureQuestion>(&text).map(|question| question.is_valid());
    }
}
