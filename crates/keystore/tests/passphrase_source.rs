//! Passphrases from files, descriptors and credentials.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use keystore::{
    KdfCost, KeyFile, NewKey, Passphrase, PassphraseError, PassphraseSource, Secret, SecretKey,
};
use proptest::prelude::*;

fn file_source(path: &Path) -> PassphraseSource {
    format!("file:{}", path.display()).parse().unwrap()
}

fn write_private(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Whether two passphrases are the same, which only a key file can tell.
fn opens_what_is_locked_with(passphrase: &Passphrase, expected: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    let secret = Secret::Key(SecretKey::new([1; 32].into()));
    let key = NewKey {
        label: "",
        public: "",
        secret: &secret,
    };
    let cost = KdfCost::INSECURE_FOR_TESTS;
    KeyFile::create(&path, &key, &Passphrase::new(expected), cost)
        .unwrap()
        .unlock(passphrase)
        .is_ok()
}

#[test]
fn every_source_is_spelled_in_one_way() {
    for text in ["prompt", "file:/run/secret", "fd:3", "credential:seed"] {
        let source: PassphraseSource = text.parse().unwrap();
        assert_eq!(source.to_string(), text);
        let json = serde_json::to_string(&source).unwrap();
        assert_eq!(
            serde_json::from_str::<PassphraseSource>(&json).unwrap(),
            source
        );
    }
    assert_eq!(PassphraseSource::default(), PassphraseSource::Prompt);
}

#[test]
fn what_is_no_source_is_refused_without_repeating_it() {
    for text in [
        "",
        "hunter2hunter2",
        "file:",
        "fd:",
        "fd:x",
        "fd:-1",
        "credential:",
        "credential:../x",
        "credential:..",
        "env:P",
    ] {
        let refused = text.parse::<PassphraseSource>().unwrap_err();
        assert!(matches!(refused, PassphraseError::Source), "{text}");
        assert!(text.is_empty() || !refused.to_string().contains(&format!("`{text}`")));
    }
    assert!(
        !"hunter2"
            .parse::<PassphraseSource>()
            .unwrap_err()
            .to_string()
            .contains("hunter2")
    );
}

#[test]
fn a_file_gives_its_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("passphrase");
    for ending in ["", "\n", "\r\n"] {
        write_private(&path, format!("open sesame{ending}").as_bytes());
        let passphrase = file_source(&path).read("key a").unwrap();
        assert!(opens_what_is_locked_with(&passphrase, "open sesame"));
    }
}

#[test]
fn spaces_belong_to_the_passphrase() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("passphrase");
    write_private(&path, b" open sesame \n");
    let passphrase = file_source(&path).read("key a").unwrap();
    assert!(opens_what_is_locked_with(&passphrase, " open sesame "));
}

#[test]
fn a_file_with_more_or_less_than_a_passphrase_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("passphrase");
    for content in [&b"one\ntwo\n"[..], &[b'a'; 4097], &[0xff, 0xfe], b"nul\0l"] {
        write_private(&path, content);
        let refused = file_source(&path).read("key a");
        assert!(
            matches!(refused, Err(PassphraseError::Content { .. })),
            "{content:?}"
        );
    }
    for content in [&b""[..], b"\n"] {
        write_private(&path, content);
        assert!(matches!(
            file_source(&path).read("key a"),
            Err(PassphraseError::Empty { .. })
        ));
    }
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("passphrase");
    fs::write(&path, "open sesame").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let refused = file_source(&path).read("key a");
    assert!(matches!(
        refused,
        Err(PassphraseError::Permissions { mode: 0o644, .. })
    ));
}

#[test]
fn a_missing_file_is_named() {
    let refused = file_source(Path::new("/nowhere/passphrase"))
        .read("key a")
        .unwrap_err();
    assert!(refused.to_string().contains("file:/nowhere/passphrase"));
}

#[test]
fn a_short_passphrase_from_a_file_is_refused_for_a_new_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("passphrase");
    write_private(&path, b"short\n");
    assert!(matches!(
        file_source(&path).read_new("key a"),
        Err(PassphraseError::Short)
    ));
}

#[test]
fn a_descriptor_gives_its_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("passphrase");
    write_private(&path, b"open sesame\n");
    let file = File::open(&path).unwrap();
    let source: PassphraseSource = format!("fd:{}", file.as_raw_fd()).parse().unwrap();
    assert!(opens_what_is_locked_with(
        &source.read("key a").unwrap(),
        "open sesame"
    ));
}

#[test]
fn a_pipe_works_as_a_descriptor() {
    let (reader, writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut &writer, b"open sesame\n").unwrap();
    drop(writer);
    let source: PassphraseSource = format!("fd:{}", reader.as_raw_fd()).parse().unwrap();
    assert!(opens_what_is_locked_with(
        &source.read("key a").unwrap(),
        "open sesame"
    ));
}

/// Runs one test of this file again in a process with the environment of a service.
fn in_service(test: &str, credentials: Option<&Path>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test])
        .env("BTC_MESH_TEST_IN_SERVICE", "1");
    match credentials {
        Some(directory) => command.env("CREDENTIALS_DIRECTORY", directory),
        None => command.env_remove("CREDENTIALS_DIRECTORY"),
    };
    command.output().unwrap().status.success()
}

#[test]
fn a_credential_comes_from_the_service_managers_directory() {
    let source: PassphraseSource = "credential:seed".parse().unwrap();
    if std::env::var_os("BTC_MESH_TEST_IN_SERVICE").is_some() {
        assert!(opens_what_is_locked_with(
            &source.read("key a").unwrap(),
            "open sesame"
        ));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("seed"), "open sesame\n").unwrap();
    let test = "a_credential_comes_from_the_service_managers_directory";
    assert!(in_service(test, Some(directory.path())));
}

#[test]
fn a_credential_without_a_service_manager_is_refused() {
    let source: PassphraseSource = "credential:seed".parse().unwrap();
    if std::env::var_os("BTC_MESH_TEST_IN_SERVICE").is_some() {
        let refused = source.read("key a").unwrap_err();
        assert!(matches!(refused, PassphraseError::NoCredentials { .. }));
        return;
    }
    assert!(in_service(
        "a_credential_without_a_service_manager_is_refused",
        None
    ));
}

proptest! {
    #[test]
    fn any_text_parses_or_is_refused_without_a_panic(text in "\\PC*") {
        if let Ok(source) = text.parse::<PassphraseSource>() {
            prop_assert_eq!(source.to_string().parse::<PassphraseSource>().unwrap(), source);
        }
    }
}
