//! One process per data directory: two would fight over journals and, worse, over signing records.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::output::{CommandError, Exit, with_causes};

/// Name of the file whose lock stands for the directory.
const FILE_NAME: &str = "lock";

/// The right to use a data directory, held until it is dropped or the process ends, however it ends.
///
/// It is the operating system's lock on an open file, not the file's existence: a crash leaves nothing to clean up.
#[derive(Debug)]
pub struct InstanceLock {
    // Closing it releases the lock.
    _file: File,
}

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process uses it.
    #[error("{} is used by another process{}", directory.display(), in_brackets(process.as_ref()))]
    Held {
        /// The data directory.
        directory: PathBuf,
        /// The other process's id, where it has written it.
        process: Option<u32>,
    },
    /// The lock file cannot be opened, locked or written.
    #[error("{} cannot be locked", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl InstanceLock {
    /// Takes the right to use `directory`, which must exist.
    ///
    /// # Errors
    ///
    /// Refuses a directory that another process uses, and one where the lock cannot be taken for any other reason.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(FILE_NAME);
        let failed = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        // The holder's id must survive until we know that nobody holds the lock.
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    directory: directory.to_owned(),
                    process: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        let message = with_causes(&error);
        match error {
            LockError::Held { .. } => Self::new(Exit::Refused, "already-running", message)
                .with_hint("stop it first, or give this one another directory with --home"),
            LockError::Io { .. } => Self::new(Exit::Failed, "home-not-locked", message),
        }
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn in_brackets(process: Option<&u32>) -> String {
    process
        .map(|id| format!(" (process {id})"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_directory_is_used_by_one_at_a_time() {
        let directory = TempDir::new().unwrap();
        let first = InstanceLock::acquire(directory.path()).unwrap();
        let error = CommandError::from(InstanceLock::acquire(directory.path()).unwrap_err());
        assert_eq!((error.exit, error.code), (Exit::Refused, "already-running"));
        assert!(
            error
                .message
                .contains(&format!("(process {})", std::process::id()))
        );
        assert!(
            error
                .message
                .contains(&directory.path().display().to_string())
        );
        drop(first);
        assert!(InstanceLock::acquire(directory.path()).is_ok());
    }

    #[test]
    fn what_a_crash_left_in_the_file_does_not_matter() {
        let directory = TempDir::new().unwrap();
        std::fs::write(
            directory.path().join(FILE_NAME),
            "4294967295 and more than an id",
        )
        .unwrap();
        let lock = InstanceLock::acquire(directory.path()).unwrap();
        let text = std::fs::read_to_string(directory.path().join(FILE_NAME)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(lock);
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_it() {
        let error = InstanceLock::acquire(Path::new("/nonexistent/home")).unwrap_err();
        assert!(
            CommandError::from(error)
                .message
                .contains("/nonexistent/home/lock")
        );
    }
}
