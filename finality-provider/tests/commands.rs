//! The program as people call it: what goes wrong has one clear error, its exit code, and leaves nothing half done.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// No single step takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A home whose node does not answer, with providers that have no keys yet.
struct Home {
    directory: TempDir,
    http: u16,
}

impl Home {
    fn new(providers: &[&str]) -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
            http: free_port(),
        };
        home.configure(providers, "");
        home.write("passphrase", "correct horse battery staple", 0o600);
        home
    }

    /// `more` goes on with the last provider.
    fn configure(&self, providers: &[&str], more: &str) {
        let providers: Vec<String> = providers
            .iter()
            .map(|name| format!("[[provider]]\nname = \"{name}\"\n"))
            .collect();
        let providers = providers.concat();
        let text = format!(
            "[babylon]\nchain_id = \"bbn-test-1\"\ngrpc_url = \"http://127.0.0.1:{}\"\n\
             [keys]\npassphrase = \"file:{}\"\n[http]\nlisten = \"127.0.0.1:{}\"\n{providers}{more}",
            free_port(),
            self.path("passphrase").display(),
            self.http,
        );
        self.write("finality-provider.toml", &text, 0o600);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_finality-provider"));
        command
            .arg("--json")
            .arg("--home")
            .arg(self.directory.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn succeeds(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let mut envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        envelope["result"].take()
    }

    /// Ends with this exit code and error, whose message or hint has the words.
    fn fails(&self, arguments: &[&str], exit: i32, code: &str, words: &str) {
        let output = self.command(arguments).output().unwrap();
        let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &envelope["error"];
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        assert!(error.to_string().contains(words), "{arguments:?}: {error}");
    }

    fn start(&self) -> Running {
        let mut command = self.command(&["start"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Running(Some(command.spawn().unwrap()))
    }

    /// Body of a page of the running service, once it has the words.
    fn page_with(&self, path: &str, words: &str) -> String {
        let begin = Instant::now();
        loop {
            let page = self.page(path).unwrap_or_default();
            if page.contains(words) {
                return page;
            }
            assert!(begin.elapsed() < PATIENCE, "no `{words}` in {page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn page(&self, path: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.http))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// A service that is killed when the test is over.
struct Running(Option<Child>);

impl Running {
    /// Exit code after SIGTERM.
    fn terminate(mut self) -> Option<i32> {
        let child = self.0.take().unwrap();
        let signalled = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(signalled.unwrap().success());
        child.wait_with_output().unwrap().status.code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_configuration_is_written_once_and_its_mistakes_are_named() {
    let home = Home::new(&["main"]);
    home.succeeds(&["config", "validate"]);
    let file = home.path("finality-provider.toml");
    let mine = fs::read_to_string(&file).unwrap();
    let again = home.succeeds(&["init"]);
    assert_eq!(again["config_written"], false, "{again}");
    assert_eq!(fs::read_to_string(&file).unwrap(), mine);
    home.fails(&["config", "init"], 6, "config-exists", "never overwritten");
    home.configure(&["main"], "key_fil = \"x\"\n");
    home.fails(&["config", "validate"], 3, "config-invalid", "key_fil");
    home.fails(&["status"], 3, "config-invalid", "key_file");
    fs::remove_file(&file).unwrap();
    let made = home.succeeds(&["init"]);
    assert_eq!(made["config_written"], true, "{made}");
    home.succeeds(&["config", "validate"]);
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    let verbs: [&[&str]; 14] = [
        &["init"],
        &["keys", "new"],
        &["keys", "import"],
        &["keys", "show"],
        &["keys", "list"],
        &["register"],
        &["start"],
        &["signer"],
        &["status"],
        &["unjail"],
        &["rewards"],
        &["extract-key"],
        &["config", "init"],
        &["config", "validate"],
    ];
    let home = Home::new(&["main"]);
    for verb in verbs {
        let arguments = [verb, &["--help"]].concat();
        let output = home.command(&arguments).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{verb:?}");
        let command = format!("finality-provider {}", verb.join(" "));
        assert!(
            help.contains("Example") && help.contains(&command),
            "{verb:?}: {help}"
        );
    }
}

#[test]
fn the_keys_of_all_providers_are_listed_in_their_order() {
    let home = Home::new(&["main", "other"]);
    home.fails(&["keys", "list"], 3, "key-missing", "main");
    let made = ["main", "other"].map(|name| home.succeeds(&["keys", "new", "--name", name]));
    assert_eq!(home.succeeds(&["keys", "list"]), json!(made));
    assert_eq!(Home::new(&[]).succeeds(&["keys", "list"]), json!([]));
}

#[test]
fn keys_are_made_once_and_what_was_interrupted_goes_on() {
    let home = Home::new(&["main"]);
    let made = home.succeeds(&["keys", "new", "--name", "main"]);
    home.fails(
        &["keys", "new", "--name", "main"],
        6,
        "key-exists",
        "main.key",
    );
    assert_eq!(home.succeeds(&["keys", "show", "--name", "main"]), made);

    // The account's key is written first: killed in between, the same account goes on.
    fs::remove_file(home.path("keys/main.key")).unwrap();
    let again = home.succeeds(&["keys", "new", "--name", "main"]);
    assert_eq!(again["account"], made["account"]);
    assert_ne!(again["public_key"], made["public_key"]);

    // With another passphrase it does not, and leaves no half of a pair behind.
    fs::remove_file(home.path("keys/main.key")).unwrap();
    home.write("passphrase", "another passphrase", 0o600);
    home.fails(
        &["keys", "new", "--name", "main"],
        5,
        "wrong-passphrase",
        "account",
    );
    assert!(!home.path("keys/main.key").exists());
}

#[test]
fn a_secret_is_imported_from_a_private_file_only_and_never_shown() {
    let home = Home::new(&["main"]);
    let secret = "9dfb369bab13dfae627655daa05f11193ceaaf308142c8ea91d93080f9b439fd";
    home.write("open.hex", secret, 0o644);
    home.write("short.hex", &secret[2..], 0o600);
    home.write("secret.hex", &format!("{secret}\n"), 0o600);
    let import = |file: &str| {
        let path = home.path(file).display().to_string();
        ["keys", "import", "--name", "main", "--secret-file", &path].map(str::to_owned)
    };
    for (file, exit, code) in [
        ("open.hex", 6, "secret-not-read"),
        ("short.hex", 1, "secret-malformed"),
        ("none.hex", 1, "secret-not-read"),
    ] {
        let arguments = import(file);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = home.command(&arguments).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stdout).contains(&secret[2..]));
        assert!(!String::from_utf8_lossy(&output.stderr).contains(&secret[2..]));
        home.fails(&arguments, exit, code, file);
    }
    assert!(!home.path("keys").exists(), "something was written");
    let arguments = import("secret.hex");
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let imported = home.succeeds(&arguments);
    assert_eq!(
        imported["public_key"],
        "35c209685eea356af489a6ffcb655ade6ef09b3e30731e645bca3c9ac2e8235e"
    );
}

#[test]
fn names_and_rates_are_checked_before_anything_else() {
    let home = Home::new(&["main"]);
    let unknown = ["unjail", "--name", "other"];
    home.fails(&unknown, 3, "unknown-provider-name", "it has: main");
    let register = ["register", "--name", "main", "--moniker"];
    for (rest, words) in [
        (&["m", "--commission", "five"][..], "five"),
        (&["m", "--commission", "0.3"], "--max-commission"),
        (
            &["m", "--commission", "0", "--max-commission", "1.1"],
            "--max-commission",
        ),
        (&["", "--commission", "0"], "--moniker"),
    ] {
        home.fails(&[&register[..], rest].concat(), 2, "usage", words);
    }
    home.fails(&["strat"], 2, "usage", "strat");
}

#[test]
fn what_cannot_work_is_refused_at_the_start() {
    let home = Home::new(&[]);
    home.fails(&["start"], 3, "no-provider", "[[provider]]");
    home.configure(&["main"], "");
    home.fails(&["start"], 3, "key-missing", "main");
    home.fails(&["signer"], 3, "config-invalid", "signer.endpoint");
    home.succeeds(&["keys", "new", "--name", "main"]);
    home.write("passphrase", "not the passphrase", 0o600);
    home.fails(&["start"], 5, "wrong-passphrase", "main");
    home.write("passphrase", "correct horse battery staple", 0o644);
    home.fails(&["start"], 5, "no-passphrase", "passphrase");
    assert!(!home.path("data").exists(), "a signing record was made");

    let key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let elsewhere = format!(
        "public_key = \"{key}\"\n[signer]\nendpoint = \"unix:{}\"\n",
        home.path("signer.sock").display()
    );
    home.configure(&["main"], &elsewhere);
    let adopt = ["start", "--adopt-chain-watermark"];
    home.fails(&adopt, 2, "record-elsewhere", "finality-provider signer");
}

#[test]
fn a_node_that_is_away_is_waited_for_and_one_process_has_the_home() {
    let home = Home::new(&["main", "keyless"]);
    home.succeeds(&["keys", "new", "--name", "main"]);
    home.fails(&["status"], 4, "chain-unreachable", "is it running");

    let running = home.start();
    let ready = home.page_with("/ready", "did not answer");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    home.page_with("/status", "keyless-account.key");
    let status = home.succeeds(&["status"]);
    assert_eq!(status["running"], true);
    for metric in [
        "fp_votes_submitted_total{provider=\"main\"} 0",
        "fp_votes_missed_window{provider=\"keyless\"} 0",
        "fp_jailed_until_seconds{provider=\"main\"} 0",
        "fp_fee_account_balance_ubbn{provider=\"main\"} 0",
    ] {
        home.page_with("/metrics", metric);
    }
    home.fails(&["start"], 6, "already-running", "another process");
    assert_eq!(running.terminate(), Some(0));
    assert!(!home.path("data").exists(), "a signing record was made");
}
