//! The folder of consents that stakers handed over.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bitcoin::OutPoint;
use chain::mesh::HandedConsent;

use super::ReportingError;
use super::book::Book;
use crate::provider::{Next, Worker};

/// Ending of the files.
const ENDING: &str = "json";

/// Longest file. A consent has 16 shares at most, and of a large committee each member adds 700 bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads every file of the folder once, and again when it has changed. A bad one is named in the log and hinders no other.
pub(super) struct ConsentFolder {
    path: PathBuf,
    book: Book,
    interval: Duration,
    /// What was read, by length and time of the last change.
    read: BTreeMap<PathBuf, (u64, SystemTime)>,
}

impl ConsentFolder {
    pub(super) fn new(path: PathBuf, book: Book, interval: Duration) -> Self {
        Self {
            path,
            book,
            interval,
            read: BTreeMap::new(),
        }
    }

    /// Brings what is new into the book.
    fn look(&mut self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut there = BTreeMap::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            // A file may be gone by now, and a folder is none.
            let Some(mark) = mark(&path) else { continue };
            if self.read.get(&path) != Some(&mark) {
                match self.take(&path, mark.0) {
                    Ok(stake) => {
                        tracing::info!(file = %path.display(), %stake, "read a consent");
                    }
                    Err(reason) => {
                        tracing::warn!(file = %path.display(), reason, "a consent cannot be used");
                    }
                }
            }
            there.insert(path, mark);
        }
        self.read = there;
        Ok(())
    }

    fn take(&self, path: &Path, length: u64) -> Result<OutPoint, String> {
        let handed = read(path, length)?;
        let stake = handed.stake;
        let taken = self.book.hand(handed);
        taken.map(|()| stake).map_err(|error| error.to_string())
    }
}

/// Length and time of the last change of a file.
fn mark(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some((metadata.len(), metadata.modified().ok()?))
}

fn read(path: &Path, length: u64) -> Result<HandedConsent, String> {
    if length > MOST_BYTES {
        return Err(format!(
            "it has {length} bytes; a consent has no more than {MOST_BYTES}"
        ));
    }
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text))
        .map_err(|error| error.to_string())?;
    HandedConsent::parse(&text).map_err(|error| error.to_string())
}

impl Worker for ConsentFolder {
    type Error = ReportingError;

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<Next, ReportingError> {
        self.look()?;
        Ok(Next::Round)
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::tests::{chain, handed, provider, signed, told};
    use super::*;

    #[test]
    fn every_file_is_read_once_and_a_bad_one_hinders_no_other() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("consents");
        let book = Book::default();
        book.add(provider(), chain("x"), told(1, 7));
        let mut folder = ConsentFolder::new(path.clone(), book.clone(), Duration::ZERO);
        folder.look().unwrap();

        fs::create_dir(&path).unwrap();
        fs::create_dir(path.join("folder.json")).unwrap();
        fs::write(path.join("broken.json"), "{").unwrap();
        let long = usize::try_from(MOST_BYTES).unwrap() + 1;
        fs::write(path.join("long.json"), vec![b' '; long]).unwrap();
        let write = |name: &str, staker, number| {
            let handed = handed(1, signed(1, staker, number, 10));
            fs::write(path.join(name), handed.to_text().unwrap()).unwrap();
        };
        write("others.json", 8, 9);
        write("unfinished", 7, 5);
        write("staker.json", 7, 3);
        let number = || {
            let consented = book.consented(&provider());
            consented.first().map(|stake| stake.consent.number)
        };
        folder.look().unwrap();
        assert_eq!(number(), Some(3));
        let read = folder.read.clone();
        assert_eq!(read.len(), 4, "{read:?}");
        folder.look().unwrap();
        assert_eq!(folder.read, read);
        write("staker.json", 7, 11);
        folder.look().unwrap();
        assert_eq!(number(), Some(11));
        fs::remove_file(path.join("staker.json")).unwrap();
        folder.look().unwrap();
        assert_eq!((number(), folder.read.len()), (Some(11), 3));
    }
}
