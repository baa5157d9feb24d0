//! Reading a log and checking its chain of hashes on the way, in constant memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::Recorded;
use super::entry::Head;

/// Longest line that is read, in bytes. The signer's own are below 2 kB, or a quarter of the limit where a
/// refusal quotes the longest script that Bitcoin relays; a longer one is damage.
const MAX_LINE: usize = 1 << 20;

/// A log whose lines do not follow from each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenChain {
    /// The file cannot be read.
    #[error("the audit log {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line was changed or is damaged.
    #[error("the audit log was changed: line {line}: {reason}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// The entries of a log in their order; ends at the first that does not follow from the one before.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    lines: BufReader<File>,
    head: Head,
    whole_bytes: u64,
    torn_bytes: u64,
}

/// Opens the log at `path` for reading. A signer may be appending to it meanwhile.
pub fn read(path: &Path) -> Result<Reader, BrokenChain> {
    let file = File::open(path).map_err(|source| BrokenChain::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(Reader {
        path: path.to_owned(),
        lines: BufReader::new(file),
        head: Head::empty(),
        whole_bytes: 0,
        torn_bytes: 0,
    })
}

impl Reader {
    /// Where the part that was read ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Bytes of the lines that were read.
    pub(super) fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// Bytes after the last line break: a line whose writing a crash cut off, before anything was answered.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    fn read_next(&mut self) -> Result<Option<Recorded>, BrokenChain> {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = io::Read::take(&mut self.lines, limit)
            .read_until(b'\n', &mut line)
            .map_err(|source| BrokenChain::Unreadable {
                path: self.path.clone(),
                source,
            })?;
        let number = self.head.entries.saturating_add(1);
        let broken = |reason: String| BrokenChain::Line {
            line: number,
            reason,
        };
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            if read >= MAX_LINE {
                return Err(broken(format!("it is longer than {MAX_LINE} bytes")));
            }
            self.torn_bytes = u64::try_from(read).unwrap_or(u64::MAX);
            return Ok(None);
        }
        let line = str::from_utf8(&line).map_err(|error| broken(error.to_string()))?;
        let recorded = Recorded::from_line(line).map_err(|error| broken(error.to_string()))?;
        if recorded.entry.sequence != number {
            return Err(broken(format!(
                "its sequence number is {}",
                recorded.entry.sequence
            )));
        }
        if recorded.entry.previous != self.head.hash {
            return Err(broken(format!(
                "it follows a line with hash {}, but the line before has {}",
                recorded.entry.previous, self.head.hash
            )));
        }
        self.head = Head {
            entries: number,
            hash: recorded.hash,
        };
        self.whole_bytes = self
            .whole_bytes
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(Some(recorded))
    }
}

impl Iterator for Reader {
    type Item = Result<Recorded, BrokenChain>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_next().transpose()
    }
}
