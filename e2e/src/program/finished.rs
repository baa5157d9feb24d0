//! What a program left behind when it ended.

use std::process::{ExitStatus, Output};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// The exit status and output of an ended program.
#[derive(Clone, Debug)]
pub struct Finished {
    line: String,
    output: Output,
}

impl Finished {
    pub(super) fn new(line: String, output: Output) -> Self {
        Self { line, output }
    }

    /// How it ended.
    pub fn status(&self) -> ExitStatus {
        self.output.status
    }

    /// Its standard output, with anything that is not UTF-8 replaced.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Its standard error, with anything that is not UTF-8 replaced.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The `result` of the envelope that `--json` prints.
    ///
    /// # Errors
    ///
    /// When the program failed, or its output is no such envelope. The message shows its output.
    pub fn result(&self) -> anyhow::Result<Value> {
        ensure!(self.status().success(), "{self}");
        match self.envelope()?.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => bail!("no result: {self}"),
        }
    }

    /// The `error` of the envelope that `--json` prints.
    ///
    /// # Errors
    ///
    /// When the program succeeded, or its output is no such envelope. The message shows its output.
    pub fn error(&self) -> anyhow::Result<Value> {
        ensure!(!self.status().success(), "a failure was expected: {self}");
        match self.envelope()?.get_mut("error") {
            Some(error) => Ok(error.take()),
            None => bail!("no error: {self}"),
        }
    }

    fn envelope(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.output.stdout).with_context(|| format!("no JSON: {self}"))
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} ended with {}\n--- standard output\n{}\n--- standard error\n{}",
            self.line,
            self.status(),
            self.stdout().trim_end(),
            self.stderr().trim_end()
        )
    }
}
