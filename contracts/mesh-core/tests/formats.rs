//! The bytes are those of the specification, each part of a message matters, and what breaks a rule is no message.
//!
//! The expected hashes were computed apart from this code, in Python from the table of formats.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

use eots::PublicKey;
use eots::commitment::Commitment;
use mesh_core::commit::{Commit, CommitError, MAX_CHECKPOINTS};
use mesh_core::consent::{Consent, ConsentError, Share, Target};
use mesh_core::registration::{self, RegistrationError};
use mesh_core::table::{Entry, Table, TableError, Term};
use mesh_core::vote::{self, VoteError};
use mesh_core::{Domain, DomainError};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// G, 2G and 3G, which happen to be ascending.
const KEYS: [&str; 3] = [
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
];

fn key(number: usize) -> PublicKey {
    KEYS[number].parse().unwrap()
}

fn domain() -> Domain {
    Domain::new("mesh-1", "wasm1qqq", 7, 1_700_000_000_000_000_001).unwrap()
}

fn commit(start: u64, checkpoints: u64, root: u8) -> Commit {
    let root = Commitment::from_slice(&[root; 32]).unwrap();
    Commit::new(start, checkpoints, root).unwrap()
}

fn term() -> Term {
    Term {
        era: 1,
        epoch: 2,
        first_checkpoint: 100,
        first_height: 5_000,
        interval: 10,
        checkpoints: 60,
        cut_height: 840_000,
        cut_hash: [0x44; 32],
    }
}

fn entries() -> Vec<Entry> {
    let commits = [
        commit(100, 1000, 0x11),
        commit(90, 500, 0x22),
        commit(100, 60, 0x33),
    ];
    (0..3)
        .map(|number| Entry {
            provider: key(number),
            weight: 10 * (number as u64 + 1),
            commit: commits[number],
        })
        .collect()
}

fn table() -> Table {
    Table::new(&domain(), term(), 6, entries()).unwrap()
}

fn consent(shares: Vec<Share>) -> Result<Consent, ConsentError> {
    Consent::new(&[0x77; 32], 1, 3, shares)
}

fn share(target: Target, basis_points: u16, reward_address: &str) -> Share {
    Share {
        target,
        basis_points,
        reward_address: reward_address.to_owned(),
    }
}

fn shares() -> Vec<Share> {
    vec![
        share(Target::babylon("bbn-1"), 4_000, "bbn1reward"),
        share(Target::instance(&domain()), 6_000, "wasm1reward"),
    ]
}

#[test]
fn every_format_is_the_specified_one() {
    assert_eq!(
        domain().to_string(),
        "fee5eb222eeb63bf21971d04bd12c15268d1b326254681f4d2e281a189bac890"
    );
    assert_eq!(
        hex::encode(commit(100, 1000, 0x11).digest(&domain(), &key(0), 5)),
        "b16bf64c9aaaa8867e04210e0a87ac7760712be4c2b42bc70254437ed34d9362"
    );
    assert_eq!(
        hex::encode(registration::digest(&domain(), &key(0), 6, "wasm1operator", 500).unwrap()),
        "fb5f310683600236806e2d16eb41395a07d8bcfb12d9f24edcdd897b942fcfa6"
    );
    assert_eq!(
        hex::encode(table().head().root),
        "f52089ec4d3c8ca699f52a455c8c66900002a66a5b13ec17cc5249c56d06bbb1"
    );
    assert_eq!(entries()[0].to_bytes().len(), 88);
    assert_eq!(
        hex::encode(consent(shares()).unwrap().digest()),
        "e7a1f1e149e1b9b795bdbf1cbfaa1437756202db696dad99121faa9d96844841"
    );
}

#[test]
fn a_vote_is_the_specified_message_and_its_hash_a_tagged_one() {
    let votes = [
        (
            101,
            None,
            "fb667579c47e1c12f41afc42b6db3e790e5ea77fc5336fced345071a1ecbed93",
        ),
        (
            159,
            Some([0x66; 32]),
            "d64bea88ef0b20fe9ae292edbc5823a55777f3f91f7dbd5f511875f539ebdf3b",
        ),
    ];
    for (checkpoint, next_root, expected) in votes {
        let message = vote::message(
            &domain(),
            table().head(),
            checkpoint,
            &[0x55; 32],
            next_root.as_ref(),
        )
        .unwrap();
        assert_eq!(message.len(), vote::LENGTH);
        assert_eq!(hex::encode(Sha256::digest(&message)), expected);
        let tag = Sha256::digest(b"btc-mesh/1/vote");
        assert_eq!(message[..32], *tag);
        assert_eq!(message[32..64], *tag);
    }
}

#[test]
fn the_next_table_is_named_at_the_last_checkpoint_and_nowhere_else() {
    let message = |checkpoint, next: Option<&[u8; 32]>| {
        vote::message(&domain(), table().head(), checkpoint, &[0x55; 32], next)
    };
    assert_eq!(message(159, None), Err(VoteError::NextTableMissing(159)));
    assert_ne!(
        message(159, Some(&[0x66; 32])).unwrap(),
        message(159, Some(&[0x67; 32])).unwrap()
    );
    // Before the last one it makes no difference that a table is ready already.
    assert_eq!(
        message(158, None).unwrap(),
        message(158, Some(&[0x66; 32])).unwrap()
    );
    for checkpoint in [0, 99, 160, u64::MAX] {
        let refused = VoteError::OtherEpoch {
            checkpoint,
            epoch: 2,
        };
        assert_eq!(message(checkpoint, Some(&[0x66; 32])), Err(refused));
    }
}

#[test]
fn a_reset_network_is_another_domain() {
    let other = |height, time| Domain::new("mesh-1", "wasm1qqq", height, time).unwrap();
    assert_ne!(domain(), other(7, 1_700_000_000_000_000_002));
    assert_ne!(domain(), other(8, 1_700_000_000_000_000_001));
    // The lengths keep text from moving between the names.
    assert_ne!(
        Domain::new("ab", "c", 1, 1).unwrap(),
        Domain::new("a", "bc", 1, 1).unwrap()
    );
    let refused: Result<Domain, DomainError> = Domain::new("mesh-1", "WASM1QQQ", 1, 1);
    assert!(refused.is_err());
    assert!(Domain::new("", "wasm1qqq", 1, 1).is_err());
    assert!(Domain::new("mesh-1", "", 1, 1).is_err());
    assert!(Domain::new(&"a".repeat(256), "wasm1qqq", 1, 1).is_err());
    assert!(Domain::new(&"a".repeat(255), "wasm1qqq", 1, 1).is_ok());
}

#[test]
fn everything_in_a_table_is_in_its_root() {
    let root = |term, at_risk, entries| {
        Table::new(&domain(), term, at_risk, entries)
            .unwrap()
            .head()
            .root
    };
    let mut roots = vec![table().head().root, root(term(), 7, entries())];
    let terms: [fn(&mut Term); 8] = [
        |term| term.era += 1,
        |term| term.epoch += 1,
        |term| {
            // Still covered by every commit.
            term.first_checkpoint += 1;
            term.checkpoints -= 1;
        },
        |term| term.first_height += 1,
        |term| term.interval += 1,
        |term| term.checkpoints -= 1,
        |term| term.cut_height += 1,
        |term| term.cut_hash[31] ^= 1,
    ];
    for change in terms {
        let mut changed = term();
        change(&mut changed);
        roots.push(root(changed, 6, entries()));
    }
    // Randomness is part of the table: the same weights under another commit are another table.
    let changes: [fn(&mut Entry); 4] = [
        |entry| entry.weight += 1,
        |entry| entry.commit = commit(90, 501, 0x22),
        |entry| entry.commit = commit(91, 500, 0x22),
        |entry| entry.commit = commit(90, 500, 0x23),
    ];
    for change in changes {
        let mut changed = entries();
        change(&mut changed[1]);
        roots.push(root(term(), 6, changed));
    }
    roots.push(root(term(), 6, entries()[..2].to_vec()));
    let elsewhere = Domain::from_bytes([9; 32]);
    roots.push(
        Table::new(&elsewhere, term(), 6, entries())
            .unwrap()
            .head()
            .root,
    );
    let count = roots.len();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), count);
}

#[test]
fn what_breaks_a_rule_is_no_table() {
    let refusal = |change: fn(&mut Term, &mut Vec<Entry>)| {
        let (mut term, mut entries) = (term(), entries());
        change(&mut term, &mut entries);
        Table::new(&domain(), term, 6, entries).unwrap_err()
    };
    assert_eq!(refusal(|_, entries| entries.clear()), TableError::Count(0));
    assert_eq!(
        refusal(|_, entries| *entries = vec![entries[0]; 101]),
        TableError::Count(101)
    );
    assert_eq!(
        refusal(|_, entries| entries.swap(0, 1)),
        TableError::Order(key(0))
    );
    assert_eq!(
        refusal(|_, entries| entries[1] = entries[0]),
        TableError::Order(key(0))
    );
    assert_eq!(
        refusal(|_, entries| entries[2].weight = 0),
        TableError::Weight(key(2))
    );
    assert_eq!(
        refusal(|_, entries| entries[2].commit = commit(100, 59, 0x33)),
        TableError::Uncovered(key(2))
    );
    assert_eq!(
        refusal(|_, entries| entries[0].commit = commit(101, 1000, 0x11)),
        TableError::Uncovered(key(0))
    );
    assert_eq!(
        refusal(|_, entries| entries[0].weight = u64::MAX),
        TableError::Total
    );
    assert_eq!(refusal(|term, _| term.checkpoints = 0), TableError::Term(2));
    assert_eq!(refusal(|term, _| term.interval = 0), TableError::Term(2));
    assert_eq!(
        refusal(|term, _| term.first_height = u64::MAX - 500),
        TableError::Term(2)
    );
    assert_eq!(
        refusal(|term, _| term.first_checkpoint = u64::MAX - 10),
        TableError::Term(2)
    );
}

#[test]
fn exactly_two_thirds_are_no_quorum() {
    let table = table();
    assert_eq!(table.head().total, 60);
    assert!(!table.head().is_quorum(40));
    assert!(table.head().is_quorum(41));
    assert_eq!(table.entry(&key(1)).unwrap().weight, 20);
    assert!(
        table
            .entry(&PublicKey::from_checked_bytes([0; 32]))
            .is_none()
    );
    let mut large = entries();
    large.truncate(1);
    large[0].weight = u64::MAX;
    let large = Table::new(&domain(), term(), 0, large).unwrap();
    assert!(large.head().is_quorum(u64::MAX));
    assert!(!large.head().is_quorum(u64::MAX / 3 * 2));
}

#[test]
fn a_commit_is_a_range_that_does_not_wrap() {
    let root = Commitment::from_slice(&[1; 32]).unwrap();
    for (start, checkpoints) in [
        (0, 0),
        (0, MAX_CHECKPOINTS + 1),
        (u64::MAX, 1),
        (5, u64::MAX),
    ] {
        assert_eq!(
            Commit::new(start, checkpoints, root),
            Err(CommitError { start, checkpoints })
        );
    }
    let last = Commit::new(u64::MAX - 1, 1, root).unwrap();
    assert!(last.covers(u64::MAX - 1, u64::MAX - 1));
    let commit = commit(100, 60, 1);
    assert!(commit.covers(100, 159));
    assert!(!commit.covers(99, 159));
    assert!(!commit.covers(100, 160));
}

#[test]
fn a_registration_has_an_operator_and_a_possible_commission() {
    let digest = |operator: &str, commission| {
        registration::digest(&domain(), &key(0), 6, operator, commission)
    };
    assert_ne!(digest("a", 500), digest("b", 500));
    assert_ne!(digest("a", 500), digest("a", 501));
    assert!(digest("a", 10_000).is_ok());
    assert_eq!(
        digest("a", 10_001),
        Err(RegistrationError::Commission(10_001))
    );
    assert_eq!(digest("", 0), Err(RegistrationError::Operator(0)));
    assert_eq!(
        digest(&"a".repeat(256), 0),
        Err(RegistrationError::Operator(256))
    );
}

#[test]
fn what_breaks_a_rule_is_no_consent() {
    let refusal = |change: fn(&mut Vec<Share>)| {
        let mut shares = shares();
        change(&mut shares);
        consent(shares).unwrap_err()
    };
    assert_eq!(refusal(Vec::clear), ConsentError::Count(0));
    assert_eq!(
        refusal(|shares| *shares = vec![shares[0].clone(); 17]),
        ConsentError::Count(17)
    );
    assert_eq!(refusal(|shares| shares.swap(0, 1)), ConsentError::Order(1));
    assert_eq!(
        refusal(|shares| shares[1].target = shares[0].target),
        ConsentError::Order(1)
    );
    for basis_points in [0, 10_001] {
        let mut shares = shares();
        shares[1].basis_points = basis_points;
        let position = 1;
        assert_eq!(
            consent(shares),
            Err(ConsentError::Share {
                position,
                basis_points
            })
        );
    }
    assert_eq!(
        refusal(|shares| shares[0].basis_points = 4_001),
        ConsentError::Sum(10_001)
    );
    for length in [0, 256] {
        let mut shares = shares();
        shares[0].reward_address = "a".repeat(length);
        let position = 0;
        assert_eq!(
            consent(shares),
            Err(ConsentError::RewardAddress { position, length })
        );
    }
}

#[test]
fn two_lists_under_one_number_contradict_and_a_repetition_does_not() {
    let first = consent(shares()).unwrap();
    assert!(!first.contradicts(&consent(shares()).unwrap()));
    let mut less = shares();
    less[1].basis_points = 1;
    assert!(first.contradicts(&consent(less.clone()).unwrap()));
    let later = Consent::new(&[0x77; 32], 1, 4, less).unwrap();
    assert!(!first.contradicts(&later));
    let mine = Target::instance(&domain());
    assert_eq!(later.share_of(&mine).unwrap().basis_points, 1);
    assert_eq!(later.share_of(&Target::babylon("bbn-2")), None);
}

proptest! {
    #[test]
    fn a_table_of_any_size_keeps_its_promises(weights in prop::collection::vec(1..u64::from(u32::MAX), 1..101)) {
        let entries: Vec<Entry> = weights
            .iter()
            .zip(1_u8..)
            .map(|(weight, number)| Entry {
                provider: PublicKey::from_checked_bytes([number; 32]),
                weight: *weight,
                commit: commit(100, 60, number),
            })
            .collect();
        let table = Table::new(&domain(), term(), 0, entries.clone()).unwrap();
        prop_assert_eq!(table.head().total, weights.iter().sum::<u64>());
        for entry in &entries {
            prop_assert_eq!(table.entry(&entry.provider), Some(entry));
        }
        let last = table.head().term.last_checkpoint().unwrap();
        prop_assert_eq!(table.head().term.height(last), Some(5_000 + 59 * 10));
    }
}
