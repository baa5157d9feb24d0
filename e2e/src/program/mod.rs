//! Our own programs as child processes, the way a person runs them: arguments, environment, exit
//! code, output.
//!
//! A [`Program`] describes one invocation. [`Program::run`] runs it to its end, [`Program::start`]
//! leaves it running as a [`Daemon`].

mod build;
mod daemon;
mod finished;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;

pub use self::daemon::Daemon;
pub use self::finished::Finished;
use crate::process::bound_to_us;

/// One invocation of a program: what to run, with which arguments and environment.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    input: Vec<u8>,
}

impl Program {
    /// One of this repository's programs, built from the sources as they are now.
    ///
    /// The first call of a test binary runs `cargo build`: the tests of this package do not depend
    /// on the programs as far as cargo knows, so what lies in the target folder may be missing or
    /// old. Set `BTC_MESH_BIN_DIR` to a folder to take ready-made programs from there instead.
    ///
    /// # Errors
    ///
    /// When the build fails, or there is no program of that name.
    pub fn ours(name: &str) -> anyhow::Result<Self> {
        Ok(Self::at(name, build::executable(name)?))
    }

    /// The program at `path`, called `name` in messages and log files.
    pub fn at(name: &str, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: Vec::new(),
        }
    }

    /// Where the executable is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((variable.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets what [`Program::run`] gives it on standard input; nothing by default.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs the program to its end; a failure exit is a result, not an error.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or still runs after `deadline` (it is killed then).
    pub async fn run(&self, deadline: Duration) -> anyhow::Result<Finished> {
        let mut child = tokio::process::Command::from(self.command())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let mut stdin = child
            .stdin
            .take()
            .context("its standard input is not piped")?;
        let input = self.input.clone();
        // Beside the reading of its output, or the two could wait for each other. It may end
        // without reading it all.
        let feeding = tokio::spawn(async move { stdin.write_all(&input).await });
        let output = tokio::time::timeout(deadline, child.wait_with_output())
            .await
            .with_context(|| format!("{self} still runs after {deadline:?}"))??;
        feeding.abort();
        Ok(Finished::new(self.to_string(), output))
    }

    /// Starts the program and leaves it running.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(self) -> anyhow::Result<Daemon> {
        Daemon::start(self)
    }

    fn command(&self) -> Command {
        let mut command = bound_to_us(&self.path);
        command.args(&self.arguments);
        command.envs(
            self.environment
                .iter()
                .map(|(variable, value)| (variable, value)),
        );
        command
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(formatter, " {}", argument.to_string_lossy()))
    }
}
