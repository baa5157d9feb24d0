//! Running programs: outcome, output, signals, and that nothing outlives the tests.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use testenv::{Daemon, Program, Scratch, poll_until};

const DEADLINE: Duration = Duration::from_secs(30);

fn shell(script: &str) -> Program {
    Program::at("shell", "/bin/sh").args(["-c", script])
}

fn process_exists(id: u32) -> bool {
    // A zombie has no memory left, and its folder stays until somebody reaps it.
    fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|command| !command.is_empty())
}

#[tokio::test]
async fn a_finished_program_shows_its_exit_and_both_streams() {
    let finished = shell("cat; echo note >&2; exit 3")
        .input("hello")
        .run(DEADLINE)
        .await
        .unwrap();

    assert_eq!(finished.status().code(), Some(3));
    assert_eq!(finished.stdout(), "hello");
    assert_eq!(finished.stderr(), "note\n");
}

#[tokio::test]
async fn the_envelope_is_opened_only_as_what_the_exit_says_it_is() {
    let print = |envelope: &str, code: u8| shell(&format!("echo '{envelope}'; exit {code}"));

    let good = print(r#"{"status":"ok","result":{"height":5}}"#, 0)
        .run(DEADLINE)
        .await
        .unwrap();
    assert_eq!(good.result().unwrap()["height"], 5);
    assert!(good.error().is_err());

    let bad = print(r#"{"status":"error","error":{"code":"locked"}}"#, 4)
        .run(DEADLINE)
        .await
        .unwrap();
    assert_eq!(bad.error().unwrap()["code"], "locked");
    assert!(
        bad.result().unwrap_err().to_string().contains("locked"),
        "the failure shows the output"
    );
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_at_the_deadline() {
    let scratch = Scratch::new("hang").unwrap();
    let note = scratch.path().join("id");

    let script = format!("echo $$ > {}; exec sleep 1000", note.display());
    let error = shell(&script)
        .run(Duration::from_secs(1))
        .await
        .unwrap_err();

    assert!(error.to_string().contains("still runs after 1s"), "{error}");
    let id = fs::read_to_string(note).unwrap().trim().parse().unwrap();
    poll_until(DEADLINE, "the program to be gone", || async {
        ensure!(!process_exists(id), "it is still there");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_line_of_an_earlier_start_does_not_count_after_a_restart() {
    let scratch = Scratch::new("restart").unwrap();
    let script = format!(
        "cd {}; if [ -e second ]; then echo again; else touch second; echo ready; fi; \
         exec sleep 1000",
        scratch.path().display()
    );
    let mut daemon = shell(&script).start().unwrap();
    assert_eq!(
        daemon.wait_for_line("ready", DEADLINE).await.unwrap(),
        "ready"
    );

    daemon.kill_nine();
    assert!(!daemon.is_running());
    daemon.restart().unwrap();

    daemon.wait_for_line("again", DEADLINE).await.unwrap();
    assert!(!daemon.output().unwrap().contains("ready"));
    assert!(
        fs::read_to_string(daemon.log()).unwrap().contains("ready"),
        "the log keeps everything"
    );
}

#[tokio::test]
async fn waiting_for_a_line_ends_with_the_program_and_tells_why() {
    let mut daemon = shell("echo cannot open the wallet; exit 7")
        .start()
        .unwrap();

    let error = daemon.wait_for_line("ready", DEADLINE).await.unwrap_err();

    let text = format!("{error:#}");
    assert!(
        text.contains("cannot open the wallet") && text.contains('7'),
        "{text}"
    );
}

#[tokio::test]
async fn a_terminated_program_can_clean_up_first() {
    let mut daemon =
        shell("trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
            .start()
            .unwrap();
    daemon.wait_for_line("ready", DEADLINE).await.unwrap();

    let status = daemon.terminate(DEADLINE).await.unwrap();

    assert!(status.success());
    assert!(daemon.output().unwrap().contains("cleaned"));
}

/// Runs itself once more as the test process that is killed.
#[tokio::test]
async fn children_die_with_a_killed_test_process() {
    const CHILD_NOTE: &str = "BTC_MESH_TEST_CHILD_NOTE";
    if let Some(note) = std::env::var_os(CHILD_NOTE) {
        let mut daemon = shell("echo up; exec sleep 1000").start().unwrap();
        daemon.wait_for_line("up", DEADLINE).await.unwrap();
        let note = PathBuf::from(note);
        fs::write(note.with_extension("new"), daemon.id().to_string()).unwrap();
        fs::rename(note.with_extension("new"), &note).unwrap();
        return std::future::pending().await;
    }
    let scratch = Scratch::new("orphan").unwrap();
    let note = scratch.path().join("id");
    let mut tests: Daemon = Program::at("tests", std::env::current_exe().unwrap())
        .args([
            "--exact",
            "program::children_die_with_a_killed_test_process",
        ])
        .env(CHILD_NOTE, &note)
        // It has no chance to tidy up behind itself.
        .env("TMPDIR", scratch.path())
        .start()
        .unwrap();
    let child = poll_until(DEADLINE, "the child to be started", || async {
        anyhow::Ok(fs::read_to_string(&note)?.parse()?)
    })
    .await
    .unwrap();
    assert!(process_exists(child));

    tests.kill_nine();

    poll_until(DEADLINE, "the child to be gone", || async {
        ensure!(!process_exists(child), "process {child} is still there");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_files_of_a_failed_test_are_kept() {
    let failed = std::panic::catch_unwind(|| {
        let scratch = Scratch::new("kept").unwrap();
        fs::write(scratch.path().join("node.log"), "the reason").unwrap();
        std::panic::panic_any(scratch.path().to_owned());
    });
    let kept = failed.unwrap_err().downcast::<PathBuf>().unwrap();
    assert_eq!(
        fs::read_to_string(kept.join("node.log")).unwrap(),
        "the reason"
    );
    fs::remove_dir_all(&*kept).unwrap();

    let passed = Scratch::new("gone").unwrap().path().to_owned();
    assert!(!passed.exists());
}

#[tokio::test]
async fn our_programs_are_built_before_they_are_run() {
    let finished = Program::ours("btc-staker")
        .unwrap()
        .arg("--version")
        .run(DEADLINE)
        .await
        .unwrap();

    assert!(finished.status().success(), "{finished}");
    assert!(Program::ours("no-such-program").is_err());
}
