//! A failed command, as the user and their scripts see it.

use std::error::Error;
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::Exit;

/// Why a command failed: what it says to people and to scripts.
///
/// Programs turn their typed errors into this at the very edge, in one `From` implementation each, so that the same
/// failure always has the same `code` and exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandError {
    /// Stable name of the failure in kebab-case, such as `wrong-passphrase`.
    pub code: &'static str,
    /// What happened, with the value and the rule it broke. Never a secret.
    pub message: String,
    /// What to do about it, where something can be done.
    pub hint: Option<String>,
    /// How the process ends.
    #[serde(skip)]
    pub exit: Exit,
}

impl CommandError {
    /// Creates an error without a hint.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            exit,
        }
    }

    /// Creates an error whose message is that of `error` followed by its causes: `a: b: c`.
    ///
    /// A cause whose text the message already ends with is not said twice.
    pub fn caused_by(exit: Exit, code: &'static str, error: &(dyn Error + 'static)) -> Self {
        Self::new(exit, code, with_causes(error))
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CommandError {}

/// The error's message followed by those of its causes, outermost first.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            // Writing to a `String` cannot fail.
            let _ = write!(text, ": {message}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("connection refused")]
    struct Inner;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("node is down")]
        Plain(#[source] Inner),
        #[error("node is down: {0}")]
        Repeating(#[source] Inner),
    }

    #[test]
    fn causes_are_told_once_each() {
        assert_eq!(
            with_causes(&Outer::Plain(Inner)),
            "node is down: connection refused"
        );
        assert_eq!(
            with_causes(&Outer::Repeating(Inner)),
            "node is down: connection refused"
        );
    }
}
