//! Watermarks: what pruning, registration and another signer's export leave behind.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use fixture::{alice, guard, identity, refusal, sign, signature, vote};
use sign_guard::{ChainDomain, Refusal, SignGuard, Vote};

#[test]
fn pruning_forgets_votes_and_never_the_watermark() {
    let (_directory, path, guard) = guard();
    for height in 1..=10 {
        sign(&guard, &vote(height, 1)).unwrap();
    }
    guard.prune(&alice(), 8).unwrap();
    guard.prune(&alice(), 3).unwrap();
    let status = guard.status(&alice()).unwrap().unwrap();
    assert_eq!(
        (status.watermark, status.highest_record, status.highest()),
        (8, Some(10), 10)
    );
    drop(guard);

    let guard = SignGuard::open(&path).unwrap();
    assert!(matches!(
        refusal(&guard, &vote(8, 2)),
        Refusal::BelowWatermark { .. }
    ));
    assert!(matches!(
        refusal(&guard, &vote(9, 2)),
        Refusal::Conflict { .. }
    ));
    // Past the newest record: height 11 stays open.
    guard.prune(&alice(), 1_000).unwrap();
    let status = guard.status(&alice()).unwrap().unwrap();
    assert_eq!(
        (status.watermark, status.highest_record, status.highest()),
        (10, None, 10)
    );
    sign(&guard, &vote(11, 1)).unwrap();
}

#[test]
fn pruning_what_was_never_signed_changes_nothing() {
    let (_directory, _path, guard) = guard();
    guard.prune(&alice(), 100).unwrap();
    guard.prune(&identity(9, "bbn-1"), 100).unwrap();
    assert_eq!(guard.status(&alice()).unwrap().unwrap().watermark, 0);
    assert_eq!(guard.status(&identity(9, "bbn-1")).unwrap(), None);
}

#[test]
fn a_watermark_never_sinks() {
    let (_directory, _path, guard) = guard();
    guard.register(&alice(), 50).unwrap();
    guard.register(&alice(), 0).unwrap();
    assert!(matches!(
        refusal(&guard, &vote(50, 1)),
        Refusal::BelowWatermark { watermark: 50, .. }
    ));
    sign(&guard, &vote(51, 1)).unwrap();
}

/// Another signer may have signed there in the meantime, so not even what is recorded here is repeated.
#[test]
fn a_watermark_that_is_raised_over_records_closes_them() {
    let (_directory, _path, guard) = guard();
    sign(&guard, &vote(7, 1)).unwrap();
    drop(guard.check_and_record(&vote(8, 1)).unwrap());
    guard.register(&alice(), 8).unwrap();
    for height in [7, 8] {
        assert!(matches!(
            refusal(&guard, &vote(height, 1)),
            Refusal::BelowWatermark { watermark: 8, .. }
        ));
    }
    sign(&guard, &vote(9, 1)).unwrap();
}

#[test]
fn another_signer_goes_on_where_this_one_stopped() {
    let (_directory, _path, guard) = guard();
    guard.register(&identity(2, "bbn-1"), 30).unwrap();
    for height in [5, 9] {
        sign(&guard, &vote(height, 1)).unwrap();
    }
    let text = serde_json::to_string_pretty(&guard.export().unwrap()).unwrap();
    assert!(
        !text.contains(&hex::encode(signature(&vote(9, 1)))),
        "no signature leaves"
    );
    assert!(!text.contains(&hex::encode([1; 32]).repeat(2)));

    let directory = tempfile::tempdir().unwrap();
    let next = SignGuard::create(&directory.path().join("next.redb")).unwrap();
    let interchange = serde_json::from_str(&text).unwrap();
    next.import(&interchange).unwrap();
    next.import(&interchange).unwrap();
    assert!(matches!(
        refusal(&next, &vote(9, 1)),
        Refusal::BelowWatermark { watermark: 9, .. }
    ));
    sign(&next, &vote(10, 1)).unwrap();
    let bob = Vote {
        identity: identity(2, "bbn-1"),
        ..vote(30, 1)
    };
    assert!(matches!(
        refusal(&next, &bob),
        Refusal::BelowWatermark { watermark: 30, .. }
    ));
    // What is further here stays further.
    guard.import(&next.export().unwrap()).unwrap();
    next.import(&interchange).unwrap();
    assert_eq!(next.status(&alice()).unwrap().unwrap().highest(), 10);
    assert_eq!(guard.status(&alice()).unwrap().unwrap().highest(), 10);
}

#[test]
fn a_wrong_export_changes_nothing() {
    let (_directory, _path, guard) = guard();
    let entry =
        |key: &str| format!(r#"{{"eots_public_key":"{key}","chain":"bbn-1","watermark":9}}"#);
    let export = |version: u32, entries: &str| {
        let metadata = format!(r#"{{"interchange_format_version":{version}}}"#);
        serde_json::from_str(&format!(r#"{{"metadata":{metadata},"data":[{entries}]}}"#)).unwrap()
    };
    let good = entry(&hex::encode([1; 32]));
    assert!(guard.import(&export(2, &good)).is_err());
    assert!(
        guard
            .import(&export(1, &format!("{good},{}", entry("00"))))
            .is_err()
    );
    assert_eq!(guard.status(&alice()).unwrap().unwrap().watermark, 0);
    guard.import(&export(1, &good)).unwrap();
    assert_eq!(guard.status(&alice()).unwrap().unwrap().watermark, 9);
}

#[test]
fn statuses_list_every_registered_key() {
    let (_directory, _path, guard) = guard();
    guard.register(&identity(2, "bbn-1"), 4).unwrap();
    sign(&guard, &vote(7, 1)).unwrap();
    let highest: Vec<_> = guard
        .statuses()
        .unwrap()
        .into_iter()
        .map(|status| (status.identity.public_key[0], status.highest()))
        .collect();
    assert_eq!(highest, [(1, 7), (2, 4)]);
}

#[test]
fn a_chain_domain_is_visible_text() {
    for wrong in ["", "two words", "zeile\n", "ünïcode", &"x".repeat(129)] {
        assert!(wrong.parse::<ChainDomain>().is_err(), "{wrong}");
    }
    assert!("x".repeat(128).parse::<ChainDomain>().is_ok());
}
