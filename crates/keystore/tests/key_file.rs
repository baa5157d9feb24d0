//! Key files as their users see them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use keystore::{
    KdfCost, KeyFile, KeyFileError, Kind, NewKey, Passphrase, Secret, SecretError, SecretKey, Seed,
};
use proptest::prelude::*;
use tempfile::TempDir;

const PHRASE: &str = "abandon abandon abandon abandon abandon abandon \
                      abandon abandon abandon abandon abandon about";

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple")
}

fn secret_key(byte: u8) -> Secret {
    Secret::Key(SecretKey::new([byte; 32].into()))
}

fn create(path: &Path, secret: &Secret) -> Result<KeyFile, KeyFileError> {
    let key = NewKey {
        label: "provider one",
        public: "d45c70d2",
        secret,
    };
    KeyFile::create(path, &key, &passphrase(), KdfCost::INSECURE_FOR_TESTS)
}

fn created(secret: &Secret) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.key");
    create(&path, secret).unwrap();
    (directory, path)
}

fn write_private(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_secret_key_comes_back_under_its_passphrase() {
    let (_directory, path) = created(&secret_key(7));
    let key = KeyFile::open(&path)
        .unwrap()
        .unlock(&passphrase())
        .unwrap()
        .into_key()
        .unwrap();
    assert_eq!(key.expose(), &[7; 32]);
}

#[test]
fn a_seed_comes_back_under_its_passphrase() {
    let (_directory, path) = created(&Secret::Seed(Seed::from_phrase(PHRASE).unwrap()));
    let seed = KeyFile::open(&path)
        .unwrap()
        .unlock(&passphrase())
        .unwrap()
        .into_seed()
        .unwrap();
    assert_eq!(seed.expose().to_string(), PHRASE);
}

#[test]
fn production_cost_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("real.key");
    let key = NewKey {
        label: "",
        public: "",
        secret: &secret_key(1),
    };
    KeyFile::create(&path, &key, &passphrase(), KdfCost::PRODUCTION).unwrap();
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains("\"memory_kib\": 65536")
    );
    assert!(KeyFile::open(&path).unwrap().unlock(&passphrase()).is_ok());
}

#[test]
fn what_a_listing_shows_needs_no_passphrase() {
    let (_directory, path) = created(&secret_key(7));
    let file = KeyFile::open(&path).unwrap();
    assert_eq!(file.kind(), Kind::SecretKey);
    assert_eq!(file.label(), "provider one");
    assert_eq!(file.public(), "d45c70d2");
}

#[test]
fn a_wrong_passphrase_is_told_from_everything_else() {
    let (_directory, path) = created(&secret_key(7));
    let refused = KeyFile::open(&path)
        .unwrap()
        .unlock(&Passphrase::new("correct horse"));
    assert!(matches!(refused, Err(KeyFileError::WrongPassphrase { .. })));
}

#[test]
fn a_key_is_not_taken_for_a_seed() {
    let refused = secret_key(7).into_seed().unwrap_err();
    assert_eq!(
        refused,
        SecretError::Kind {
            expected: Kind::Seed,
            found: Kind::SecretKey
        }
    );
}

#[test]
fn every_flipped_bit_is_refused() {
    let (directory, path) = created(&secret_key(7));
    let original = fs::read(&path).unwrap();
    let changed = directory.path().join("changed.key");
    for position in 0..original.len() {
        for bit in 0..8 {
            let mut content = original.clone();
            content[position] ^= 1 << bit;
            write_private(&changed, &content);
            let refused = KeyFile::open(&changed);
            assert!(
                matches!(
                    refused,
                    Err(KeyFileError::Damaged { .. } | KeyFileError::Version { .. })
                ),
                "bit {bit} of byte {position}: {refused:?}"
            );
        }
    }
}

#[test]
fn every_truncation_and_any_addition_is_refused() {
    let (directory, path) = created(&secret_key(7));
    let original = fs::read(&path).unwrap();
    let changed = directory.path().join("changed.key");
    for length in 0..original.len() {
        write_private(&changed, &original[..length]);
        assert!(matches!(
            KeyFile::open(&changed),
            Err(KeyFileError::Damaged { .. })
        ));
    }
    write_private(&changed, &[original.as_slice(), b" "].concat());
    assert!(matches!(
        KeyFile::open(&changed),
        Err(KeyFileError::Damaged { .. })
    ));
}

#[test]
fn what_is_given_for_a_key_file_by_mistake_is_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.hex");
    for secret in ["\"a1b2c3d4e5\"", "1234567890", "abandon about"] {
        for text in [secret.to_owned(), format!("{{\"header\": {secret}}}")] {
            write_private(&path, text.as_bytes());
            let refused = KeyFile::open(&path).unwrap_err();
            assert!(matches!(refused, KeyFileError::Damaged { .. }));
            let shown = format!("{refused} {refused:?}");
            assert!(!shown.contains(secret.trim_matches('"')), "{shown}");
        }
    }
}

#[test]
fn create_never_overwrites() {
    let (_directory, path) = created(&secret_key(7));
    let before = fs::read(&path).unwrap();
    assert!(matches!(
        create(&path, &secret_key(8)),
        Err(KeyFileError::Exists { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn create_does_not_follow_a_dangling_link() {
    let directory = tempfile::tempdir().unwrap();
    let (path, target) = (
        directory.path().join("link.key"),
        directory.path().join("elsewhere"),
    );
    std::os::unix::fs::symlink(&target, &path).unwrap();
    assert!(matches!(
        create(&path, &secret_key(7)),
        Err(KeyFileError::Exists { .. })
    ));
    assert!(!target.exists());
}

#[test]
fn of_many_creators_one_wins_and_its_key_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contended.key");
    let winners: Vec<u8> = std::thread::scope(|scope| {
        let creators: Vec<_> = (1..=8)
            .map(|byte| {
                let path = &path;
                scope.spawn(move || create(path, &secret_key(byte)).is_ok().then_some(byte))
            })
            .collect();
        creators
            .into_iter()
            .filter_map(|creator| creator.join().unwrap())
            .collect()
    });
    assert_eq!(winners.len(), 1);
    let key = KeyFile::open(&path)
        .unwrap()
        .unlock(&passphrase())
        .unwrap()
        .into_key()
        .unwrap();
    assert_eq!(key.expose(), &[winners[0]; 32]);
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn open_never_creates() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing.key");
    assert!(matches!(
        KeyFile::open(&path),
        Err(KeyFileError::Missing { .. })
    ));
    assert!(!path.exists());
}

#[test]
fn the_file_is_its_owners_alone() {
    let (_directory, path) = created(&secret_key(7));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let refused = KeyFile::open(&path).unwrap_err();
        assert!(matches!(refused, KeyFileError::Permissions { .. }));
        assert!(refused.to_string().contains("chmod 600"));
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(KeyFile::open(&path).is_ok());
}

#[test]
fn a_short_passphrase_protects_nothing_new() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("short.key");
    let key = NewKey {
        label: "",
        public: "",
        secret: &secret_key(7),
    };
    let refused = KeyFile::create(
        &path,
        &key,
        &Passphrase::new("1234567"),
        KdfCost::INSECURE_FOR_TESTS,
    );
    assert!(matches!(refused, Err(KeyFileError::ShortPassphrase)));
    assert!(!path.exists());
}

#[test]
fn a_label_cannot_break_a_listing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("label.key");
    let key = NewKey {
        label: "two\nlines",
        public: "",
        secret: &secret_key(7),
    };
    let refused = KeyFile::create(&path, &key, &passphrase(), KdfCost::INSECURE_FOR_TESTS);
    assert!(matches!(
        refused,
        Err(KeyFileError::Text { field: "label" })
    ));
}

#[test]
fn debug_shows_no_secret() {
    let (_directory, path) = created(&secret_key(0xab));
    let file = KeyFile::open(&path).unwrap();
    let unlocked = file.unlock(&passphrase()).unwrap();
    let seed = Seed::from_phrase(PHRASE).unwrap();
    let key = SecretKey::new([0xab; 32].into());
    let shown = format!(
        "{unlocked:?} {:?} {seed:?} {key:?} {:?}",
        passphrase(),
        Secret::Seed(seed.clone())
    );
    for secret in ["abab", "171", "abandon", "correct horse"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn neither_the_secret_nor_the_passphrase_is_in_the_file() {
    let (_directory, path) = created(&secret_key(0xab));
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("abababab"));
    assert!(!text.contains("horse"));
}

#[test]
fn a_wrong_word_is_named_by_its_position_only() {
    let refused = Seed::from_phrase(&PHRASE.replacen("abandon abandon", "abandon secretword", 1));
    assert_eq!(
        refused.unwrap_err(),
        SecretError::Phrase { unknown: Some(2) }
    );
    let refused = Seed::from_phrase(&PHRASE.replace("about", "abandon")).unwrap_err();
    assert_eq!(refused, SecretError::Phrase { unknown: None });
}

#[test]
fn a_generated_seed_has_24_words_and_is_a_new_one() {
    let (one, other) = (Seed::generate(), Seed::generate());
    assert_eq!(one.expose().word_count(), 24);
    assert_ne!(one.expose(), other.expose());
}

#[test]
fn a_file_of_format_version_1_opens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("version-1.key");
    write_private(&path, include_bytes!("fixtures/version-1.key"));
    let file = KeyFile::open(&path).unwrap();
    assert_eq!((file.kind(), file.label()), (Kind::Seed, "fixture"));
    let seed = file.unlock(&passphrase()).unwrap().into_seed().unwrap();
    assert_eq!(seed.expose().to_string(), PHRASE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused_without_a_panic(content in prop::collection::vec(any::<u8>(), 0..600)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("noise.key");
        write_private(&path, &content);
        prop_assert!(KeyFile::open(&path).is_err());
    }

    #[test]
    fn any_secret_and_passphrase_round_trip(key in any::<[u8; 32]>(), text in "\\PC{8,40}") {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("any.key");
        let secret = Secret::Key(SecretKey::new(key.into()));
        let passphrase = Passphrase::new(&text);
        let new = NewKey { label: "any", public: "", secret: &secret };
        KeyFile::create(&path, &new, &passphrase, KdfCost::INSECURE_FOR_TESTS).unwrap();
        let unlocked = KeyFile::open(&path).unwrap().unlock(&passphrase).unwrap().into_key().unwrap();
        prop_assert_eq!(unlocked.expose(), &key);
    }
}
