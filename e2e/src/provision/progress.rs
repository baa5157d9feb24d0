//! What a person sees while something is being provisioned.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// How often a build says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Lines of a failed build's output that are shown.
const SHOWN_LINES: usize = 20;

/// Prints one line about `name` on standard error.
///
/// Written to the stream itself: the test harness captures `eprintln!`, and a build of minutes must
/// not look like a hang.
pub(super) fn say(name: &str, what: &str) {
    let _ = writeln!(std::io::stderr(), "[{name}] {what}");
}

/// Runs a build that writes a line for each of its steps to standard error, and says now and then
/// how far it has come.
pub(super) fn follow(name: &str, command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let mut build = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let output = build.stderr.take().context("its output is not piped")?;
    let mut said = started;
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        lines.push(line?);
        if said.elapsed() >= HEARTBEAT {
            said = Instant::now();
            let seconds = started.elapsed().as_secs();
            say(
                name,
                &format!("still building after {seconds} s ({} steps)", lines.len()),
            );
        }
    }
    let status = build.wait()?;
    let end = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
    ensure!(status.success(), "{program} ended with {status}:\n{end}");
    Ok(())
}
