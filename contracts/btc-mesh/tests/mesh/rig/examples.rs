//! What is asked of a contract's published examples.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Checks that a story of messages, one line each, has every message of a contract's schema, and that the examples in the
/// package's folder are that story. With `UPDATE_EXAMPLES` set they become it first.
pub(crate) fn check(package: &str, schema: &str, story: &str) {
    let name = |line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let message = line["message"].as_object().unwrap();
        message.keys().next().unwrap().clone()
    };
    let told: BTreeSet<_> = story.lines().map(name).collect();
    let schema: Value = serde_json::from_str(schema).unwrap();
    let all: BTreeSet<_> = schema["execute"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| variant["required"][0].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, all);

    let path = Path::new(package).join("schema/examples.jsonl");
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        std::fs::write(&path, story).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == story,
        "run this test with UPDATE_EXAMPLES=1"
    );
}
