use std::sync::Arc;
use std::thread;

use super::*;

fn key(secret: u8) -> CovenantKey {
    let secret = bitcoin::secp256k1::SecretKey::from_slice(&[secret; 32]).unwrap();
    CovenantKey(secret.x_only_public_key(bitcoin::secp256k1::SECP256K1).0)
}

fn txid(byte: u8) -> Txid {
    Txid::from_byte_array([byte; 32])
}

fn output(byte: u8) -> OutPoint {
    OutPoint::new(txid(byte), 1)
}

#[test]
fn one_unbonding_transaction_is_permitted_for_each_staking_output() {
    let directory = tempfile::tempdir().unwrap();
    let record = UnbondingRecord::create(&directory.path().join("record"), key(1), []).unwrap();
    assert_eq!(
        record.check_and_record(output(1), txid(7)).unwrap(),
        Permission::New
    );
    assert_eq!(
        record.check_and_record(output(1), txid(7)).unwrap(),
        Permission::Repeated
    );
    assert!(matches!(
        record.check_and_record(output(1), txid(8)),
        Err(RecordError::Refused(OtherUnbonding { recorded, refused, .. }))
            if recorded == txid(7) && refused == txid(8)
    ));
    let same_tx_other_output = OutPoint::new(txid(1), 2);
    assert_eq!(
        record
            .check_and_record(same_tx_other_output, txid(8))
            .unwrap(),
        Permission::New
    );
    assert_eq!(record.signed().unwrap(), 2);
}

#[test]
fn the_record_survives_its_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    UnbondingRecord::create(&path, key(1), [])
        .unwrap()
        .check_and_record(output(1), txid(7))
        .unwrap();
    let record = UnbondingRecord::open(&path, key(1)).unwrap();
    assert!(matches!(
        record.check_and_record(output(1), txid(8)),
        Err(RecordError::Refused(_))
    ));
}

#[test]
fn a_rebuilt_record_knows_what_was_signed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let signed = [
        (output(1), txid(7)),
        (output(2), txid(8)),
        (output(1), txid(7)),
    ];
    let record = UnbondingRecord::create(&path, key(1), signed).unwrap();
    assert_eq!(record.signed().unwrap(), 2);
    assert!(record.check_and_record(output(2), txid(7)).is_err());
    let contradiction = [(output(1), txid(7)), (output(1), txid(8))];
    let other = directory.path().join("other");
    assert!(matches!(
        UnbondingRecord::create(&other, key(1), contradiction),
        Err(RecordError::Refused(_))
    ));
    assert!(!other.exists());
}

#[test]
fn create_never_replaces_and_open_never_creates() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    assert!(matches!(
        UnbondingRecord::open(&path, key(1)),
        Err(RecordError::Missing { .. })
    ));
    assert!(!path.exists());
    drop(UnbondingRecord::create(&path, key(1), []).unwrap());
    assert!(matches!(
        UnbondingRecord::create(&path, key(1), []),
        Err(RecordError::Exists { .. })
    ));
    assert!(UnbondingRecord::open(&path, key(1)).is_ok());
}

#[test]
fn another_keys_record_and_a_record_in_use_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let record = UnbondingRecord::create(&path, key(1), []).unwrap();
    assert!(matches!(
        UnbondingRecord::open(&path, key(1)),
        Err(RecordError::InUse { .. })
    ));
    drop(record);
    assert!(matches!(
        UnbondingRecord::open(&path, key(2)),
        Err(RecordError::OtherKey { .. })
    ));
}

#[test]
fn a_damaged_record_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    for content in [Vec::new(), vec![0; 8192]] {
        fs::write(&path, content).unwrap();
        assert!(UnbondingRecord::open(&path, key(1)).is_err());
    }
}

#[test]
fn of_many_threads_with_different_transactions_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let record =
        Arc::new(UnbondingRecord::create(&directory.path().join("record"), key(1), []).unwrap());
    let threads: Vec<_> = (0..10)
        .map(|number| {
            let record = Arc::clone(&record);
            thread::spawn(move || record.check_and_record(output(1), txid(number)))
        })
        .collect();
    let permitted = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .count();
    assert_eq!(permitted, 1);
}
