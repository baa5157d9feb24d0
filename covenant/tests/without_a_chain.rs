//! The program of a member who serves stakers only, without any node: what goes wrong has one clear error, and what needs
//! no chain works.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A secret key of nobody.
const SECRET: &str = "9dfb369bab13dfae627655daa05f11193ceaaf308142c8ea91d93080f9b439fd";

/// Its public key.
const PUBLIC: &str = "35c209685eea356af489a6ffcb655ade6ef09b3e30731e645bca3c9ac2e8235e";

/// Somebody else's.
const STRANGER: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

/// A home without a chain.
struct Home(TempDir);

impl Home {
    /// With `[stakers]` for a committee of this key, where there is one.
    fn new(committee: Option<&str>) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("passphrase", "correct horse battery staple");
        home.configure(committee);
        home
    }

    fn configure(&self, committee: Option<&str>) {
        let stakers = committee.map_or_else(String::new, |key| {
            format!(
                "[stakers]\nlisten = \"127.0.0.1:0\"\n[[stakers.params]]\nversion = 4\nkeys = [\"{key}\"]\nquorum = 1\n\
                 min_staking_value = 50000\nmax_staking_value = 100000000\n\
                 min_staking_time = 10000\nmax_staking_time = 64000\n\
                 slashing_script = \"6a07534c4153484544\"\nmin_slashing_fee = 1000\nslashing_rate = 500\n\
                 unbonding_time = 1008\nunbonding_fee = 2000\n"
            )
        });
        let text = format!(
            "bitcoin_network = \"regtest\"\n[signer]\npassphrase = \"file:passphrase\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n{stakers}"
        );
        self.write("covenant.toml", &text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_covenant"))
            .arg("--json")
            .arg("--home")
            .arg(self.0.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn succeeds(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        let mut envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        envelope["result"].take()
    }

    fn fails(&self, arguments: &[&str], exit: i32, code: &str, words: &str) {
        let output = self.run(arguments, "");
        let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &envelope["error"];
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        assert!(error.to_string().contains(words), "{arguments:?}: {error}");
    }
}

#[test]
fn with_neither_a_chain_nor_stakers_there_is_nobody_to_sign_for() {
    let home = Home::new(None);
    home.fails(&["start"], 3, "config-invalid", "[stakers]");
    home.fails(&["params"], 3, "config-invalid", "[babylon]");
}

#[test]
fn a_member_who_is_in_no_committee_of_its_sets_does_not_start() {
    let home = Home::new(Some(STRANGER));
    home.fails(&["start"], 3, "key-missing", "covenant.key");
    home.succeeds(&["keys", "import", "covenant"], SECRET);
    home.fails(&["start"], 3, "mismatch", "version 4 in [[stakers.params]]");
}

#[test]
fn the_sets_are_shown_with_what_pins_them() {
    let home = Home::new(Some(PUBLIC));
    let shown = home.succeeds(&["params"], "");
    assert_eq!(shown["params"], Value::Array(Vec::new()), "{shown}");
    let pin = shown["stakers"][0]["pin"].as_str().unwrap();
    assert!(pin.starts_with("4:") && pin.len() == 66, "{shown}");
}

#[test]
fn a_lost_record_is_made_anew_from_the_log_alone_but_not_from_nothing() {
    let home = Home::new(Some(PUBLIC));
    home.succeeds(&["keys", "import", "covenant"], SECRET);
    fs::remove_file(home.path("data/signing-record.redb")).unwrap();
    home.fails(&["start"], 6, "record-missing", "record rebuild");
    let log = fs::read(home.path("data/audit.jsonl")).unwrap();
    fs::remove_file(home.path("data/audit.jsonl")).unwrap();
    let rebuild = ["record", "rebuild", "--yes"];
    home.fails(&rebuild, 6, "nothing-known", "audit.jsonl");
    assert!(!home.path("data/signing-record.redb").exists());
    fs::write(home.path("data/audit.jsonl"), log).unwrap();
    let rebuilt = home.succeeds(&rebuild, "");
    assert_eq!(rebuilt["from_chain"], 0, "{rebuilt}");
    assert_eq!(rebuilt["closed"], 0, "{rebuilt}");
    // It knows all, so there is nothing to learn.
    home.fails(&rebuild, 6, "record-exists", "");
}
