use std::sync::Arc;
use std::thread;

use bitcoin::Txid;
use bitcoin::hashes::Hash;

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

/// Transactions of which the unbonding one is this.
fn transactions(unbonding: u8) -> SignedTransactions {
    SignedTransactions {
        unbonding: txid(unbonding),
        slashing: txid(101),
        unbonding_slashing: txid(102),
    }
}

/// The same with another penalty, for the stake and for what unbonds of it.
fn with_other_slashing() -> [SignedTransactions; 2] {
    let known = transactions(7);
    let slashing = SignedTransactions {
        slashing: txid(201),
        ..known
    };
    let unbonding_slashing = SignedTransactions {
        unbonding_slashing: txid(202),
        ..known
    };
    [slashing, unbonding_slashing]
}

fn open(path: &Path, key: CovenantKey) -> Result<SigningRecord, RecordError> {
    match SigningRecord::open(path, key)? {
        Opened::Current(record) => Ok(record),
        Opened::Outdated(_) => panic!("it is outdated"),
    }
}

fn rule(result: Result<Permission, RecordError>) -> &'static str {
    match result {
        Err(RecordError::Refused(not_permitted)) => not_permitted.rule(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_unbonding_transaction_is_permitted_for_each_staking_output() {
    let directory = tempfile::tempdir().unwrap();
    let record = SigningRecord::create(&directory.path().join("record"), key(1), []).unwrap();
    assert_eq!(
        record.check_and_record(output(1), transactions(7)).unwrap(),
        Permission::New
    );
    assert_eq!(
        record.check_and_record(output(1), transactions(7)).unwrap(),
        Permission::Repeated
    );
    assert!(matches!(
        record.check_and_record(output(1), transactions(8)),
        Err(RecordError::Refused(NotPermitted::OtherUnbonding { recorded, refused, .. }))
            if recorded == txid(7) && refused == txid(8)
    ));
    let same_tx_other_output = OutPoint::new(txid(1), 2);
    assert_eq!(
        record
            .check_and_record(same_tx_other_output, transactions(8))
            .unwrap(),
        Permission::New
    );
    assert_eq!(record.signed().unwrap(), 2);
}

#[test]
fn the_record_survives_its_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    SigningRecord::create(&path, key(1), [])
        .unwrap()
        .check_and_record(output(1), transactions(7))
        .unwrap();
    let record = open(&path, key(1)).unwrap();
    assert!(matches!(
        record.check_and_record(output(1), transactions(8)),
        Err(RecordError::Refused(_))
    ));
}

#[test]
fn a_rebuilt_record_knows_what_was_signed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let signed = [
        (output(1), transactions(7)),
        (output(2), transactions(8)),
        (output(1), transactions(7)),
    ];
    let record = SigningRecord::create(&path, key(1), signed).unwrap();
    assert_eq!(record.signed().unwrap(), 2);
    assert!(record.check_and_record(output(2), transactions(7)).is_err());
    let contradiction = [(output(1), transactions(7)), (output(1), transactions(8))];
    let other = directory.path().join("other");
    assert!(matches!(
        SigningRecord::create(&other, key(1), contradiction),
        Err(RecordError::Refused(_))
    ));
    assert!(!other.exists());
}

#[test]
fn create_never_replaces_and_open_never_creates() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    assert!(matches!(
        open(&path, key(1)),
        Err(RecordError::Missing { .. })
    ));
    assert!(!path.exists());
    drop(SigningRecord::create(&path, key(1), []).unwrap());
    assert!(matches!(
        SigningRecord::create(&path, key(1), []),
        Err(RecordError::Exists { .. })
    ));
    assert!(open(&path, key(1)).is_ok());
}

#[test]
fn another_keys_record_and_a_record_in_use_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let record = SigningRecord::create(&path, key(1), []).unwrap();
    assert!(matches!(
        open(&path, key(1)),
        Err(RecordError::InUse { .. })
    ));
    drop(record);
    assert!(matches!(
        open(&path, key(2)),
        Err(RecordError::OtherKey { .. })
    ));
}

#[test]
fn a_damaged_record_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    for content in [Vec::new(), vec![0; 8192]] {
        fs::write(&path, content).unwrap();
        assert!(open(&path, key(1)).is_err());
    }
}

#[test]
fn of_many_threads_with_different_transactions_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let record =
        Arc::new(SigningRecord::create(&directory.path().join("record"), key(1), []).unwrap());
    let threads: Vec<_> = (0..10)
        .map(|number| {
            let record = Arc::clone(&record);
            thread::spawn(move || record.check_and_record(output(1), transactions(number)))
        })
        .collect();
    let permitted = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .count();
    assert_eq!(permitted, 1);
}

#[test]
fn a_second_slashing_transaction_of_a_stake_is_never_permitted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let record = SigningRecord::create(&path, key(1), []).unwrap();
    record.check_and_record(output(1), transactions(7)).unwrap();
    drop(record);
    let record = open(&path, key(1)).unwrap();
    for other in with_other_slashing() {
        let refused = record.check_and_record(output(1), other);
        assert_eq!(rule(refused), "second-slashing");
    }
    assert_eq!(
        record.check_and_record(output(1), transactions(7)).unwrap(),
        Permission::Repeated
    );
}

#[test]
fn of_two_slashing_transactions_that_were_signed_once_the_first_stands() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let [other, _] = with_other_slashing();
    let history = [(output(1), transactions(7)), (output(1), other)];
    let record = SigningRecord::create(&path, key(1), history).unwrap();
    assert_eq!(
        record.check_and_record(output(1), transactions(7)).unwrap(),
        Permission::Repeated
    );
    assert_eq!(
        rule(record.check_and_record(output(1), other)),
        "second-slashing"
    );
}

/// A record as the version before made it.
fn outdated(path: &Path, entries: &[(OutPoint, Txid)]) {
    let database = Database::create(path).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut about = write.open_table(ABOUT).unwrap();
        about.insert(FORMAT_ENTRY, outdated::FORMAT).unwrap();
        let key = key(1).to_bytes();
        about.insert(KEY_ENTRY, key.as_slice()).unwrap();
        let mut table = write.open_table(UNBONDING).unwrap();
        for (staking_output, unbonding) in entries {
            let unbonding = unbonding.to_byte_array();
            table
                .insert(outpoint_bytes(*staking_output), unbonding)
                .unwrap();
        }
    }
    write.commit().unwrap();
}

fn completed(
    path: &Path,
    known: Vec<Result<(OutPoint, SignedTransactions), RecordError>>,
) -> Result<SigningRecord, RecordError> {
    match SigningRecord::open(path, key(1)).unwrap() {
        Opened::Outdated(outdated) => outdated.complete(known),
        Opened::Current(_) => panic!("it is up to date"),
    }
}

#[test]
fn a_record_of_the_version_before_learns_which_slashing_was_signed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let entries = [(output(1), txid(7)), (output(2), txid(8))];
    outdated(&path, &entries);
    let [other, _] = with_other_slashing();
    let log = vec![
        // Not in the record: it was lost, so the log is not whole either.
        Ok((output(3), transactions(9))),
        Ok((output(1), transactions(7))),
        Ok((output(1), other)),
        Ok((output(2), transactions(9))),
    ];
    drop(completed(&path, log).unwrap());

    let record = open(&path, key(1)).unwrap();
    assert_eq!(record.signed().unwrap(), 2);
    assert_eq!(
        record.check_and_record(output(1), transactions(7)).unwrap(),
        Permission::Repeated
    );
    for (staking_output, transactions, expected) in [
        (output(1), other, "second-slashing"),
        (output(1), transactions(8), "second-unbonding"),
        (output(2), transactions(8), "slashing-unknown"),
        (output(2), transactions(9), "second-unbonding"),
    ] {
        let refused = record.check_and_record(staking_output, transactions);
        assert_eq!(rule(refused), expected, "{staking_output}");
    }
    assert_eq!(record.signed().unwrap(), 2);
}

#[test]
fn a_record_that_is_there_learns_more_and_forgets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let entries = [1, 2, 3].map(|byte| (output(byte), txid(byte + 6)));
    outdated(&path, &entries);
    drop(completed(&path, vec![Ok((output(1), transactions(7)))]).unwrap());

    // The chain has one of the two that were left, and another stake; the third was given to its staker directly.
    let opened = SigningRecord::open(&path, key(1)).unwrap();
    assert_eq!(opened.closed().unwrap(), 2);
    let on_chain = [
        (output(2), transactions(8)),
        (output(3), transactions(8)),
        (output(4), transactions(7)),
    ];
    opened.learn(on_chain.map(Ok::<_, RecordError>)).unwrap();
    assert_eq!(opened.closed().unwrap(), 1);
    drop(opened);

    let record = open(&path, key(1)).unwrap();
    assert_eq!(record.signed().unwrap(), 3);
    for known in [(output(1), transactions(7)), (output(2), transactions(8))] {
        let permission = record.check_and_record(known.0, known.1).unwrap();
        assert_eq!(permission, Permission::Repeated);
    }
    for (transactions, expected) in [
        (transactions(8), "second-unbonding"),
        (transactions(9), "slashing-unknown"),
    ] {
        let refused = record.check_and_record(output(3), transactions);
        assert_eq!(rule(refused), expected);
    }
}

#[test]
fn a_record_whose_log_cannot_be_read_stays_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    outdated(&path, &[(output(1), txid(7))]);
    let unreadable = || RecordError::Missing {
        path: "audit.jsonl".into(),
    };
    let log = vec![Ok((output(1), transactions(7))), Err(unreadable())];
    assert!(completed(&path, log).is_err());
    // The next attempt finds it whole.
    let record = completed(&path, vec![Ok((output(1), transactions(7)))]).unwrap();
    assert_eq!(
        record.check_and_record(output(1), transactions(7)).unwrap(),
        Permission::Repeated
    );
}
