//! The audit log through its public face: what is appended can be read, and what was changed is found.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bitcoin::Txid;
use bitcoin::hashes::Hash;
use covenant::audit::{AuditError, AuditLog, BrokenChain, Event, Head, read};
use covenant::signer::Origin;
use tempfile::TempDir;

fn refused(number: u8) -> Event {
    Event::Refused {
        origin: Origin::Chain,
        staking_txid: Txid::from_byte_array([number; 32]),
        rule: "unbonding-fee".into(),
        message: format!("number {number}"),
    }
}

/// A log of three entries in a folder of its own.
fn three_entries() -> (TempDir, PathBuf, Head) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let mut log = AuditLog::create(&path).unwrap();
    for number in 0..3 {
        log.append(
            refused(number),
            SystemTime::UNIX_EPOCH + Duration::from_secs(5),
        )
        .unwrap();
    }
    let head = log.head();
    (directory, path, head)
}

fn verify(path: &Path) -> Result<Head, BrokenChain> {
    let mut reader = read(path)?;
    for entry in &mut reader {
        entry?;
    }
    Ok(reader.head())
}

#[test]
fn appended_entries_are_read_back_in_order() {
    let (_directory, path, head) = three_entries();
    let entries: Vec<_> = read(&path)
        .unwrap()
        .map(|entry| entry.unwrap().entry)
        .collect();
    assert_eq!(
        entries
            .iter()
            .map(|entry| entry.event.clone())
            .collect::<Vec<_>>(),
        [refused(0), refused(1), refused(2)]
    );
    assert!(entries.iter().all(|entry| entry.time == 5));
    assert_eq!(verify(&path).unwrap(), head);
}

#[test]
fn a_reopened_log_goes_on_where_it_ended() {
    let (_directory, path, head) = three_entries();
    let mut log = AuditLog::open(&path).unwrap();
    assert_eq!(log.head(), head);
    log.append(refused(3), SystemTime::now()).unwrap();
    assert_eq!(verify(&path).unwrap().entries, 4);
}

#[test]
fn every_changed_removed_moved_or_repeated_line_is_found() {
    let (_directory, path, _) = three_entries();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = lines[1].replace("number 1", "number 9");
    for (tampered, line) in [
        ([lines[0], &changed, lines[2]].as_slice(), 2),
        (&[lines[0], lines[2]], 2),
        (&[lines[1], lines[2]], 1),
        (&[lines[0], lines[2], lines[1]], 2),
        (&[lines[0], lines[0], lines[1], lines[2]], 2),
        (&[lines[0], "{}", lines[1], lines[2]], 2),
    ] {
        fs::write(&path, format!("{}\n", tampered.join("\n"))).unwrap();
        let error = verify(&path).unwrap_err();
        assert!(
            matches!(error, BrokenChain::Line { line: found, .. } if found == line),
            "{error}"
        );
        assert!(matches!(AuditLog::open(&path), Err(AuditError::Broken(_))));
    }
}

#[test]
fn a_line_that_a_crash_cut_off_is_removed_and_the_log_goes_on() {
    let (_directory, path, head) = three_entries();
    let whole = fs::read(&path).unwrap();
    let next_line = whole
        .split_inclusive(|byte| *byte == b'\n')
        .next_back()
        .unwrap();
    for cut in [1, next_line.len() / 2, next_line.len() - 1] {
        fs::write(&path, [&whole, &next_line[..cut]].concat()).unwrap();
        let mut log = AuditLog::open(&path).unwrap();
        assert_eq!(log.head(), head);
        log.append(refused(3), SystemTime::now()).unwrap();
        assert_eq!(verify(&path).unwrap().entries, 4);
    }
}

#[test]
fn create_never_replaces_and_open_never_creates() {
    let (directory, path, _) = three_entries();
    assert!(AuditLog::create(&path).is_err());
    assert_eq!(verify(&path).unwrap().entries, 3);
    let missing = directory.path().join("missing.jsonl");
    assert!(AuditLog::open(&missing).is_err());
    assert!(!missing.exists());
}
