//! The file: made once, opened by one process at a time, never replaced.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use fixture::{guard, refusal, sign, vote};
use sign_guard::{OpenError, Refusal, SignGuard};

#[test]
fn the_record_outlives_the_process() {
    let (_directory, path, guard) = guard();
    let first = sign(&guard, &vote(7, 1)).unwrap();
    drop(guard);
    let guard = SignGuard::open(&path).unwrap();
    assert!(matches!(
        refusal(&guard, &vote(7, 2)),
        Refusal::Conflict { .. }
    ));
    let kept = guard.sign(&vote(7, 1), |permit| -> Result<_, Infallible> {
        panic!("permitted: {permit:?}")
    });
    assert_eq!(kept.unwrap(), first);
}

#[test]
fn create_never_overwrites_and_open_never_creates() {
    let (directory, path, guard) = guard();
    sign(&guard, &vote(7, 1)).unwrap();
    drop(guard);
    assert!(matches!(
        SignGuard::create(&path),
        Err(OpenError::Exists { .. })
    ));
    let guard = SignGuard::open(&path).unwrap();
    assert!(matches!(
        refusal(&guard, &vote(7, 2)),
        Refusal::Conflict { .. }
    ));

    let missing = directory.path().join("missing.redb");
    assert!(matches!(
        SignGuard::open(&missing),
        Err(OpenError::Missing { .. })
    ));
    assert!(!missing.exists());
    // An empty file is no record, though redb would make one of it.
    fs::write(&missing, "").unwrap();
    assert!(matches!(
        SignGuard::open(&missing),
        Err(OpenError::Damaged { .. })
    ));
    assert!(matches!(
        SignGuard::create(&missing),
        Err(OpenError::Exists { .. })
    ));
    assert_eq!(fs::metadata(&missing).unwrap().len(), 0);
}

#[test]
fn a_new_record_is_its_owners_alone_and_leaves_nothing_beside_it() {
    let (directory, path, _guard) = guard();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn of_many_creators_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("votes.redb");
    let created = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| match SignGuard::create(&path) {
                    Ok(guard) => Some(guard),
                    Err(OpenError::Exists { .. }) => None,
                    Err(other) => panic!("{other}"),
                })
            })
            .collect();
        creators
            .into_iter()
            .filter_map(|creator| creator.join().unwrap())
            .count()
    });
    assert_eq!(created, 1);
}

#[test]
fn a_second_holder_in_one_process_is_refused() {
    let (_directory, path, guard) = guard();
    assert!(matches!(
        SignGuard::open(&path),
        Err(OpenError::InUse { .. })
    ));
    drop(guard);
    assert!(SignGuard::open(&path).is_ok());
}

/// Runs in the child of the next test: the process that comes second.
fn try_to_open(path: &Path) {
    let refused = SignGuard::open(path).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }));
    assert!(refused.to_string().contains("another process holds"));
}

#[test]
fn a_second_process_is_refused() {
    if let Some(path) = std::env::var_os("BTC_MESH_TEST_RECORD") {
        return try_to_open(Path::new(&path));
    }
    let (_directory, path, _guard) = guard();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_second_process_is_refused"])
        .env("BTC_MESH_TEST_RECORD", &path)
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
}

#[test]
fn what_is_no_record_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("noise.redb");
    for content in [&b"not a database"[..], &[0; 8192], &[0xff; 8192]] {
        fs::write(&path, content).unwrap();
        assert!(matches!(
            SignGuard::open(&path),
            Err(OpenError::Damaged { .. })
        ));
    }
}
