//! Writing a commented configuration for the user to fill in.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::output::{CommandError, Exit, with_causes};

/// A configuration that could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is a configuration already; it is never overwritten.
    #[error("{} exists already and is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl From<TemplateError> for CommandError {
    fn from(error: TemplateError) -> Self {
        let message = with_causes(&error);
        match error {
            TemplateError::Exists { .. } => Self::new(Exit::Refused, "config-exists", message)
                .with_hint("edit it, move it away, or name another with --config"),
            TemplateError::Write { .. } => Self::new(Exit::Failed, "config-not-written", message),
        }
    }
}

/// Writes `text` to a new file at `path`, creating the directories above it.
///
/// # Errors
///
/// Refuses a path where there is something already.
pub fn write_template(path: &Path, text: &str) -> Result<(), TemplateError> {
    let failed = |source| TemplateError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => TemplateError::Exists {
                path: path.to_owned(),
            },
            _ => failed(error),
        })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}
