//! Appending to the log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::entry::{Entry, Event, Head};
use super::reader::{BrokenChain, read};

/// Why the log cannot be kept. A signer that cannot keep its log does not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// What is there is not a whole chain.
    #[error(transparent)]
    Broken(#[from] BrokenChain),
    /// The file cannot be written.
    #[error("the audit log {} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An earlier write failed, so it is unknown what the file holds.
    #[error(
        "the audit log {} could not be written earlier; see why, then restart the signer",
        path.display()
    )]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
}

/// A log that is open for appending.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: File,
    head: Head,
    poisoned: bool,
}

impl AuditLog {
    /// Creates an empty log that only its owner can read; refuses a path that exists.
    pub fn create(path: &Path) -> Result<Self, AuditError> {
        let unwritable = |source| AuditError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(unwritable)?;
        file.sync_all().map_err(unwritable)?;
        // Without this a crash could lose the file itself.
        if let Some(directory) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(unwritable)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            head: Head::empty(),
            poisoned: false,
        })
    }

    /// Opens the log at `path` after checking all of it; refuses a missing file and a broken chain.
    ///
    /// A last line without line break is cut off: the crash that caused it came before the line was durable, hence before
    /// anything was answered.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let mut reader = read(path)?;
        for entry in &mut reader {
            entry?;
        }
        let unwritable = |source| AuditError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(unwritable)?;
        if reader.torn_bytes() > 0 {
            tracing::warn!(
                bytes = reader.torn_bytes(),
                "cut off an unfinished line of the audit log"
            );
            file.set_len(reader.whole_bytes()).map_err(unwritable)?;
            file.sync_all().map_err(unwritable)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            head: reader.head(),
            poisoned: false,
        })
    }

    /// Where the log ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Appends an event; it is durable when this returns. After a failure nothing is appended any more.
    pub fn append(&mut self, event: Event, now: SystemTime) -> Result<(), AuditError> {
        if self.poisoned {
            return Err(AuditError::Poisoned {
                path: self.path.clone(),
            });
        }
        let entry = Entry {
            sequence: self.head.entries.saturating_add(1),
            time: now
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs()),
            event,
            previous: self.head.hash,
        };
        let written = entry
            .to_line()
            .map_err(io::Error::from)
            .and_then(|(line, hash)| {
                self.file.write_all(line.as_bytes())?;
                self.file.sync_data()?;
                Ok(hash)
            });
        match written {
            Ok(hash) => {
                self.head = Head {
                    entries: entry.sequence,
                    hash,
                };
                Ok(())
            }
            Err(source) => {
                self.poisoned = true;
                Err(AuditError::Unwritable {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }
}
