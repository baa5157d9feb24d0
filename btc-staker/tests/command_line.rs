//! The command line without any node: help, configuration, and what a home without a seed says.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const VERBS: [&str; 15] = [
    "init",
    "providers",
    "params",
    "stake",
    "restake",
    "exposure",
    "rewards",
    "resume",
    "list",
    "status",
    "unbond",
    "withdraw",
    "cancel",
    "inspect",
    "scripts",
];

fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc-staker"));
    command.arg("--home").arg(home).args(arguments);
    command
}

fn run(home: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = program(home, arguments).arg("--json").output().unwrap();
    let envelope = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), envelope)
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let wallet = ["new", "restore", "address", "balance", "sync"].map(|verb| vec!["wallet", verb]);
    for verb in VERBS.iter().map(|verb| vec![*verb]).chain(wallet) {
        let output = program(folder.path(), &verb)
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{verb:?}");
        assert!(help.contains("Example"), "{verb:?}: {help}");
        assert!(
            help.contains(&format!("btc-staker {}", verb.join(" "))),
            "{verb:?}: {help}"
        );
    }
}

#[test]
fn init_makes_a_private_home_with_a_valid_configuration_and_never_overwrites_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let (exit, made) = run(&home, &["init"]);
    assert_eq!((exit, &made["result"]["config_written"]), (0, &true.into()));
    for directory in [home.clone(), home.join("keys"), home.join("data")] {
        let mode = fs::metadata(&directory).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", directory.display());
    }
    assert_eq!(run(&home, &["config", "validate"]).0, 0);

    let file = home.join("btc-staker.toml");
    fs::write(&file, "# mine").unwrap();
    let (exit, again) = run(&home, &["init"]);
    assert_eq!(
        (exit, &again["result"]["config_written"]),
        (0, &false.into())
    );
    assert_eq!(fs::read_to_string(file).unwrap(), "# mine");
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_its_line_and_rule() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    let file = folder.path().join("btc-staker.toml");
    let template = fs::read_to_string(&file).unwrap();
    for (right, wrong, parts) in [
        ("rpc_url = ", "rpc_ulr = ", ["rpc_ulr", "btc-staker.toml"]),
        ("\"signet\"", "\"moonnet\"", ["moonnet", "mainnet"]),
        (
            "http://127.0.0.1:38332",
            "127.0.0.1:38332",
            ["rpc_url", "http://"],
        ),
        (
            "passphrase = \"prompt\"",
            "passphrase = \"hunter2\"",
            ["keys.passphrase", "line 55"],
        ),
        (
            "# [staking]",
            "[staking]\nmax_fee_sat = 0",
            ["max_fee_sat", "0"],
        ),
    ] {
        assert!(template.contains(right), "{right}");
        fs::write(&file, template.replace(right, wrong)).unwrap();
        let (exit, envelope) = run(folder.path(), &["config", "validate"]);
        let error = envelope["error"].to_string();
        assert_eq!(exit, 3, "{wrong}: {error}");
        for part in parts {
            assert!(error.contains(part), "{wrong}: {error}");
        }
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_home_without_a_seed_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    let txid = "00".repeat(32);
    for arguments in [&["list"][..], &["status", &txid], &["wallet", "address"]] {
        let (exit, envelope) = run(folder.path(), arguments);
        let error = &envelope["error"];
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("no-seed")),
            "{envelope}"
        );
        assert!(
            error["hint"].as_str().unwrap().contains("wallet new"),
            "{envelope}"
        );
    }
}
