//! The program as people call it, without any node: what goes wrong has one clear error, its exit code, and leaves
//! nothing half done.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use daemon::parked::ParkedDirectory;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The words of BIP-0039's first vector.
const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

/// A home whose nodes do not answer.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("passphrase", "correct horse battery staple", 0o600);
        home.write("cookie", "__cookie__:secret", 0o600);
        let [bitcoind, babylond, http] = [free_port(), free_port(), free_port()];
        let text = format!(
            "[bitcoin]\nnetwork = \"regtest\"\nrpc_url = \"http://127.0.0.1:{bitcoind}\"\ncookie_file = \"cookie\"\n\
             [babylon]\nchain_id = \"bbn-test-1\"\ngrpc_url = \"http://127.0.0.1:{babylond}\"\n\
             [keys]\npassphrase = \"file:passphrase\"\n[http]\nlisten = \"127.0.0.1:{http}\"\n",
        );
        home.write("watchtower.toml", &text, 0o600);
        home
    }

    /// With the seed of [`WORDS`].
    fn restored() -> (Self, Value) {
        let home = Self::new();
        let made = home.succeeds(&["wallet", "restore"], WORDS);
        (home, made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_watchtower"))
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

    /// Ends with this exit code and error, whose message or hint has the words.
    fn fails(&self, arguments: &[&str], input: &str, exit: i32, code: &str, words: &str) {
        let output = self.run(arguments, input);
        let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &envelope["error"];
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        assert!(error.to_string().contains(words), "{arguments:?}: {error}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    let verbs: [&[&str]; 13] = [
        &["init"],
        &["wallet", "new"],
        &["wallet", "restore"],
        &["wallet", "address"],
        &["wallet", "balance"],
        &["start"],
        &["status"],
        &["slash"],
        &["parked", "list"],
        &["parked", "retry"],
        &["config", "init"],
        &["config", "validate"],
        &["man"],
    ];
    let home = Home::new();
    for verb in verbs {
        let output = home.run(&[verb, &["--help"]].concat(), "");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{verb:?}");
        assert!(
            help.contains("Example") && help.contains(&format!("watchtower {}", verb.join(" "))),
            "{verb:?}: {help}"
        );
    }
}

#[test]
fn a_configuration_is_written_once_and_its_mistakes_are_named() {
    let home = Home::new();
    let file = home.path("watchtower.toml");
    let mine = fs::read_to_string(&file).unwrap();
    let again = home.succeeds(&["init"], "");
    assert_eq!(again["config_written"], false, "{again}");
    assert_eq!(fs::read_to_string(&file).unwrap(), mine);
    home.succeeds(&["config", "validate"], "");
    for (right, wrong, named) in [
        ("rpc_url", "rpc_ulr", "rpc_ulr"),
        ("\"regtest\"", "\"moonnet\"", "moonnet"),
        ("[keys]", "[kees]", "kees"),
        ("cookie_file = \"cookie\"", "", "cookie_file"),
        (
            "[http]",
            "[headers]\nheaders_per_message = 0\n[http]",
            "headers_per_message",
        ),
        ("[http]", "[roles]\nslashin = true\n[http]", "slashin"),
    ] {
        assert!(mine.contains(right), "{right}");
        fs::write(&file, mine.replace(right, wrong)).unwrap();
        for command in [&["config", "validate"][..], &["start"], &["status"]] {
            home.fails(command, "", 3, "config-invalid", named);
        }
    }
    fs::remove_file(&file).unwrap();
    home.fails(&["status"], "", 3, "config-missing", "config init");
    let made = home.succeeds(&["init"], "");
    assert_eq!(made["config_written"], true, "{made}");
    home.succeeds(&["config", "validate"], "");
}

#[test]
fn words_give_the_same_wallet_and_account_on_every_machine() {
    let (home, made) = Home::restored();
    assert_eq!(made["words"], Value::Null, "{made}");
    assert!(
        made["address"].as_str().unwrap().starts_with("bcrt1p"),
        "{made}"
    );
    assert!(
        made["account"].as_str().unwrap().starts_with("bbn1"),
        "{made}"
    );
    let shown = home.succeeds(&["wallet", "address"], "");
    assert_eq!(
        shown,
        json!({"address": made["address"], "account": made["account"]})
    );

    let (_, elsewhere) = Home::restored();
    assert_eq!(elsewhere, made);
}

#[test]
fn a_seed_is_never_replaced_and_never_shown() {
    let (home, _) = Home::restored();
    let file = home.path("keys/seed.key");
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = fs::read(&file).unwrap();
    let other = WORDS.replace("about", "zoo").replacen("abandon", "zoo", 11);
    home.fails(&["wallet", "restore"], WORDS, 6, "key-exists", "seed.key");
    assert_eq!(fs::read(&file).unwrap(), before);

    let fresh = Home::new();
    for words in ["", "abandon", &other, "what is this"] {
        let output = fresh.run(&["wallet", "restore"], words);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        for shown in [&output.stdout, &output.stderr] {
            let shown = String::from_utf8_lossy(shown);
            assert!(
                !shown.contains("abandon") && !shown.contains("zoo"),
                "{shown}"
            );
        }
        fresh.fails(
            &["wallet", "restore"],
            words,
            1,
            "key-unusable",
            "seed phrase",
        );
    }
    assert!(!fresh.path("keys/seed.key").exists());
}

#[test]
fn bad_input_is_refused_with_one_clear_error() {
    let (home, _) = Home::restored();
    let key = "35c209685eea356af489a6ffcb655ade6ef09b3e30731e645bca3c9ac2e8235e";
    home.write("wrong", "incorrect horse", 0o600);
    home.write("open", "correct horse battery staple", 0o644);
    let [wrong, open] = ["wrong", "open"].map(|name| format!("file:{}", home.path(name).display()));
    for (arguments, exit, code, words) in [
        // What no node is asked for.
        (&["strat"][..], 2, "usage", "strat"),
        (&["slash"], 2, "usage", "PROVIDER"),
        (&["slash", "35c2"], 2, "usage", "35c2"),
        (&["slash", &key[2..]], 2, "usage", &key[2..]),
        (&["slash", &format!("zz{}", &key[2..])], 2, "usage", "zz"),
        (&["slash", &"00".repeat(32)], 2, "usage", "0000"),
        (
            &["start", "--passphrase-source", "hunter2"],
            2,
            "usage",
            "never the passphrase",
        ),
        (
            &["start", "--passphrase-source", &wrong],
            5,
            "wrong-passphrase",
            "seed.key",
        ),
        (
            &["start", "--passphrase-source", &open],
            5,
            "no-passphrase",
            "0644",
        ),
        (
            &["start", "--passphrase-source", "prompt"],
            5,
            "no-passphrase",
            "terminal",
        ),
        (
            &["wallet", "address", "--passphrase-source", &wrong],
            5,
            "wrong-passphrase",
            "seed.key",
        ),
        (
            &["wallet", "balance", "--passphrase-source", &wrong],
            5,
            "wrong-passphrase",
            "seed.key",
        ),
        (&["parked", "retry"], 2, "usage", "<ID>"),
        (&["parked", "retry", "nothing"], 1, "not-parked", "nothing"),
        // The nodes are away.
        (&["status"], 4, "bitcoin-unreachable", "127.0.0.1"),
        (&["slash", key], 4, "bitcoin-unreachable", "127.0.0.1"),
        (
            &["wallet", "balance"],
            4,
            "bitcoin-unreachable",
            "127.0.0.1",
        ),
    ] {
        home.fails(arguments, "", exit, code, words);
    }

    let without_seed = Home::new();
    for arguments in [
        &["start"][..],
        &["wallet", "address"],
        &["wallet", "balance"],
    ] {
        without_seed.fails(arguments, "", 3, "key-missing", "seed.key");
    }
    without_seed.fails(
        &["wallet", "new"],
        "",
        4,
        "bitcoin-unreachable",
        "127.0.0.1",
    );
    assert!(
        !without_seed.path("keys/seed.key").exists(),
        "half a wallet was made"
    );
}

#[test]
fn what_is_parked_is_listed_and_tried_again() {
    let home = Home::new();
    assert_eq!(
        home.succeeds(&["parked", "list"], ""),
        json!({"parked": []})
    );
    let [one, other] = ["activation-aa", "unbonding-bb"];
    let mut parked = ParkedDirectory::open(&home.path("data/parked")).unwrap();
    for (id, since) in [(one, 1), (other, 2)] {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
        parked.park(id, "fee", "too low", since).unwrap();
    }
    let listed = home.succeeds(&["parked", "list"], "");
    let item = |id, since| json!({"id": id, "rule": "fee", "message": "too low", "since": since});
    assert_eq!(listed, json!({"parked": [item(one, 1), item(other, 2)]}));

    let retried = home.succeeds(&["parked", "retry", one], "");
    assert_eq!(retried, json!({"retried": [one], "unknown": []}));
    let rest = home.run(&["parked", "retry", one, other], "");
    assert_eq!(rest.status.code(), Some(8), "{rest:?}");
    let all = home.succeeds(&["parked", "retry", "--all"], "");
    assert_eq!(all, json!({"retried": [], "unknown": []}));
    assert_eq!(
        home.succeeds(&["parked", "list"], ""),
        json!({"parked": []})
    );
}
