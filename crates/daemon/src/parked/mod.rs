//! What a service has given up on, each item with its reason, in a directory of small files.
//!
//! The directory is the interface: a command lists it whether the service runs or not, and deleting a file is how an
//! operator asks for another try. Nothing in it is precious; what is still wrong is parked again.

mod command;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use command::{ParkedCommand, execute};

/// Ending of the files.
const ENDING: &str = "json";

/// An item that is not tried any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedItem {
    /// What it is; also the name of its file, so it is made of letters, digits and `-`.
    pub id: String,
    /// Name of the broken rule; it does not change between versions.
    pub rule: String,
    /// The value and the rule, for people.
    pub message: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// The directory of parked items, in the service that fills it.
#[derive(Debug)]
pub struct ParkedDirectory {
    path: PathBuf,
    ids: BTreeSet<String>,
}

impl ParkedDirectory {
    /// Opens the directory, which is created where it is missing.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let ids = ids(path)?;
        Ok(Self {
            path: path.to_owned(),
            ids,
        })
    }

    /// Looks which files were deleted since the last time, so that their items are tried again.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.ids = ids(&self.path)?;
        Ok(())
    }

    /// Whether the item is parked.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Number of parked items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none is parked.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Parks an item. The first reason is kept.
    ///
    /// # Errors
    ///
    /// Refuses an id that is more than letters, digits and `-`: it becomes the name of a file.
    pub fn park(
        &mut self,
        id: &str,
        rule: &str,
        message: impl Into<String>,
        now: SystemTime,
    ) -> io::Result<()> {
        if self.ids.contains(id) {
            return Ok(());
        }
        if !is_id(id) {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("`{id}` cannot be parked: only letters, digits and `-` make an id"),
            ));
        }
        let since = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        let parked = ParkedItem {
            id: id.to_owned(),
            rule: rule.to_owned(),
            message: message.into(),
            since,
        };
        let file = self.path.join(id).with_extension(ENDING);
        let unfinished = file.with_extension("unfinished");
        fs::write(&unfinished, serde_json::to_vec_pretty(&parked)?)?;
        fs::rename(&unfinished, &file)?;
        self.ids.insert(id.to_owned());
        Ok(())
    }

    /// Removes every item that `keep` does not ask for, such as those that are not in the queue any more.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        let gone: Vec<_> = self.ids.iter().filter(|id| !keep(id)).cloned().collect();
        for id in gone {
            remove(&self.path, &id)?;
            self.ids.remove(&id);
        }
        Ok(())
    }
}

/// All parked items in the directory at `path`, oldest first; none where there is no directory.
///
/// A file that cannot be read, as after a power cut, stands for its item all the same, with the rule `unreadable`.
pub fn list(path: &Path) -> io::Result<Vec<ParkedItem>> {
    let mut parked = Vec::new();
    for id in ids(path)? {
        match fs::read(path.join(&id).with_extension(ENDING)) {
            Ok(content) => {
                let item = serde_json::from_slice(&content);
                parked.push(item.unwrap_or_else(|error| unreadable(id, &error)));
            }
            // Retried or resolved between the two looks.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    parked.sort_by(|one: &ParkedItem, other| (one.since, &one.id).cmp(&(other.since, &other.id)));
    Ok(parked)
}

/// Lets the service try a parked item again at its next look; `false` where it is not parked.
pub fn retry(path: &Path, id: &str) -> io::Result<bool> {
    // Only names that are there are touched, so that no text can lead elsewhere.
    if !ids(path)?.contains(id) {
        return Ok(false);
    }
    remove(path, id)?;
    Ok(true)
}

fn unreadable(id: String, error: &serde_json::Error) -> ParkedItem {
    ParkedItem {
        id,
        rule: "unreadable".to_owned(),
        message: format!("its file cannot be read: {error}"),
        since: 0,
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn remove(path: &Path, id: &str) -> io::Result<()> {
    match fs::remove_file(path.join(id).with_extension(ENDING)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn ids(path: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut ids = BTreeSet::new();
    for entry in entries {
        let file = PathBuf::from(entry?.file_name());
        if file.extension().is_some_and(|ending| ending == ENDING)
            && let Some(id) = file.file_stem().and_then(|id| id.to_str())
        {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_parked_stays_parked_with_its_first_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("parked");
        let mut parked = ParkedDirectory::open(&path).unwrap();
        parked.park("bb", "fee", "too low", at(2)).unwrap();
        parked.park("aa", "script", "another", at(3)).unwrap();
        parked.park("bb", "script", "another", at(4)).unwrap();
        drop(parked);

        let parked = ParkedDirectory::open(&path).unwrap();
        assert!(parked.contains("aa") && parked.contains("bb"));
        let listed: Vec<_> = list(&path)
            .unwrap()
            .into_iter()
            .map(|item| (item.id, item.rule, item.since))
            .collect();
        let expected = [("bb", "fee", 2), ("aa", "script", 3)];
        assert_eq!(
            listed,
            expected.map(|(id, rule, since)| (id.to_owned(), rule.to_owned(), since))
        );
    }

    #[test]
    fn a_retried_item_is_no_longer_parked_and_one_that_left_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let mut parked = ParkedDirectory::open(directory.path()).unwrap();
        parked.park("aa", "fee", "too low", at(1)).unwrap();
        parked.park("bb", "fee", "too low", at(1)).unwrap();
        assert!(retry(directory.path(), "aa").unwrap());
        assert!(!retry(directory.path(), "aa").unwrap());
        parked.refresh().unwrap();
        assert!(!parked.contains("aa") && parked.contains("bb"));
        parked.retain(|id| id != "bb").unwrap();
        assert!(parked.is_empty() && list(directory.path()).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_file_hides_no_other_item() {
        let directory = tempfile::tempdir().unwrap();
        let mut parked = ParkedDirectory::open(directory.path()).unwrap();
        parked.park("aa", "fee", "too low", at(1)).unwrap();
        fs::write(directory.path().join("bb.json"), "").unwrap();
        let listed: Vec<_> = list(directory.path())
            .unwrap()
            .into_iter()
            .map(|item| (item.id, item.rule))
            .collect();
        let expected = [("bb", "unreadable"), ("aa", "fee")];
        assert_eq!(
            listed,
            expected.map(|(id, rule)| (id.to_owned(), rule.to_owned()))
        );
        assert!(retry(directory.path(), "bb").unwrap());
    }

    #[test]
    fn no_id_leads_out_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("precious.json");
        fs::write(&precious, "{}").unwrap();
        let path = directory.path().join("parked");
        let mut parked = ParkedDirectory::open(&path).unwrap();
        assert!(parked.park("../precious", "x", "y", at(1)).is_err());
        assert!(!retry(&path, "../precious").unwrap());
        assert_eq!(fs::read_to_string(precious).unwrap(), "{}");
    }
}
