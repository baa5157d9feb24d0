//! Delegations that are not signed, each with its reason, in a directory of small files.
//!
//! The directory is the interface: a command lists it whether the service runs or not, and deleting a file is how an
//! operator asks for another try. Nothing in it is precious; what is still wrong is parked again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::Transaction;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::{Hash, sha256};
use chain::InvalidDelegation;
use serde::{Deserialize, Serialize};

use crate::signer::Refusal;

/// Ending of the files.
const ENDING: &str = "json";

/// A delegation that is not signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedDelegation {
    /// Its staking transaction's id, or `unreadable-…` where the chain's answer has none.
    pub id: String,
    /// Name of the broken rule.
    pub rule: String,
    /// The value and the rule, for people.
    pub message: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// The directory of parked delegations.
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

    /// Looks which files were deleted since the last time, so that their delegations are tried again.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.ids = ids(&self.path)?;
        Ok(())
    }

    /// Whether the delegation is parked.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Number of parked delegations.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none is parked.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Parks a delegation. The first reason is kept.
    pub fn park(&mut self, id: String, refusal: Refusal, now: SystemTime) -> io::Result<()> {
        if self.ids.contains(&id) {
            return Ok(());
        }
        let since = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        let Refusal { rule, message } = refusal;
        let parked = ParkedDelegation {
            id: id.clone(),
            rule,
            message,
            since,
        };
        let file = self.path.join(&id).with_extension(ENDING);
        let unfinished = file.with_extension("unfinished");
        fs::write(&unfinished, serde_json::to_vec_pretty(&parked)?)?;
        fs::rename(&unfinished, &file)?;
        self.ids.insert(id);
        Ok(())
    }

    /// Removes every delegation that `keep` does not ask for, such as those that are not pending any more.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        let gone: Vec<_> = self.ids.iter().filter(|id| !keep(id)).cloned().collect();
        for id in gone {
            remove(&self.path, &id)?;
            self.ids.remove(&id);
        }
        Ok(())
    }
}

/// All parked delegations in the directory at `path`, oldest first; none where there is no directory.
pub fn list(path: &Path) -> io::Result<Vec<ParkedDelegation>> {
    let mut parked = Vec::new();
    for id in ids(path)? {
        match fs::read(path.join(&id).with_extension(ENDING)) {
            Ok(content) => parked.push(serde_json::from_slice(&content)?),
            // Retried or resolved between the two looks.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    parked.sort_by(|one: &ParkedDelegation, other| {
        (one.since, &one.id).cmp(&(other.since, &other.id))
    });
    Ok(parked)
}

/// Lets the service try a parked delegation again at its next poll; `false` where it is not parked.
pub fn retry(path: &Path, id: &str) -> io::Result<bool> {
    // Only names that are there are touched, so that no text can lead elsewhere.
    if !ids(path)?.contains(id) {
        return Ok(false);
    }
    remove(path, id)?;
    Ok(true)
}

/// Name under which a delegation that could not be read is parked.
pub fn id_of_invalid(invalid: &InvalidDelegation) -> String {
    match deserialize_hex::<Transaction>(&invalid.staking_tx) {
        Ok(staking_tx) => staking_tx.compute_txid().to_string(),
        Err(_) => {
            format!(
                "unreadable-{}",
                sha256::Hash::hash(invalid.staking_tx.as_bytes())
            )
        }
    }
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
        parked
            .park("bb".into(), Refusal::new("fee", "too low"), at(2))
            .unwrap();
        parked
            .park("bb".into(), Refusal::new("script", "wrong"), at(3))
            .unwrap();
        parked
            .park("aa".into(), Refusal::new("script", "wrong"), at(3))
            .unwrap();
        drop(parked);
        assert!(ParkedDirectory::open(&path).unwrap().contains("bb"));
        let listed: Vec<_> = list(&path)
            .unwrap()
            .into_iter()
            .map(|parked| (parked.id, parked.rule))
            .collect();
        assert_eq!(
            listed,
            [("bb".into(), "fee".into()), ("aa".into(), "script".into())]
        );
    }

    #[test]
    fn a_retried_delegation_is_free_at_the_next_look() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("parked");
        let mut parked = ParkedDirectory::open(&path).unwrap();
        parked
            .park("aa".into(), Refusal::new("fee", "too low"), at(2))
            .unwrap();
        assert!(retry(&path, "aa").unwrap());
        assert!(!retry(&path, "aa").unwrap());
        parked.refresh().unwrap();
        assert!(parked.is_empty());
    }

    #[test]
    fn only_names_in_the_directory_can_be_retried() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("parked");
        ParkedDirectory::open(&path).unwrap();
        let outside = directory.path().join("precious.json");
        fs::write(&outside, "{}").unwrap();
        assert!(!retry(&path, "../precious").unwrap());
        assert!(outside.exists());
    }

    #[test]
    fn delegations_that_left_the_chains_list_leave_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let mut parked = ParkedDirectory::open(directory.path()).unwrap();
        for id in ["aa", "bb"] {
            parked
                .park(id.into(), Refusal::new("fee", "too low"), at(2))
                .unwrap();
        }
        parked.retain(|id| id == "bb").unwrap();
        assert_eq!(list(directory.path()).unwrap().len(), 1);
    }

    #[test]
    fn an_unreadable_delegation_has_a_name_that_is_a_file_name() {
        let id = |staking_tx: &str| {
            id_of_invalid(&InvalidDelegation {
                staking_tx: staking_tx.into(),
                reason: "x".into(),
            })
        };
        let name = id("../../etc/passwd");
        assert!(
            name.starts_with("unreadable-") && !name.contains('/'),
            "{name}"
        );
        assert_ne!(id("a"), id("b"));
    }
}
