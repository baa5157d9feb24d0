//! The program as people call it, without any node: what goes wrong has one clear error, its exit code, and leaves
//! nothing half done.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A secret key of nobody.
const SECRET: &str = "9dfb369bab13dfae627655daa05f11193ceaaf308142c8ea91d93080f9b439fd";

/// Its public key.
const PUBLIC: &str = "35c209685eea356af489a6ffcb655ade6ef09b3e30731e645bca3c9ac2e8235e";

/// A home whose node does not answer, without keys.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("passphrase", "correct horse battery staple", 0o600);
        let text = format!(
            "bitcoin_network = \"regtest\"\n\
             [babylon]\nchain_id = \"bbn-test-1\"\ngrpc_url = \"http://127.0.0.1:{}\"\n\
             [account]\nkey_file = \"keys/account.key\"\npassphrase = \"file:passphrase\"\n\
             [signer]\npassphrase = \"file:passphrase\"\n[http]\nlisten = \"127.0.0.1:{}\"\n",
            free_port(),
            free_port(),
        );
        home.write("covenant.toml", &text, 0o600);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
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
    let verbs: [&[&str]; 16] = [
        &["init"],
        &["keys", "new"],
        &["keys", "import"],
        &["keys", "show"],
        &["start"],
        &["signer"],
        &["status"],
        &["params"],
        &["audit", "verify"],
        &["audit", "list"],
        &["record", "rebuild"],
        &["parked", "list"],
        &["parked", "retry"],
        &["verify-adaptor-signature"],
        &["check-delegation"],
        &["config", "validate"],
    ];
    let home = Home::new();
    for verb in verbs {
        let output = home.run(&[verb, &["--help"]].concat(), "");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{verb:?}");
        assert!(
            help.contains("Example") && help.contains(&format!("covenant {}", verb.join(" "))),
            "{verb:?}: {help}"
        );
    }
}

#[test]
fn a_configuration_is_written_once_and_its_mistakes_are_named() {
    let home = Home::new();
    let file = home.path("covenant.toml");
    let mine = fs::read_to_string(&file).unwrap();
    let again = home.succeeds(&["init"], "");
    assert_eq!(again["config_written"], false, "{again}");
    assert_eq!(fs::read_to_string(&file).unwrap(), mine);
    home.succeeds(&["config", "validate"], "");
    for (right, wrong, named) in [
        ("grpc_url", "grcp_url", "grcp_url"),
        ("\"regtest\"", "\"moonnet\"", "moonnet"),
        ("[signer]", "[signer]\nkey_fil = \"x\"", "key_fil"),
        (
            "[signer]",
            "[signer]\nendpoint = \"0.0.0.0:1\"",
            "0.0.0.0:1",
        ),
        ("[signer]", "[signer]\ntrusted_params = [\"0-ab\"]", "0-ab"),
    ] {
        assert!(mine.contains(right), "{right}");
        fs::write(&file, mine.replace(right, wrong)).unwrap();
        for command in [&["config", "validate"][..], &["start"], &["params"]] {
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
fn a_secret_is_imported_from_a_private_file_or_stdin_only_and_never_shown() {
    let home = Home::new();
    home.write("open", SECRET, 0o644);
    home.write("short", &SECRET[2..], 0o600);
    home.write("words", &"z".repeat(64), 0o600);
    home.write("zero", &"0".repeat(64), 0o600);
    home.write("private", &format!("{SECRET}\n"), 0o600);
    let import = |file: &str| {
        let path = home.path(file).display().to_string();
        ["keys", "import", "covenant", "--from", &path].map(str::to_owned)
    };
    for (file, exit, code, words) in [
        ("open", 6, "secret-not-private", "chmod 600"),
        ("short", 2, "invalid-secret-key", "64 hexadecimal"),
        ("words", 2, "invalid-secret-key", "64 hexadecimal"),
        ("none", 2, "invalid-secret-key", "No such file"),
        ("zero", 3, "key-unusable", ""),
    ] {
        let arguments = import(file);
        let arguments = arguments.each_ref().map(String::as_str);
        let output = home.run(&arguments, "");
        for shown in [&output.stdout, &output.stderr] {
            assert!(
                !String::from_utf8_lossy(shown).contains(&SECRET[2..]),
                "{file}"
            );
        }
        home.fails(&arguments, "", exit, code, words);
    }
    let malformed = ["keys", "import", "covenant"];
    home.fails(
        &malformed,
        &SECRET[1..],
        2,
        "invalid-secret-key",
        "64 hexadecimal",
    );
    home.fails(
        &["keys", "import", "committee"],
        SECRET,
        2,
        "usage",
        "committee",
    );
    home.fails(
        &["keys", "show"],
        "",
        3,
        "key-missing",
        "covenant keys new covenant",
    );
    assert!(!home.path("data").exists(), "a signing record was made");

    let arguments = import("private");
    let arguments = arguments.each_ref().map(String::as_str);
    assert_eq!(home.succeeds(&arguments, "")["public"], PUBLIC);
    home.fails(&arguments, "", 6, "key-exists", "covenant.key");
    let shown = home.succeeds(&["keys", "show"], "");
    assert_eq!(shown["keys"][0]["public"], PUBLIC);
}

#[test]
fn a_service_that_cannot_work_says_why_before_it_starts() {
    let home = Home::new();
    home.fails(&["start"], "", 3, "key-missing", "account.key");
    home.succeeds(&["keys", "new", "account"], "");
    home.fails(&["start"], "", 3, "key-missing", "covenant.key");
    home.succeeds(&["keys", "import", "covenant"], SECRET);
    home.write("wrong", "incorrect horse", 0o600);
    let wrong = format!("file:{}", home.path("wrong").display());
    for arguments in [
        &["start", "--passphrase-source", &wrong][..],
        &["start", "--account-passphrase-source", &wrong],
    ] {
        home.fails(arguments, "", 5, "wrong-passphrase", ".key");
    }
    let unreadable = ["start", "--passphrase-source", "hunter2"];
    home.fails(&unreadable, "", 2, "usage", "never the passphrase");
    home.fails(&["signer"], "", 3, "config-invalid", "signer.endpoint");
    home.fails(
        &["parked", "retry", "nothing"],
        "",
        1,
        "not-parked",
        "nothing",
    );

    // The node is away: a question fails, and `status` tells what files do.
    home.fails(&["params"], "", 4, "chain-unreachable", "127.0.0.1");
    let status = home.succeeds(&["status"], "");
    assert_eq!(status["service"], "stopped", "{status}");
    assert_eq!(status["covenant_key"], PUBLIC, "{status}");
    assert_eq!(status["member_of_params"], Value::Null, "{status}");
}
