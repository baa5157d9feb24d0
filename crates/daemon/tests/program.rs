//! The shared behaviour of our programs, seen from outside: `examples/lamplighter.rs` run as a child process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod lamplighter;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use lamplighter::{Home, Service, signal};
use serde_json::{Value, json};

fn envelope(stdout: &[u8]) -> Value {
    let text = std::str::from_utf8(stdout).unwrap();
    assert_eq!(
        text.lines().count(),
        1,
        "one line of JSON and nothing else: {text}"
    );
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_result_is_text_for_people_and_an_envelope_for_scripts() {
    let home = Home::new();
    let output = home.run(&["count", "2"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"lamp 0\nlamp 1\n");
    assert_eq!(output.stderr, b"");
    let output = home.run(&["count", "2", "--json"]);
    assert_eq!(
        envelope(&output.stdout),
        json!({"status": "success", "result": {"lamps": 2}})
    );
}

#[test]
fn a_refusal_has_its_own_exit_code_and_says_what_to_do() {
    let home = Home::new();
    let output = home.run(&["refuse"]);
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(output.stdout, b"");
    assert_eq!(
        output.stderr,
        b"error: no lamp is lit in a storm\nhint: wait\n"
    );
    let output = home.run(&["refuse", "--json"]);
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(output.stderr, b"");
    assert_eq!(
        envelope(&output.stdout),
        json!({"status": "error", "error": {
            "code": "storm", "message": "no lamp is lit in a storm", "hint": "wait",
        }})
    );
}

#[test]
fn a_usage_error_is_an_envelope_where_scripts_ask_for_one() {
    let home = Home::new();
    for arguments in [
        &["count"][..],
        &["count", "many"],
        &["fly"],
        &["count", "1", "--fast"],
        &[],
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(output.stdout, b"");
        assert!(!output.stderr.is_empty());
        let output = home.run(&[&["--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let answer = envelope(&output.stdout);
        assert_eq!(answer["error"]["code"], "usage", "{arguments:?}");
    }
    let output = home.run(&["count", "1", "--fast", "--json"]);
    assert_eq!(
        envelope(&output.stdout)["error"]["message"],
        "unexpected argument '--fast' found"
    );
}

#[test]
fn help_and_version_are_data_and_name_the_exit_codes() {
    let home = Home::new();
    let output = home.run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "LAMPLIGHTER__SECTION__KEY",
        "6  refused by a safety rule",
        "completions",
    ] {
        assert!(help.contains(part), "no `{part}` in\n{help}");
    }
    let output = home.run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        output.stdout,
        format!("lamplighter {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
}

#[test]
fn a_bug_ends_in_a_clear_message_and_no_half_an_envelope() {
    let output = Home::new().run(&["panic", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = &envelope(&output.stdout)["error"];
    assert_eq!(error["code"], "internal-error");
    assert_eq!(error["message"], "internal error: the lamp fell over");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("lamplighter.rs:"), "the log says where: {log}");
}

#[test]
fn a_reader_that_goes_away_is_not_a_crash() {
    let mut child = Home::new()
        .command(&["count", "1000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn what_asks_first_refuses_where_nobody_can_answer() {
    let home = Home::new();
    let output = home.run(&["douse"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--yes"));
    assert_eq!(home.run(&["douse", "--yes"]).status.code(), Some(0));
}

#[test]
fn a_configuration_is_written_once_checked_and_its_mistakes_named() {
    let home = Home::new();
    let missing = home.run(&["config", "validate"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(
        String::from_utf8(missing.stderr)
            .unwrap()
            .contains("config init")
    );

    assert_eq!(home.run(&["config", "init"]).status.code(), Some(0));
    assert_eq!(home.run(&["config", "validate"]).status.code(), Some(0));
    assert_eq!(
        home.run(&["config", "init"]).status.code(),
        Some(6),
        "never overwritten"
    );

    let config = home.path().join("lamplighter.toml");
    let template = fs::read_to_string(&config).unwrap();
    for (mistake, expected) in [
        (
            "intervall_milliseconds = 1",
            "did you mean `interval_milliseconds`?",
        ),
        (
            "[log]\nlevel = \"loud\"",
            "`log.level`: `loud` is not a log level",
        ),
        (
            "[http]\nlisten = \"0.0.0.0:9100\"",
            "set `http.allow_remote = true`",
        ),
    ] {
        fs::write(&config, format!("{template}{mistake}\n")).unwrap();
        let output = home.run(&["config", "validate", "--json"]);
        assert_eq!(output.status.code(), Some(3), "{mistake}");
        let answer = envelope(&output.stdout)["error"].to_string();
        assert!(answer.contains(expected), "{answer}");
        assert!(answer.contains("lamplighter.toml, line"), "{answer}");
    }
}

#[test]
fn commands_that_every_program_has_show_examples_with_its_name() {
    let home = Home::new();
    for verb in [
        &["config", "init"][..],
        &["config", "validate"],
        &["completions"],
        &["man"],
    ] {
        let output = home.run(&[verb, &["--help"]].concat());
        let help = String::from_utf8(output.stdout).unwrap();
        let command = format!("lamplighter {}", verb.join(" "));
        assert!(
            help.contains("Example") && help.contains(&command),
            "{help}"
        );
        assert!(!help.contains("{program}"), "{help}");
    }
}

#[test]
fn a_data_directory_that_the_first_configuration_makes_is_private() {
    let home = Home::new();
    fs::remove_dir(home.path()).unwrap();
    assert_eq!(home.run(&["config", "init"]).status.code(), Some(0));
    let mode = fs::metadata(home.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_variable_overrides_the_configuration_and_is_named_where_it_is_wrong() {
    let home = Home::new();
    home.run(&["config", "init"]);
    let validate = |value| {
        home.command(&["config", "validate", "--json"])
            .env("LAMPLIGHTER__INTERVAL_MILLISECONDS", value)
            .output()
            .unwrap()
    };
    assert_eq!(
        envelope(&validate("5").stdout)["result"]["overridden_by"],
        json!(["LAMPLIGHTER__INTERVAL_MILLISECONDS"])
    );
    let output = validate("0");
    assert_eq!(output.status.code(), Some(3));
    let message = envelope(&output.stdout)["error"]["message"].to_string();
    assert!(
        message.contains("environment variable LAMPLIGHTER__INTERVAL_MILLISECONDS"),
        "{message}"
    );
}

#[test]
fn completions_and_manual_pages_are_generated() {
    let home = Home::new();
    let output = home.run(&["completions", "bash"]);
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("complete -F _lamplighter")
    );
    let output = home.run(&["man"]);
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains(".TH lamplighter 1")
    );
    let pages = home.path().join("pages");
    let output = home.run(&["man", "--directory", pages.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(pages.join("lamplighter-config-init.1").exists());
}

#[test]
fn a_service_tells_whether_it_lives_and_whether_it_is_ready() {
    let service = Service::start(Home::new());
    let (status, body) = service.get("/health");
    assert_eq!(status, 200);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap()["status"],
        "ok"
    );

    let status = service.wait_for("/status", 200, "lamps");
    assert_eq!(status, "{\"lamps\":1}");

    let report = service.wait_for("/ready", 503, "the can is empty");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["ready"], false);
    assert_eq!(report["dependencies"]["oil"]["condition"], "degraded");
    assert!(report["dependencies"]["oil"]["since"].as_u64().unwrap() > 1_700_000_000);

    fs::write(service.home().path().join("oil"), "").unwrap();
    let report = service.wait_for("/ready", 200, "\"ready\":true");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["dependencies"]["startup"]["condition"], "ok");
    assert_eq!(
        report["dependencies"]["oil"]["last_error"]["message"],
        "the can is empty"
    );
}

#[test]
fn metrics_are_there_from_the_first_scrape() {
    let service = Service::start(Home::new());
    let body = service.wait_for("/metrics", 200, "dependency_up{dependency=\"oil\"} 0");
    for line in [
        "lamplighter_checks_total{result=\"lit\"} 0",
        "lamplighter_checks_total{result=\"other\"} 0",
    ] {
        assert!(
            body.lines().any(|found| found == line),
            "no `{line}` in\n{body}"
        );
    }
    assert!(
        body.contains("build_info{program=\"lamplighter\",version="),
        "{body}"
    );
    service.wait_for("/metrics", 200, "dependency_up{dependency=\"lamp\"} 1");
}

#[test]
fn sigterm_and_ctrl_c_stop_a_service_in_order() {
    for name in ["TERM", "INT"] {
        let service = Service::start(Home::new());
        signal(service.id(), name);
        let output = service.finished();
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert_eq!(output.stdout, b"stopped\n");
    }
}

#[test]
fn a_reader_that_says_nothing_does_not_keep_a_service_from_stopping() {
    let service = Service::start(Home::new());
    let _silent = service.connect();
    let mut halfway = service.connect();
    write!(halfway, "GET /health HTTP/1.1\r\nHo").unwrap();
    // Answered after the two were accepted.
    service.get("/health");
    signal(service.id(), "TERM");
    let output = service.finished();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"stopped\n");
}

#[test]
fn a_second_signal_ends_at_once_what_does_not_stop() {
    let home = Home::new();
    let mut child = home
        .command(&["insist"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in ["insisting", "insisting still"] {
        assert!(log.next().unwrap().unwrap().ends_with(line));
        signal(child.id(), "INT");
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_data_directory_serves_one_process_until_that_one_is_gone() {
    let service = Service::start(Home::new());
    let second = service
        .home()
        .command(&["start", "--json"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(6));
    let error = &envelope(&second.stdout)["error"];
    assert_eq!(error["code"], "already-running");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains(&service.home().path().display().to_string()),
        "{message}"
    );
    assert!(
        message.contains(&format!("process {}", service.id())),
        "{message}"
    );

    let home = service.killed();
    let successor = Service::start(home);
    assert_eq!(successor.get("/health").0, 200);
}

#[test]
fn the_service_manager_hears_that_the_service_is_ready_alive_and_stopping() {
    let home = Home::new();
    let socket = home.notify_socket();
    let service = Service::start_watched(home, &socket);
    socket.expect("READY=1");
    socket.expect("WATCHDOG=1");
    signal(service.id(), "TERM");
    socket.expect("STOPPING=1");
    assert_eq!(service.finished().status.code(), Some(0));
}
