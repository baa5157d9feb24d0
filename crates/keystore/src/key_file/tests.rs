//! Forgeries that only somebody who can compute checksums makes.

use super::*;
use crate::Seed;

#[test]
fn every_part_of_the_header_is_authenticated() {
    let directory = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("open sesame");
    let secret = Secret::Seed(Seed::generate());
    let original = directory.path().join("original.key");
    let key = NewKey {
        label: "mine",
        public: "aa",
        secret: &secret,
    };
    let file = KeyFile::create(&original, &key, &passphrase, KdfCost::INSECURE_FOR_TESTS).unwrap();

    let forge: [fn(&mut Header); 3] = [
        |header| header.label = "yours".to_owned(),
        |header| header.public = "bb".to_owned(),
        |header| header.kind = Kind::SecretKey,
    ];
    for (number, change) in forge.iter().enumerate() {
        let mut header = file.header.clone();
        change(&mut header);
        let path = directory.path().join(number.to_string());
        write_new(
            &path,
            Document::new(header, &file.ciphertext).to_text().as_bytes(),
        )
        .unwrap();
        let forged = KeyFile::open(&path).unwrap();
        assert!(matches!(
            forged.unlock(&passphrase),
            Err(KeyFileError::WrongPassphrase { .. })
        ));
    }
}

#[test]
fn a_file_that_asks_for_all_memory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("greedy.key");
    let cost = serde_json::from_str(r#"{"memory_kib":4294967295,"passes":1,"lanes":1}"#).unwrap();
    let header = Header::new(
        Kind::Seed,
        String::new(),
        String::new(),
        cost,
        [0; 16],
        [0; 24],
    );
    write_new(&path, Document::new(header, &[0; 48]).to_text().as_bytes()).unwrap();
    let refused = KeyFile::open(&path)
        .unwrap()
        .unlock(&Passphrase::new("open sesame"));
    assert!(matches!(
        refused,
        Err(KeyFileError::Cost {
            memory_kib: u32::MAX,
            ..
        })
    ));
}

#[test]
fn a_later_version_is_told_from_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("later.key");
    write_new(
        &path,
        br#"{"header":{"format":"btc-mesh key file","version":2},"new":1}"#,
    )
    .unwrap();
    assert!(matches!(
        KeyFile::open(&path),
        Err(KeyFileError::Version { version: 2, .. })
    ));
}
