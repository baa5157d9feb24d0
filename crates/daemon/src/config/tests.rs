use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::output::{CommandError, Exit};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Covenant {
    network: Network,
    bitcoin: Bitcoin,
    #[serde(default)]
    labels: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Network {
    Signet,
    Regtest,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Bitcoin {
    rpc_url: String,
    #[serde(default)]
    rpc_password_file: Option<PathBuf>,
    #[serde(default)]
    zmq: Option<SocketAddr>,
    #[serde(default)]
    confirmations: u8,
}

impl Settings for Covenant {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        if self.bitcoin.confirmations > 100 {
            broken.push(BrokenRule::new(
                "bitcoin.confirmations",
                format!("must be at most 100, is {}", self.bitcoin.confirmations),
            ));
        }
        if self.bitcoin.rpc_url.is_empty() {
            broken.push(BrokenRule::new("bitcoin.rpc_url", "must not be empty"));
        }
        broken
    }
}

const GOOD: &str = "network = \"regtest\"\n\n[bitcoin]\nrpc_url = \"http://127.0.0.1:18443\"\n";

fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Covenant, String> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("covenant.toml");
    fs::write(&path, text).unwrap();
    let environment = Environment::of_program(
        "covenant",
        variables
            .iter()
            .map(|(name, value)| (name.into(), value.into())),
    );
    load(&path, &environment).map_err(|error| {
        let error = CommandError::from(error);
        assert_eq!(error.exit, Exit::Configuration);
        let directory = format!("{}/", directory.path().display());
        let hint = error
            .hint
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        format!("{}{hint}", error.message.replace(&directory, ""))
    })
}

#[test]
fn a_variable_overrides_the_file() {
    let settings = load_text(
        GOOD,
        &[
            ("COVENANT__BITCOIN__CONFIRMATIONS", "6"),
            ("COVENANT__NETWORK", "signet"),
        ],
    )
    .unwrap();
    assert_eq!(settings.bitcoin.confirmations, 6);
    assert_eq!(settings.network, Network::Signet);
    assert_eq!(settings.bitcoin.rpc_url, "http://127.0.0.1:18443");
}

#[test]
fn every_mistake_names_its_place_its_key_the_rule_and_what_to_do() {
    let bad = |extra: &str| load_text(&format!("{GOOD}{extra}\n"), &[]).unwrap_err();
    for (case, error, expected) in [
        (
            "unknown key",
            bad("confirmation = 6"),
            "covenant.toml, line 5: `bitcoin.confirmation`: unknown key (did you mean `confirmations`?)",
        ),
        (
            "unknown section",
            bad("[bitcion]\nx = 1"),
            "covenant.toml, line 5: `bitcion`: unknown key (did you mean `bitcoin`?)",
        ),
        (
            "wrong type",
            bad("confirmations = \"six\""),
            "covenant.toml, line 5: `bitcoin.confirmations`: expected a whole number from 0 to 255, found the text `six`",
        ),
        (
            "number out of range",
            bad("confirmations = 300"),
            "covenant.toml, line 5: `bitcoin.confirmations`: expected a whole number from 0 to 255, found 300",
        ),
        (
            "a value instead of a section",
            load_text("network = \"regtest\"\nbitcoin = 5", &[]).unwrap_err(),
            "covenant.toml, line 2: `bitcoin`: expected a section, found 5",
        ),
        (
            "unreadable value",
            bad("zmq = \"localhost\""),
            "covenant.toml, line 5: `bitcoin.zmq`: `localhost`: invalid socket address syntax",
        ),
        (
            "broken rule",
            bad("confirmations = 101"),
            "covenant.toml, line 5: `bitcoin.confirmations`: must be at most 100, is 101",
        ),
        (
            "not TOML",
            bad("confirmations ="),
            "covenant.toml, line 5: not valid TOML: string values must be quoted, expected literal string",
        ),
        (
            "twice",
            bad("rpc_url = \"again\""),
            "covenant.toml, line 5: not valid TOML: duplicate key",
        ),
        (
            "missing value",
            load_text("network = \"regtest\"\n[bitcoin]\n", &[]).unwrap_err(),
            "covenant.toml, line 2: `bitcoin.rpc_url`: missing (set `rpc_url`; `config init` writes an example)",
        ),
        (
            "missing section",
            load_text("network = \"regtest\"\n", &[]).unwrap_err(),
            "covenant.toml: `bitcoin`: missing (set `bitcoin`; `config init` writes an example)",
        ),
        (
            "unknown variant",
            load_text(&GOOD.replace("regtest", "regest"), &[]).unwrap_err(),
            "covenant.toml, line 1: `network`: `regest` is none of `signet`, `regtest` (did you mean `regtest`?)",
        ),
    ] {
        assert_eq!(error, expected, "{case}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value, expected) in [
        (
            "COVENANT__BITCOIN__CONFIRMATIONS",
            "six",
            "environment variable COVENANT__BITCOIN__CONFIRMATIONS: `bitcoin.confirmations`: \
             expected a whole number from 0 to 255, found the text `six`",
        ),
        (
            "COVENANT__BITCOIN__RPC_ULR",
            "x",
            "environment variable COVENANT__BITCOIN__RPC_ULR: `bitcoin.rpc_ulr`: \
             unknown key (did you mean `rpc_url`?)",
        ),
        (
            "COVENANT__BITCOIN__RPC_URL",
            "8332",
            "environment variable COVENANT__BITCOIN__RPC_URL: `bitcoin.rpc_url`: \
             expected a string, found 8332 (put the value in double quotes)",
        ),
        (
            "COVENANT__BITCOIN__CONFIRMATIONS",
            "101",
            "environment variable COVENANT__BITCOIN__CONFIRMATIONS: `bitcoin.confirmations`: \
             must be at most 100, is 101",
        ),
    ] {
        assert_eq!(load_text(GOOD, &[(name, value)]).unwrap_err(), expected);
    }
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let error = load_text(
        "network = \"regtest\"\n[bitcoin]\nrpc_url = \"\"\nconfirmations = 101",
        &[],
    )
    .unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    for line in [
        "rpc_password = \"hunter2\"",
        "rpc_password = [\"hunter2\"]",
        "rpc_password = hunter2",
    ] {
        let error = load_text(&format!("{GOOD}{line}\n"), &[]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
    // In lists and sections that look like secrets, and in URLs, too.
    for text in [
        format!("{GOOD}zmq = \"tcp://user:hunter2@127.0.0.1:28332\"\n"),
        format!("{GOOD}confirmations = \"http://user:hunter2@host/\"\n"),
        format!("{GOOD}[labels]\nmy_tokens = \"hunter2\"\n"),
        format!("{GOOD}[labels.my_tokens]\nfirst = \"hunter2\"\n"),
    ] {
        let error = load_text(&text, &[]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = load_text(&format!("{GOOD}rpc_password = \"hunter2\"\n"), &[]).unwrap_err();
    assert!(
        error.contains("write it to a file and set `rpc_password_file`"),
        "{error}"
    );
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let path = TempDir::new().unwrap().path().join("none.toml");
    let error = CommandError::from(load::<Covenant>(&path, &Environment::default()).unwrap_err());
    assert_eq!(
        (error.exit, error.code),
        (Exit::Configuration, "config-missing")
    );
    assert!(error.hint.unwrap().contains("config init"));
}

#[test]
fn a_template_is_written_once_and_never_overwritten() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("new/covenant.toml");
    write_template(&path, GOOD).unwrap();
    assert!(load::<Covenant>(&path, &Environment::default()).is_ok());
    let again = CommandError::from(write_template(&path, "other").unwrap_err());
    assert_eq!((again.exit, again.code), (Exit::Refused, "config-exists"));
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in "([a-z_.\\[\\]= \"\n0-9-]|network|bitcoin|rpc_url|labels){0,60}") {
        let _ = load_text(&text, &[]);
        let _ = load_text(&format!("{GOOD}{text}"), &[]);
    }
}
