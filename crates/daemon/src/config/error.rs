//! What can be wrong with a configuration, in words that say where and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::output::{CommandError, Exit, with_causes};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("the configuration at {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Settings are unknown, missing, of the wrong type or break a rule.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File and line, or the environment variable.
    pub source: String,
    /// Path of the setting, such as `bitcoin.rpc_url`; empty where the whole file is meant.
    pub key: String,
    /// The rule, and the value that breaks it.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        let (code, hint) = match &error {
            ConfigError::Missing { .. } => (
                "config-missing",
                Some("write one with `config init`, or name another with --config".to_owned()),
            ),
            ConfigError::Unreadable { .. } => ("config-unreadable", None),
            ConfigError::Syntax { .. } => ("config-syntax", None),
            ConfigError::Invalid(problems) => (
                "config-invalid",
                problems.iter().find_map(|problem| problem.hint.clone()),
            ),
        };
        let message = with_causes(&error);
        Self {
            code,
            message,
            hint,
            exit: Exit::Configuration,
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
