//! What only people lead over: a resume of the subject, an old table, too many keys.

use btc_mesh::msg::FinalizedResponse;
use btc_mirror::msg::{ExecuteMsg, QueryMsg};
use btc_mirror::{Bound, ContractError};

use crate::mirror::{Mirror, attribute, beginning, refusal};
use crate::pair::Pair;
use crate::rig::block_hash;
use crate::subject::{EPOCH, sealed, secret_key};

/// A pair whose subject stalled at checkpoint 1 and was resumed.
fn resumed() -> Pair {
    let mut pair = Pair::four();
    pair.finalise_next();
    // Two of four vote, also ahead, and then nobody.
    for k in [1, 2] {
        for number in 0..2 {
            pair.vote(number, k);
        }
    }
    pair.subject.resume();
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    pair
}

#[test]
fn a_resume_of_the_subject_stops_the_mirror_until_governance_repins() {
    let mut pair = resumed();
    assert_eq!((pair.subject.next(), pair.subject.epoch()), (2, 1));
    // Votes of the new era go under a table that nobody signed. Who voted ahead for checkpoint 2 signs nothing there.
    for number in 2..4 {
        let events = pair.vote(number, 2);
        assert!(refusal(&events).contains("no vote for this hash under the tables"));
    }
    assert_eq!(pair.mirror.status().next, 1);
    let table = pair.subject.table(1);
    let error = pair.mirror.next_table(table.clone()).unwrap_err();
    assert!(matches!(
        error,
        ContractError::TooEarly { next: 1, last: 3 }
    ));
    let repin = ExecuteMsg::Repin {
        table: Box::new(table.clone()),
    };
    let error = pair.mirror.execute(repin).unwrap_err();
    assert!(matches!(error, ContractError::NotGovernance { .. }));

    pair.mirror.repin(table).unwrap();
    let status = pair.mirror.status();
    assert_eq!((status.era, status.epoch, status.next), (1, 1, 2));
    assert_eq!(status.pinned_epoch, 1);
    // What was voted for ahead counts for nothing here either.
    for number in 2..4 {
        let vote = pair.subject.vote(number, 2);
        assert!(pair.mirror.cast(&[vote]).is_empty());
    }
    assert_eq!(pair.mirror.status().next, 2);
}

#[test]
fn after_a_repin_the_mirror_has_the_same_hashes_and_roots_again() {
    let mut pair = Pair::four();
    pair.finalise_next();
    pair.vote(0, 1);
    pair.subject.resume();
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    pair.mirror.repin(pair.subject.table(1)).unwrap();
    while pair.subject.epoch() < 3 {
        pair.finalise_by(&[1, 2, 3]);
    }
    for k in 0..pair.subject.next() {
        if k == 1 {
            // Decreed there; nobody signed it, so nothing is known of it here.
            assert!(pair.subject.finalized(k).unwrap().decreed);
            pair.mirror.finalized(k).unwrap_err();
        } else {
            let here = pair.mirror.finalized(k).unwrap();
            assert_eq!(here, pair.subject.finalized(k).unwrap());
            assert!(!here.decreed);
        }
    }
    assert_eq!(pair.mirror.table(3), pair.subject.table(3));
    // The first that is known at or above a height, over the gap.
    let gap = pair.subject.finalized(1).unwrap().height;
    let found: FinalizedResponse = pair.mirror.ask(QueryMsg::Finalized {
        k: None,
        height: Some(gap),
    });
    assert_eq!(found.k, 2);
    // What was before the pin is not looked at any more.
    assert!(
        pair.mirror
            .try_ask::<btc_mirror::msg::Table>(QueryMsg::Table { epoch: 0 })
            .is_err()
    );
}

#[test]
fn late_votes_under_the_table_before_a_resume_make_nothing_final_that_a_pin_would_undo() {
    let mut pair = resumed();
    // One more signs under the old table after all: the mirror knows of no resume.
    let old = pair.subject.table(0);
    let vote = pair.subject.signed(&old, 2, (1, block_hash(1).0), None);
    pair.mirror.cast(&[vote]);
    assert_eq!(pair.mirror.status().next, 2);
    // The table of the new era begins there, so it can be pinned.
    pair.mirror.repin(pair.subject.table(1)).unwrap();
    let here = pair.mirror.finalized(1).unwrap();
    assert!(here.era == 0 && !here.decreed);
    assert!(pair.subject.finalized(1).unwrap().decreed);
}

/// A pair in which only the mirror saw provider 0 vote ahead for checkpoint 2, and which a resume and a pin led to a new era
/// that has this checkpoint; before it, the provider may commit anew.
fn voted_ahead_unseen(commit: impl FnOnce(&mut Pair)) -> Pair {
    let mut pair = Pair::four();
    pair.finalise_next();
    let unseen = pair.subject.vote(0, 2);
    assert!(pair.mirror.cast(&[unseen]).is_empty());
    commit(&mut pair);
    pair.subject.resume();
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    pair.mirror.repin(pair.subject.table(1)).unwrap();
    pair
}

#[test]
fn a_vote_of_an_earlier_era_that_the_subject_never_saw_keeps_no_vote_of_this_one_away() {
    let mut pair = voted_ahead_unseen(|pair| {
        pair.subject.cheat(0);
    });
    pair.finalise_by(&[0, 1, 2]);
    let here = pair.mirror.finalized(2).unwrap();
    assert_eq!(here, pair.subject.finalized(2).unwrap());
    assert_eq!((here.era, here.voted), (1, 3_000_000));
    // Its place is taken from now on.
    let second = pair
        .subject
        .signed(&pair.subject.table(1), 0, (2, [0x99; 32]), None);
    let events = pair.mirror.cast(&[second]);
    assert!(attribute(&events, "slashed", "sk").is_some());
}

#[test]
fn a_vote_of_an_earlier_era_and_one_of_this_give_the_key_away_under_the_same_randomness() {
    let mut pair = voted_ahead_unseen(|_| ());
    let pk = pair.subject.providers[0].pk();
    let vote = pair.subject.vote(0, 2);
    let events = pair.mirror.cast(&[vote]);
    assert_eq!(attribute(&events, "slashed", "pk").unwrap(), pk.to_string());
}

#[test]
fn a_table_from_below_what_is_final_here_cannot_be_pinned() {
    let mut pair = resumed();
    let old = pair.subject.table(0);
    for k in [1, 2] {
        let vote = pair.subject.signed(&old, 2, (k, block_hash(k).0), None);
        pair.mirror.cast(&[vote]);
    }
    assert_eq!(pair.mirror.status().next, 3);
    let error = pair.mirror.repin(pair.subject.table(1)).unwrap_err();
    assert!(
        matches!(
            error,
            ContractError::DoesNotFollow {
                name: "first_k",
                bound: Bound::AtLeast(3),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_pin_only_leads_forward() {
    let mut pair = Pair::four();
    for _ in 0..=EPOCH {
        pair.finalise_next();
    }
    let (old, present) = (pair.subject.table(0), pair.subject.table(1));
    let bound = |pair: &mut Pair, table| match pair.mirror.repin(table) {
        Err(ContractError::DoesNotFollow { name, bound, .. }) => (name, bound),
        other => panic!("{other:?}"),
    };
    assert_eq!(bound(&mut pair, old), ("epoch", Bound::Above(1)));
    assert_eq!(
        bound(&mut pair, present.clone()),
        ("epoch", Bound::Above(1))
    );
    let mut next = present;
    next.epoch = 2;
    assert_eq!(
        bound(&mut pair, sealed(next.clone())),
        ("first_k", Bound::AtLeast(EPOCH + 1))
    );
    next.first_k = EPOCH + 1;
    let last = pair.mirror.finalized(EPOCH).unwrap().height;
    next.first_height = last;
    assert_eq!(
        bound(&mut pair, sealed(next.clone())),
        ("first_height", Bound::Above(last))
    );
    next.first_height += 1;
    pair.mirror.repin(sealed(next.clone())).unwrap();
    next.era += 1;
    pair.mirror.repin(sealed(next.clone())).unwrap();
    next.era -= 1;
    next.epoch += 1;
    assert_eq!(bound(&mut pair, sealed(next)), ("era", Bound::AtLeast(1)));
}

#[test]
fn an_old_table_can_neither_be_pinned_nor_begin_a_mirror() {
    let mut pair = Pair::four();
    let mut next = pair.subject.table(0);
    next.epoch = 1;
    let next = sealed(next);
    let blocks = 51 - (pair.subject.rig.bitcoin.height() - next.btc_cut);
    pair.subject.rig.mine(blocks);
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    let error = pair.mirror.repin(next.clone()).unwrap_err();
    assert!(error.to_string().contains("51 blocks old"), "{error}");
    let msg = beginning(pair.subject.named(), next);
    let error = Mirror::begin(&pair.subject.rig.bitcoin, msg).err().unwrap();
    assert!(matches!(error, ContractError::Halted(_)), "{error}");
}

#[test]
fn a_mirror_that_stopped_for_keys_goes_on_with_a_table_that_has_few_of_them() {
    let mut pair = Pair::new(&[10, 10, 10, 4]);
    for number in [0, 3] {
        let provider = &pair.subject.providers[number];
        let (pk, sk) = (provider.pk(), secret_key(provider));
        pair.mirror.execute(ExecuteMsg::Slash { pk, sk }).unwrap();
    }
    assert!(pair.mirror.status().halted.is_some());
    let mut next = pair.subject.table(0);
    next.epoch = 1;
    let error = pair.mirror.repin(sealed(next.clone())).unwrap_err();
    assert!(matches!(error, ContractError::Halted(_)), "{error}");
    let out = pair.subject.providers[0].pk();
    next.entries.retain(|entry| entry.pk != out);
    pair.mirror.repin(sealed(next)).unwrap();
    let status = pair.mirror.status();
    assert_eq!((status.halted, status.slashed), (None, 400_000));
}
