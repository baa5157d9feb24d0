//! Making files as their owners see it.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn create(path: &Path, content: &str) -> io::Result<()> {
    new_file::create(path, |mut file: &File| file.write_all(content.as_bytes()))
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn a_new_file_is_its_owners_alone_and_leaves_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new");
    create(&path, "content").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "content");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(entries(directory.path()), 1);
}

#[test]
fn whatever_is_there_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link, target) = (
        directory.path().join("file"),
        directory.path().join("link"),
        directory.path().join("target"),
    );
    create(&file, "first").unwrap();
    symlink(&target, &link).unwrap();
    for taken in [&file, &link] {
        let refused = create(taken, "second").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "first");
    assert!(!target.exists());
    assert_eq!(entries(directory.path()), 2);
}

#[test]
fn a_file_that_could_not_be_filled_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new");
    let failed = new_file::create(&path, |mut file: &File| {
        file.write_all(b"half")?;
        Err(io::Error::from(ErrorKind::StorageFull))
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(entries(directory.path()), 0);
}

#[test]
fn a_missing_directory_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let failed = create(&directory.path().join("none/new"), "content");
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn of_many_creators_one_wins_and_its_file_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contended");
    let winners: Vec<String> = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..8)
            .map(|number: u8| {
                let path = &path;
                scope.spawn(move || {
                    let content = number.to_string().repeat(10_000);
                    create(path, &content).is_ok().then_some(content)
                })
            })
            .collect();
        creators
            .into_iter()
            .filter_map(|creator| creator.join().unwrap())
            .collect()
    });
    assert_eq!(winners, [fs::read_to_string(&path).unwrap()]);
    assert_eq!(entries(directory.path()), 1);
}
