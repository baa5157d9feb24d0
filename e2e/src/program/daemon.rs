//! A program that runs until it is told to stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;

use super::Program;
use crate::process::Process;
use crate::{Scratch, poll_until};

/// A running program with its log; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    // Before the folder it writes to: fields are dropped in this order.
    process: Process,
    program: Program,
    log: PathBuf,
    /// Where in the log the present process's output begins.
    log_start: usize,
    _scratch: Scratch,
}

impl Daemon {
    pub(super) fn start(program: Program) -> anyhow::Result<Self> {
        let scratch = Scratch::new(&program.name)?;
        let log = scratch.path().join(&program.name).with_extension("log");
        let process = Process::spawn(&program.name, program.command(), &log)?;
        Ok(Self {
            process,
            program,
            log,
            log_start: 0,
            _scratch: scratch,
        })
    }

    /// Ends the process if it still runs (`SIGKILL`) and starts the program again, with the same
    /// arguments.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process.kill();
        self.log_start = self.read_log()?.len();
        self.process = Process::spawn(&self.program.name, self.program.command(), &self.log)?;
        Ok(())
    }

    /// Kills it (`SIGKILL`), as a power cut would.
    pub fn kill_nine(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop (`SIGTERM`) and waits until it has.
    ///
    /// # Errors
    ///
    /// When it still runs after `deadline`.
    pub async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.process.terminate(deadline).await
    }

    /// Sends what Ctrl-C sends (`SIGINT`).
    pub fn interrupt(&mut self) {
        self.process.signal(Signal::INT);
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    ///
    /// When it still runs after `deadline`.
    pub async fn ended(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.process.ended(deadline).await
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.exit_status().is_none()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for a line of output (either stream, since the last start) that contains `text`, and
    /// returns it.
    ///
    /// # Errors
    ///
    /// When there is none by `deadline`, or at once when the program has ended without printing it.
    pub async fn wait_for_line(
        &mut self,
        text: &str,
        deadline: Duration,
    ) -> anyhow::Result<String> {
        let what = format!("{} to print `{text}`", self.program.name);
        let outcome = poll_until(deadline, &what, || {
            // Asked before the log is read: what an ended program printed is all there.
            let running = self.process.ensure_running();
            let line = self.find_line(text);
            async move {
                match (line?, running) {
                    (Some(line), _) => Ok(Ok(line)),
                    (None, Err(ended)) => Ok(Err(ended)),
                    (None, Ok(())) => Err(anyhow::anyhow!("no such line")),
                }
            }
        });
        outcome
            .await?
            .with_context(|| format!("while waiting for {what}"))
    }

    /// Everything it has printed (both streams) since the last start.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn output(&self) -> anyhow::Result<String> {
        let log = self.read_log()?;
        let (_, present) = log
            .split_at_checked(self.log_start)
            .context("the log has shrunk")?;
        Ok(String::from_utf8_lossy(present).into_owned())
    }

    /// The file that its output goes to, that of earlier starts included.
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn find_line(&self, text: &str) -> anyhow::Result<Option<String>> {
        let output = self.output()?;
        // A line without its end may still grow.
        let mut complete = output
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        Ok(complete
            .find(|line| line.contains(text))
            .map(|line| line.trim_end().to_owned()))
    }

    fn read_log(&self) -> anyhow::Result<Vec<u8>> {
        fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))
    }
}
