//! What is signed and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use fixture::{alice, guard, identity, refusal, sign, signature, vote};
use proptest::prelude::*;
use sign_guard::{Permit, Refusal, SameData, SignError, SignGuard, Verdict, Vote};

#[test]
fn a_vote_is_signed_once_and_then_remembered() {
    let (_directory, _path, guard) = guard();
    let calls = AtomicUsize::new(0);
    let sign = |permit: Permit| {
        calls.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(signature(permit.vote()))
    };
    let first = guard.sign(&vote(7, 1), sign).unwrap();
    let again = guard.sign(&vote(7, 1), sign).unwrap();
    assert_eq!(first, again);
    assert_eq!(
        calls.load(Ordering::Relaxed),
        1,
        "the signer is not asked again"
    );
}

#[test]
fn what_is_refused_and_why() {
    let (_directory, _path, guard) = guard();
    for height in [5, 6, 10] {
        sign(&guard, &vote(height, 1)).unwrap();
    }
    guard.prune(&alice(), 5).unwrap();

    let other = |identity| Vote {
        identity,
        ..vote(10, 2)
    };
    // Another block at a recorded height.
    assert!(matches!(
        refusal(&guard, &vote(10, 2)),
        Refusal::Conflict { height: 10, recorded, asked, .. } if recorded == [1; 32] && asked == [2; 32]
    ));
    assert!(matches!(
        refusal(&guard, &vote(6, 2)),
        Refusal::Conflict { height: 6, .. }
    ));
    // At and below the watermark, the block voted for before included.
    for (height, content) in [(5, 1), (5, 2), (4, 1), (0, 1)] {
        assert!(matches!(
            refusal(&guard, &vote(height, content)),
            Refusal::BelowWatermark { watermark: 5, .. }
        ));
    }
    // A key or chain that was never registered.
    for unknown in [identity(2, "bbn-1"), identity(1, "bbn-2")] {
        assert!(matches!(
            refusal(&guard, &other(unknown.clone())),
            Refusal::Unregistered(found) if found == unknown
        ));
    }
    // Everything else may be signed: gaps are filled, and nothing has stuck.
    for height in [7, 8, 9, 11, u64::MAX] {
        sign(&guard, &vote(height, 2)).unwrap();
    }
}

#[test]
fn keys_and_chains_do_not_disturb_each_other() {
    let (_directory, _path, guard) = guard();
    // Prefixes of each other, which a careless key in the table would mix up.
    let others = [
        identity(2, "bbn-1"),
        identity(1, "bbn-10"),
        identity(1, "bbn-"),
        identity(0, "bbn-1"),
    ];
    sign(&guard, &vote(7, 1)).unwrap();
    for (content, identity) in (2..).zip(others) {
        guard.register(&identity, 0).unwrap();
        let vote = Vote {
            identity: identity.clone(),
            height: 7,
            content: [content; 32],
        };
        assert_eq!(sign(&guard, &vote).unwrap(), signature(&vote));
        guard.prune(&identity, u64::MAX).unwrap();
        assert_eq!(guard.status(&identity).unwrap().unwrap().watermark, 7);
    }
    assert_eq!(guard.status(&alice()).unwrap().unwrap().watermark, 0);
    assert_eq!(sign(&guard, &vote(7, 1)).unwrap(), signature(&vote(7, 1)));
}

#[test]
fn a_signer_that_fails_leaves_the_vote_recorded() {
    let (_directory, _path, guard) = guard();
    let failed = guard.sign(&vote(7, 1), |_| Err("the key is locked"));
    assert!(matches!(
        failed,
        Err(SignError::Signer("the key is locked"))
    ));
    assert!(matches!(
        refusal(&guard, &vote(7, 2)),
        Refusal::Conflict { .. }
    ));
    assert_eq!(sign(&guard, &vote(7, 1)).unwrap(), signature(&vote(7, 1)));
}

#[test]
fn a_dropped_permit_changes_nothing() {
    let (_directory, _path, guard) = guard();
    let verdict = guard.check_and_record(&vote(7, 1)).unwrap();
    assert!(matches!(&verdict, Verdict::New(permit) if *permit.vote() == vote(7, 1)));
    drop(verdict);
    assert!(matches!(
        guard.check_and_record(&vote(7, 1)),
        Ok(Verdict::SameData(SameData::Unsigned(_)))
    ));
    assert!(matches!(
        refusal(&guard, &vote(7, 2)),
        Refusal::Conflict { .. }
    ));
}

#[test]
fn a_batch_has_one_answer_for_each_vote() {
    let (_directory, _path, guard) = guard();
    sign(&guard, &vote(1, 1)).unwrap();
    let unknown = Vote {
        identity: identity(9, "bbn-1"),
        ..vote(6, 1)
    };
    let batch = [
        vote(1, 1),
        vote(1, 2),
        vote(2, 1),
        vote(2, 2),
        vote(2, 1),
        vote(0, 1),
        unknown,
    ];
    let answers = guard
        .sign_all(&batch, |permit| {
            Ok::<_, Infallible>(signature(permit.vote()))
        })
        .unwrap();
    assert_eq!(answers[0].as_ref().unwrap(), &signature(&vote(1, 1)));
    assert!(matches!(
        answers[1],
        Err(SignError::Refused(Refusal::Conflict { height: 1, .. }))
    ));
    assert_eq!(answers[2].as_ref().unwrap(), &signature(&vote(2, 1)));
    assert!(matches!(
        answers[3],
        Err(SignError::Refused(Refusal::Conflict { height: 2, .. }))
    ));
    assert_eq!(answers[4].as_ref().unwrap(), &signature(&vote(2, 1)));
    assert!(matches!(
        answers[5],
        Err(SignError::Refused(Refusal::BelowWatermark { .. }))
    ));
    assert!(matches!(
        answers[6],
        Err(SignError::Refused(Refusal::Unregistered(_)))
    ));
    assert!(guard.check_and_record_all(&[]).unwrap().is_empty());
}

#[test]
fn one_failing_signature_does_not_hold_up_a_batch() {
    let (_directory, _path, guard) = guard();
    let batch = [vote(1, 1), vote(2, 1), vote(3, 1)];
    let answers = guard
        .sign_all(&batch, |permit| match permit.vote().height {
            2 => Err("no randomness for height 2"),
            _ => Ok(signature(permit.vote())),
        })
        .unwrap();
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(
        answers[1],
        Err(SignError::Signer("no randomness for height 2"))
    ));
}

#[test]
fn of_many_threads_with_different_blocks_one_wins() {
    let (_directory, _path, guard) = guard();
    let permits = AtomicUsize::new(0);
    let barrier = Barrier::new(10);
    let signed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|content| {
                let (guard, barrier, permits) = (&guard, &barrier, &permits);
                scope.spawn(move || {
                    barrier.wait();
                    let signed = guard.sign(&vote(7, content), |permit| {
                        permits.fetch_add(1, Ordering::Relaxed);
                        Ok::<_, Infallible>(signature(permit.vote()))
                    });
                    match signed {
                        Ok(_) => 1,
                        Err(SignError::Refused(Refusal::Conflict { .. })) => 0,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!((signed, permits.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn of_many_threads_with_one_block_all_get_the_same_signature() {
    let (_directory, _path, guard) = guard();
    let barrier = Barrier::new(10);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(sign(&guard, &vote(7, 1)).unwrap(), signature(&vote(7, 1)));
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever is asked in whatever order, no height is ever signed for two blocks.
    #[test]
    fn no_sequence_of_requests_signs_a_height_twice(
        requests in prop::collection::vec((0..6_u64, 0..3_u8, 0..20_u8), 1..60),
    ) {
        let (_directory, path, mut guard) = guard();
        let mut signed = std::collections::HashMap::new();
        for (height, content, kind) in requests {
            match kind {
                0 => guard.prune(&alice(), height).unwrap(),
                1 => guard.register(&alice(), height / 2).unwrap(),
                2 => {
                    drop(guard);
                    guard = SignGuard::open(&path).unwrap();
                }
                _ => {
                    let permitted = guard.sign(&vote(height, content), |permit| Ok::<_, Infallible>(signature(permit.vote())));
                    if permitted.is_ok() {
                        prop_assert_eq!(*signed.entry(height).or_insert(content), content);
                    }
                }
            }
        }
    }
}
