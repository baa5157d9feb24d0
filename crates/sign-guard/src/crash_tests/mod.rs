//! The machine stops at every sync: what was promised before is found after.

mod disk;

use std::collections::HashMap;

use disk::CrashingDisk;
use proptest::prelude::*;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;

fn identity(byte: u8) -> Identity {
    Identity {
        public_key: [byte; 32],
        chain: "chain-test".parse().unwrap(),
    }
}

fn vote(byte: u8, height: u64, content: u8) -> Vote {
    Vote {
        identity: identity(byte),
        height,
        content: [content; 32],
    }
}

/// The one signature of a vote, as a nonce that depends on the height alone gives it.
fn signature(vote: &Vote) -> [u8; 32] {
    let mut signature = vote.content;
    signature[0] ^= vote.identity.public_key[0];
    signature[1] ^= vote.height.to_le_bytes()[0];
    signature
}

fn open(disk: CrashingDisk) -> Result<SignGuard, OpenError> {
    let opened = file::builder().create_with_backend(disk);
    opened
        .map(SignGuard::on)
        .map_err(|error| OpenError::Damaged {
            path: "test".into(),
            source: error.into(),
        })
}

/// What `SignGuard::create` guarantees to be there before anything else happens.
fn new_store() -> Vec<u8> {
    let disk = CrashingDisk::default();
    let database = file::builder().create_with_backend(disk.clone()).unwrap();
    store::initialise(&database).unwrap();
    database.close().unwrap();
    disk.image(|| true)
}

/// What left the process before it stopped.
#[derive(Default)]
struct Promises {
    /// Votes for which a signer was given a permit.
    permitted: HashMap<(u8, u64), Vote>,
    /// Height to which pruning was reported as done.
    pruned: u64,
}

/// Votes one by one and in batches, for two keys, with pruning in between. Ends where the disk does.
fn work(disk: CrashingDisk, promises: &mut Promises) {
    let Ok(guard) = open(disk) else { return };
    let sign = |permit: Permit, promises: &mut Promises| {
        let vote = permit.vote().clone();
        let signature = signature(&vote);
        promises
            .permitted
            .insert((vote.identity.public_key[0], vote.height), vote);
        Ok::<_, ()>(signature)
    };
    for byte in [1, 2] {
        if guard.register(&identity(byte), 0).is_err() {
            return;
        }
    }
    for height in 1..=6 {
        let single = vote(1, height, 0xaa);
        if guard
            .sign(&single, |permit| sign(permit, promises))
            .is_err()
        {
            return;
        }
        let batch: Vec<Vote> = (0..20)
            .map(|step| vote(2, height * 20 + step, 0xbb))
            .collect();
        if guard
            .sign_all(&batch, |permit| sign(permit, promises))
            .is_err()
        {
            return;
        }
        if height == 4 {
            if guard.prune(&identity(1), 2).is_err() {
                return;
            }
            promises.pruned = 2;
        }
    }
}

/// Nothing that was promised may be signed differently, and the same data gives the same signature.
fn check(image: &[u8], promises: &Promises) {
    let guard = open(CrashingDisk::with(image, None)).expect("the store opens after a crash");
    for vote in promises.permitted.values() {
        let fork = Vote {
            content: [0xff; 32],
            ..vote.clone()
        };
        let refused = guard.sign(&fork, |permit| -> Result<_, ()> {
            panic!("a second signature was permitted: {permit:?}")
        });
        assert!(matches!(
            refused,
            Err(SignError::Refused(
                Refusal::Conflict { .. } | Refusal::BelowWatermark { .. }
            ))
        ));
        let again = guard.sign(vote, |permit| Ok::<_, ()>(signature(permit.vote())));
        match again {
            Ok(again) => assert_eq!(again, signature(vote)),
            Err(SignError::Refused(Refusal::BelowWatermark { .. })) => {
                assert_eq!(vote.identity, identity(1));
                assert!(vote.height <= 2, "only what was pruned is forgotten");
            }
            Err(other) => panic!("{other}"),
        }
    }
    if promises.pruned > 0 {
        let status = guard.status(&identity(1)).unwrap().unwrap();
        assert!(status.watermark >= promises.pruned);
    }
}

fn syncs_of_all_work() -> usize {
    let disk = CrashingDisk::with(&new_store(), None);
    let mut promises = Promises::default();
    work(disk.clone(), &mut promises);
    assert_eq!(
        promises.permitted.len(),
        6 + 6 * 20,
        "the work is done where nothing stops it"
    );
    disk.syncs()
}

/// Runs the work until the given sync and gives the disk and what was promised.
fn crashed_at(sync: usize) -> (CrashingDisk, Promises) {
    let disk = CrashingDisk::with(&new_store(), Some(sync));
    let mut promises = Promises::default();
    work(disk.clone(), &mut promises);
    (disk, promises)
}

#[test]
fn no_promise_is_lost_whatever_sync_the_machine_stops_at() {
    let syncs = syncs_of_all_work();
    assert!(syncs > 20, "{syncs}");
    let mut most = 0;
    for sync in 1..=syncs {
        let (disk, promises) = crashed_at(sync);
        most = most.max(promises.permitted.len());
        // Nothing of the rest reached the disk; all of it did; every second piece did.
        let mut odd = false;
        check(&disk.image(|| false), &promises);
        check(&disk.image(|| true), &promises);
        check(
            &disk.image(|| std::mem::replace(&mut odd, true) != odd),
            &promises,
        );
    }
    assert!(
        most > 100,
        "late syncs are reached with many promises: {most}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_promise_is_lost_whatever_part_of_the_rest_survives(
        sync in any::<prop::sample::Index>(),
        survives in prop::collection::vec(any::<bool>(), 1..64),
    ) {
        let (disk, promises) = crashed_at(1 + sync.index(40));
        let mut survives = survives.into_iter().cycle();
        check(&disk.image(|| survives.next().unwrap_or(false)), &promises);
    }
}

#[test]
fn a_store_that_loses_its_disk_signs_nothing_more() {
    let disk = CrashingDisk::with(&new_store(), None);
    let guard = open(disk.clone()).unwrap();
    guard.register(&identity(1), 0).unwrap();
    disk.stop_at(disk.syncs() + 1);
    for height in 1..4 {
        let refused = guard.sign(&vote(1, height, 1), |permit| -> Result<_, ()> {
            panic!("permitted without a record: {permit:?}")
        });
        assert!(matches!(
            refused,
            Err(SignError::Refused(Refusal::Storage(_)))
        ));
    }
}

#[test]
fn a_record_without_its_signature_gives_a_permit_for_the_same_data_only() {
    let disk = CrashingDisk::with(&new_store(), None);
    let guard = open(disk.clone()).unwrap();
    guard.register(&identity(1), 0).unwrap();
    guard
        .sign(&vote(1, 7, 1), |permit| {
            Ok::<_, ()>(signature(permit.vote()))
        })
        .unwrap();
    // The signature was added without a sync, so this disk does not have it.
    let guard = open(CrashingDisk::with(&disk.image(|| false), None)).unwrap();
    assert!(matches!(
        guard.check_and_record(&vote(1, 7, 1)),
        Ok(Verdict::SameData(SameData::Unsigned(permit))) if *permit.vote() == vote(1, 7, 1)
    ));
    assert!(matches!(
        guard.check_and_record(&vote(1, 7, 2)),
        Err(Refusal::Conflict { .. })
    ));
}

#[test]
fn an_image_in_memory_opens_like_a_file() {
    // Keeps the double honest: redb's own backend reads what it leaves.
    let memory = InMemoryBackend::new();
    let image = new_store();
    memory.set_len(image.len() as u64).unwrap();
    memory.write(0, &image).unwrap();
    let database = file::builder().create_with_backend(memory).unwrap();
    assert_eq!(store::format(&database).unwrap(), store::FORMAT);
}

#[test]
fn a_changed_byte_is_refused_or_harmless() {
    let disk = CrashingDisk::with(&new_store(), None);
    let guard = open(disk.clone()).unwrap();
    guard.register(&identity(1), 0).unwrap();
    let votes: Vec<Vote> = (1..=5).map(|height| vote(1, height, 1)).collect();
    guard
        .sign_all(&votes, |permit| Ok::<_, ()>(signature(permit.vote())))
        .unwrap();
    drop(guard);
    let original = disk.image(|| true);
    let mut refused = 0;
    // All of the header, and a sample of the pages, which are mostly empty.
    let sample = |position: &usize| *position < 512 || position.is_multiple_of(7);
    for position in (0..original.len())
        .filter(sample)
        .filter(|at| original[*at] != 0)
    {
        let mut changed = original.clone();
        changed[position] ^= 0x40;
        let Ok(guard) = open(CrashingDisk::with(&changed, None)) else {
            refused += 1;
            continue;
        };
        for height in 1..=5 {
            let fork = guard.check_and_record(&vote(1, height, 2));
            assert!(
                matches!(fork, Err(Refusal::Conflict { .. })),
                "byte {position}: {fork:?}"
            );
        }
    }
    assert!(refused > 0);
}
