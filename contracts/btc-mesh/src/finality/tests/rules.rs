//! The rules of finality one by one, in the words of the design (section 3.2) and its scenarios.

use std::collections::BTreeMap;

use bitcoin::hashes::{Hash, sha256};
use cosmwasm_std::Event;

use super::fork::{EPOCH, Fork, PROVIDERS, Randomness};
use crate::ContractError;
use crate::finality::{
    Decision, Evidence, GovernanceError, RollError, evidence, final_at, finalise, is_slashed,
    resume,
};
use crate::msg::{Bytes32, VoteItem};

/// Four providers of equal weight, and the hash that a checkpoint's block has.
fn four() -> Fork {
    Fork::new(0, &(0..4).map(|number| (number, 10)).collect())
}

fn weights(weights: &[u64]) -> Fork {
    Fork::new(
        0,
        &weights
            .iter()
            .copied()
            .enumerate()
            .collect::<BTreeMap<_, _>>(),
    )
}

fn hash(k: u64) -> [u8; 32] {
    [k as u8 + 1; 32]
}

/// A provider's vote for a hash, as the fork's tables ask for it.
fn vote(fork: &Fork, number: usize, k: u64, hash: [u8; 32]) -> VoteItem {
    let message = fork.message(k, &hash).unwrap();
    PROVIDERS[number].vote(Randomness::Derived, k, hash, &message)
}

/// Provider 0's vote under one kind of randomness.
fn vote_under(fork: &Fork, randomness: Randomness, k: u64, hash: [u8; 32]) -> VoteItem {
    let message = fork.message(k, &hash).unwrap();
    PROVIDERS[0].vote(randomness, k, hash, &message)
}

fn cast(fork: &mut Fork, number: usize, k: u64) -> Vec<Event> {
    let item = vote(fork, number, k, hash(k));
    fork.cast(&item)
}

/// Makes the next checkpoint final by the first three.
fn finalise_next(fork: &mut Fork) {
    let k = fork.next();
    for number in 0..3 {
        cast(fork, number, k);
    }
    assert_eq!(fork.next(), k + 1);
}

fn refusal(events: &[Event]) -> String {
    let event = events.iter().find(|event| event.ty == "vote_refused");
    let reason = event.and_then(|event| event.attributes.iter().find(|a| a.key == "reason"));
    reason
        .map(|reason| reason.value.clone())
        .unwrap_or_default()
}

fn is_final(fork: &Fork, k: u64) -> bool {
    fork.finals.contains_key(&k)
}

#[test]
fn more_than_two_thirds_of_the_table_make_a_checkpoint_final_and_two_thirds_do_not() {
    let mut fork = weights(&[10, 10, 10]);
    cast(&mut fork, 0, 0);
    cast(&mut fork, 1, 0);
    assert!(!is_final(&fork, 0), "exactly two thirds");
    let events = cast(&mut fork, 2, 0);
    assert!(is_final(&fork, 0));
    assert!(events.iter().any(|event| event.ty == "final"));
    assert_eq!(fork.finals[&0].hash, hash(0));
}

#[test]
fn rule_1_a_checkpoint_counts_only_once_the_one_before_is_final() {
    let mut fork = four();
    for number in 0..3 {
        cast(&mut fork, number, 1);
    }
    for number in 0..2 {
        cast(&mut fork, number, 0);
    }
    assert_eq!(
        fork.next(),
        0,
        "checkpoint 1 has a quorum, checkpoint 0 has not"
    );
    cast(&mut fork, 2, 0);
    assert_eq!(
        fork.next(),
        2,
        "the one vote that was missing makes both final"
    );
}

#[test]
fn rule_2_a_vote_under_another_table_does_not_count() {
    let fork = four();
    // The same providers with one sat more: another root.
    let mut other = weights(&[11, 10, 10, 10]);
    let item = vote(&fork, 0, 0, hash(0));
    assert!(refusal(&other.cast(&item)).contains("no vote for this hash under the tables"));
    assert!(!refusal(&other.cast(&vote(&other, 0, 0, hash(0)))).contains("no vote"));
}

#[test]
fn rule_2_the_last_checkpoint_is_voted_for_together_with_the_next_table_only() {
    let mut fork = four();
    for _ in 0..EPOCH - 1 {
        finalise_next(&mut fork);
    }
    let last = EPOCH - 1;
    assert_eq!(fork.message(last, &hash(last)), None);
    // Whatever is signed instead of the next root is refused.
    let guess = {
        let head = fork.head();
        let next = Some([0; 32]);
        mesh_core::vote::message(
            &super::fork::DOMAIN,
            &head,
            last,
            &hash(last),
            next.as_ref(),
        )
    };
    let item = PROVIDERS[0].vote(Randomness::Derived, last, hash(last), &guess.unwrap());
    assert!(refusal(&fork.cast(&item)).contains("none is ready"));
    fork.roll().unwrap();
    assert!(refusal(&fork.cast(&item)).contains("no vote for this hash under the tables"));
    // A whale that only this fork knows is in its next table; whoever signed another one is not counted here.
    let mut with_whale = four();
    for _ in 0..EPOCH - 1 {
        finalise_next(&mut with_whale);
    }
    with_whale.set_weight(7, 1_000);
    with_whale.roll().unwrap();
    let honest = vote(&fork, 0, last, hash(last));
    assert!(refusal(&with_whale.cast(&honest)).contains("no vote for this hash"));
    finalise_next(&mut fork);
    assert_eq!(fork.head().term.epoch, 1, "the next table is in force");
}

#[test]
fn rule_3_only_the_randomness_in_the_table_counts() {
    let mut fork = four();
    fork.commit_to(0, Randomness::Other);
    let message = fork.message(0, &hash(0)).unwrap();
    let item = PROVIDERS[0].vote(Randomness::Other, 0, hash(0), &message);
    assert!(refusal(&fork.cast(&item)).contains("does not lead to the commitment"));
    // In force with the next table, which the votes of this one have to sign.
    for _ in 0..EPOCH - 1 {
        finalise_next(&mut fork);
    }
    fork.roll().unwrap();
    finalise_next(&mut fork);
    assert_eq!(fork.randomness(0), Some(Randomness::Other));
}

#[test]
fn rule_5_a_slash_changes_neither_what_was_counted_nor_the_total() {
    let mut fork = weights(&[10, 10, 10, 10]);
    cast(&mut fork, 0, 0);
    cast(&mut fork, 1, 0);
    // Were it taken from the total, 20 of 30 plus nothing would still miss, 20 of 20 would not.
    fork.slash(3);
    fork.slash(2);
    assert!(!is_final(&fork, 0));
    assert_eq!(fork.head().total, 40);
    assert_eq!(refusal(&cast(&mut fork, 3, 0)), "the provider was slashed");
    // What the slashed one voted before still counts: 30 of 40.
    let mut fork = four();
    cast(&mut fork, 0, 0);
    fork.slash(0);
    cast(&mut fork, 1, 0);
    cast(&mut fork, 2, 0);
    assert!(is_final(&fork, 0));
    // And it is in no later table.
    for _ in 1..EPOCH {
        if fork.next() == EPOCH - 1 {
            fork.roll().unwrap();
        }
        for number in 1..4 {
            let k = fork.next();
            cast(&mut fork, number, k);
        }
    }
    assert_eq!(fork.head().term.epoch, 1);
    assert_eq!(fork.head().total, 30);
    assert_eq!(fork.randomness(0), None);
}

#[test]
fn rule_6_an_old_table_makes_nothing_final_and_only_a_resume_helps() {
    let mut fork = four();
    fork.bitcoin.tip.height += 121;
    let mut events = Vec::new();
    for number in 0..4 {
        events = cast(&mut fork, number, 0);
    }
    assert!(!is_final(&fork, 0));
    let halted = events.iter().find(|event| event.ty == "halted").unwrap();
    assert!(
        halted.attributes[0]
            .value
            .contains("121 blocks old, at most 120")
    );
    fork.act(finalise).unwrap();
    assert_eq!(fork.next(), 0, "waiting does not help");
    let decision = Decision {
        hash: hash(0).into(),
        exclude: &[],
        drop: &[],
    };
    fork.act(|storage, context| resume(storage, context, &decision))
        .unwrap();
    assert_eq!((fork.next(), fork.head().term.era), (1, 1));
    fork.height = 2_000;
    finalise_next(&mut fork);
}

#[test]
fn finality_waits_for_headers_and_goes_on_by_itself() {
    let mut fork = four();
    fork.bitcoin.tip.time -= 101;
    for number in 0..3 {
        cast(&mut fork, number, 0);
    }
    assert!(!is_final(&fork, 0));
    fork.bitcoin.tip.time += 1;
    fork.act(finalise).unwrap();
    assert_eq!(fork.next(), 1);
}

#[test]
fn a_second_vote_at_a_checkpoint_gives_the_key_away_whoever_brings_it() {
    let mut fork = four();
    cast(&mut fork, 0, 0);
    // The same again is nothing.
    assert!(cast(&mut fork, 0, 0).is_empty());
    let second = vote(&fork, 0, 0, [0x99; 32]);
    let events = fork.cast(&second);
    let slashed = events.iter().find(|event| event.ty == "slashed").unwrap();
    let sk = &slashed
        .attributes
        .iter()
        .find(|a| a.key == "sk")
        .unwrap()
        .value;
    let key = eots::SecretKey::from_bytes(&hex::decode(sk).unwrap().try_into().unwrap()).unwrap();
    assert_eq!(key.public_key(), PROVIDERS[0].pk);
    // Its first vote still counts: with two more there is a quorum.
    cast(&mut fork, 1, 0);
    cast(&mut fork, 2, 0);
    assert!(is_final(&fork, 0));
}

#[test]
fn votes_of_other_times_places_and_people_take_no_slot() {
    let mut fork = four();
    // Not in the table.
    let item = vote(&fork, 6, 0, hash(0));
    assert!(refusal(&fork.cast(&item)).contains("not in the table of epoch 0"));
    // Outside the window.
    let message = fork.message(0, &hash(0)).unwrap();
    let item = PROVIDERS[0].vote(Randomness::Derived, EPOCH, hash(0), &message);
    assert!(refusal(&fork.cast(&item)).contains("outside 0 to 3"));
    // Its block is not there yet.
    fork.height = 3;
    let item = vote(&fork, 0, 1, hash(1));
    assert!(refusal(&fork.cast(&item)).contains("the block at height 3, this chain is at 3"));
    fork.height = 1_000;
    // Of another instance, of Babylon, of another epoch.
    let head = fork.head();
    let elsewhere = mesh_core::Domain::from_bytes([0x55; 32]);
    let mut later = head;
    later.term.epoch += 1;
    let messages = [
        mesh_core::vote::message(&elsewhere, &head, 0, &hash(0), None).unwrap(),
        mesh_core::vote::message(&super::fork::DOMAIN, &later, 0, &hash(0), None).unwrap(),
        eots::vote_message(2, &hash(0)).to_vec(),
    ];
    for message in messages {
        let item = PROVIDERS[0].vote(Randomness::Derived, 0, hash(0), &message);
        assert!(refusal(&fork.cast(&item)).contains("no vote for this hash"));
    }
    // Somebody else's, with another hash, with a longer path.
    let mut item = vote(&fork, 0, 0, hash(0));
    item.pk = PROVIDERS[1].pk.to_bytes().into();
    assert!(!refusal(&fork.cast(&item)).is_empty());
    let mut item = vote(&fork, 0, 0, hash(0));
    item.hash = [0x98; 32].into();
    assert!(!refusal(&fork.cast(&item)).is_empty());
    let mut item = vote(&fork, 0, 0, hash(0));
    item.aunts = [item.aunts.as_slice(), &[0; 32]].concat().into();
    assert!(refusal(&fork.cast(&item)).contains("aunts"));
    item.aunts = vec![0; 33].into();
    assert!(refusal(&fork.cast(&item)).contains("33 bytes"));
    item.aunts = vec![0; 32 * 21].into();
    assert!(refusal(&fork.cast(&item)).contains("672 bytes"));
    // None of them took the slot.
    finalise_next(&mut fork);
    assert_eq!(fork.finals[&0].hash, hash(0));
}

#[test]
fn a_bad_vote_stops_no_other_of_its_message() {
    let mut fork = four();
    let mut items: Vec<_> = (0..3)
        .map(|number| vote(&fork, number, 0, hash(0)))
        .collect();
    items.insert(1, vote(&fork, 6, 0, hash(0)));
    items.insert(0, items[0].clone());
    let events = fork
        .act(|storage, context| crate::finality::cast(storage, context, &items))
        .unwrap();
    assert_eq!(
        events
            .iter()
            .filter(|event| event.ty == "vote_refused")
            .count(),
        1
    );
    assert_eq!(fork.next(), 1);
    for count in [0, 65] {
        let items = vec![items[0].clone(); count];
        let error = fork
            .act(|storage, context| crate::finality::cast(storage, context, &items))
            .unwrap_err();
        assert!(matches!(error, ContractError::Count { found, max: 64, .. } if found == count));
    }
}

#[test]
fn a_stalled_chain_goes_on_by_decree_without_asking_anybody_to_sign_twice() {
    let mut fork = four();
    finalise_next(&mut fork);
    // Providers 2 and 3 die; 1 has voted for the stalled checkpoint.
    cast(&mut fork, 1, 1);
    let resume_with = |fork: &mut Fork, exclude: &[Bytes32]| {
        let decision = Decision {
            hash: hash(1).into(),
            exclude,
            drop: &[],
        };
        fork.act(|storage, context| resume(storage, context, &decision))
    };
    let error = resume_with(&mut fork, &[]).unwrap_err();
    assert!(matches!(
        error,
        ContractError::Governance(GovernanceError::NotStalled {
            waited: 0,
            required: 1
        })
    ));
    fork.bitcoin.tip.height += 1;
    let voter: Bytes32 = PROVIDERS[1].pk.to_bytes().into();
    let error = resume_with(&mut fork, &[voter]).unwrap_err();
    assert!(matches!(
        error,
        ContractError::Governance(GovernanceError::Voted { k: 1, .. })
    ));
    let dead = [2, 3].map(|number: usize| Bytes32::from(PROVIDERS[number].pk.to_bytes()));
    resume_with(&mut fork, &dead).unwrap();
    let head = fork.head();
    assert_eq!(
        (head.term.era, head.term.epoch, head.term.first_checkpoint),
        (1, 1, 2)
    );
    assert_eq!(head.total, 20);
    let decreed = fork
        .act(|storage, _| final_at(storage, 1))
        .unwrap()
        .unwrap();
    assert!(decreed.decreed && decreed.hash == hash(1) && decreed.era == 0);
    // The decreed checkpoint is final: nobody's vote for it is needed, and finality goes on with the living.
    fork.height = 2_000;
    cast(&mut fork, 0, 2);
    cast(&mut fork, 1, 2);
    assert_eq!(fork.next(), 3);
}

#[test]
fn a_table_is_made_in_the_last_checkpoints_of_an_epoch_and_once() {
    let mut fork = four();
    finalise_next(&mut fork);
    assert!(matches!(
        fork.roll().unwrap_err(),
        ContractError::Roll(RollError::TooEarly { from: 2, next: 1 })
    ));
    finalise_next(&mut fork);
    fork.roll().unwrap();
    assert!(matches!(
        fork.roll().unwrap_err(),
        ContractError::Roll(RollError::Ready(1))
    ));
}

#[test]
fn providers_without_randomness_for_the_epoch_leave_the_ranking_until_they_commit() {
    let mut fork = four();
    fork.commit_nothing_after(0, 6);
    for _ in 0..EPOCH - 1 {
        finalise_next(&mut fork);
    }
    fork.roll().unwrap();
    finalise_next(&mut fork);
    assert_eq!(
        fork.head().total,
        30,
        "its commit ends before the epoch does"
    );
}

#[test]
fn evidence_is_judged_by_signatures_alone_whatever_was_signed() {
    let mut fork = four();
    let pk: Bytes32 = PROVIDERS[2].pk.to_bytes().into();
    let signed = |message: &[u8]| {
        let item = PROVIDERS[2].vote(Randomness::Other, 5, [0; 32], message);
        (item.r, item.s)
    };
    let (r, s1) = signed(b"a message of some other protocol");
    let (_, s2) = signed(b"and another");
    let with = |fork: &mut Fork, first: &[u8], s1, second: &[u8], s2| {
        let shown = Evidence::of_messages(r, [(first, s1), (second, s2)])?;
        fork.act(|storage, context| evidence(storage, context, pk, &shown))
    };
    let first = b"a message of some other protocol".as_slice();
    // One and the same message, a message that was not signed, a message that is too long.
    assert!(with(&mut fork, first, s1, first, s1).is_err());
    assert!(with(&mut fork, first, s1, b"never signed", s2).is_err());
    assert!(with(&mut fork, &[0; 513], s1, b"and another", s2).is_err());
    with(&mut fork, first, s1, b"and another", s2).unwrap();
    let slashed = fork.act(|storage, _| Ok(is_slashed(storage, &PROVIDERS[2].pk)));
    assert!(slashed.unwrap());
    // Shown again it is no news, and no error.
    assert!(
        with(&mut fork, first, s1, b"and another", s2)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn evidence_by_hash_is_judged_as_that_by_messages_is() {
    let mut fork = four();
    let pk: Bytes32 = PROVIDERS[2].pk.to_bytes().into();
    let [(r, one), (_, other)] = [b"one".as_slice(), b"other"].map(|message| {
        let item = PROVIDERS[2].vote(Randomness::Other, 5, [0; 32], message);
        let hash = sha256::Hash::hash(message).to_byte_array();
        (item.r, [hash, item.s.0].concat())
    });
    let show = |fork: &mut Fork, signed: Vec<u8>| {
        let shown = Evidence::of_hashes(r, &signed)?;
        fork.act(|storage, context| evidence(storage, context, pk, &shown))
    };
    let refusal = |fork: &mut Fork, signed| show(fork, signed).unwrap_err().to_string();
    let swapped = |signed: &[u8]| [&other[..32], &signed[32..]].concat();
    for (signed, reason) in [
        ([one.as_slice(), &one].concat(), "no equivocation"),
        (
            [swapped(&one), other.clone()].concat(),
            "signature 1 is not",
        ),
        ([one.clone(), swapped(&one)].concat(), "signature 2 is not"),
        ([one.as_slice(), &other[..63]].concat(), "127 bytes"),
        ([one.as_slice(), &other, &[0]].concat(), "129 bytes"),
        (Vec::new(), "0 bytes"),
    ] {
        let refusal = refusal(&mut fork, signed);
        assert!(refusal.contains(reason), "{refusal}");
    }
    let events = show(&mut fork, [one, other].concat()).unwrap();
    assert!(events.iter().any(|event| event.ty == "slashed"));
}

#[test]
fn what_was_voted_ahead_of_a_resume_counts_for_nothing_after_it() {
    // Two of four vote ahead, under the first table, for a block that this chain does not have.
    let mut fork = weights(&[10, 10, 10, 11]);
    for number in [0, 3] {
        let item = vote(&fork, number, 1, [0x66; 32]);
        fork.cast(&item);
    }
    fork.bitcoin.tip.height += 1;
    let absent = [1, 2].map(|number: usize| Bytes32::from(PROVIDERS[number].pk.to_bytes()));
    let decision = Decision {
        hash: hash(0).into(),
        exclude: &absent,
        drop: &[],
    };
    fork.act(|storage, context| resume(storage, context, &decision))
        .unwrap();
    // They are the whole new table, but nobody has voted under it.
    assert_eq!(fork.head().total, 21);
    fork.height = 2_000;
    fork.act(finalise).unwrap();
    assert_eq!(fork.next(), 1);
    let votes = fork
        .act(|storage, _| crate::finality::entries(storage, 0))
        .unwrap();
    assert!(
        votes.iter().all(|(_, votes)| *votes == 0),
        "nor does it earn"
    );
    // Since they cannot sign the checkpoint again, governance may go on without them.
    fork.bitcoin.tip.height += 1;
    let ahead = [0, 3].map(|number: usize| Bytes32::from(PROVIDERS[number].pk.to_bytes()));
    let decision = Decision {
        hash: hash(1).into(),
        exclude: &ahead,
        drop: &[],
    };
    fork.act(|storage, context| resume(storage, context, &decision))
        .unwrap();
    assert_eq!(fork.head().total, 20);
}

/// Decrees the next checkpoint, so that a new era begins after it.
fn resume_next(fork: &mut Fork) {
    fork.bitcoin.tip.height += 1;
    let decision = Decision {
        hash: hash(fork.next()).into(),
        exclude: &[],
        drop: &[],
    };
    fork.act(|storage, context| resume(storage, context, &decision))
        .unwrap();
    fork.height += 1_000;
}

/// Provider 0 voted for checkpoint 2 ahead of a resume, and votes for it again under other randomness after it.
fn two_kinds() -> Fork {
    let mut fork = four();
    cast(&mut fork, 0, 2);
    fork.commit_to(0, Randomness::Other);
    resume_next(&mut fork);
    let item = vote_under(&fork, Randomness::Other, 2, hash(2));
    // The same again is nothing.
    for _ in 0..2 {
        assert_eq!(refusal(&fork.cast(&item)), "");
    }
    fork
}

fn is_slashed_by(fork: &mut Fork, item: &VoteItem) -> bool {
    fork.cast(item).iter().any(|event| event.ty == "slashed")
}

#[test]
fn a_vote_ahead_of_a_resume_takes_no_place_away_under_other_randomness() {
    let mut fork = two_kinds();
    let tallies = fork.act(|storage, _| crate::finality::tallies(storage, 2));
    let weights: Vec<_> = tallies.unwrap().iter().map(|tally| tally.weight).collect();
    assert_eq!(weights, [10], "it counts, and once");
    let second = vote_under(&fork, Randomness::Other, 2, [0x99; 32]);
    assert!(is_slashed_by(&mut fork, &second));
}

#[test]
fn a_vote_ahead_of_a_resume_is_not_forgotten_for_one_under_other_randomness() {
    let mut fork = two_kinds();
    fork.commit_to(0, Randomness::Derived);
    resume_next(&mut fork);
    assert_eq!(fork.next(), 2);
    let third = vote_under(&fork, Randomness::Derived, 2, hash(2));
    assert!(is_slashed_by(&mut fork, &third));
}

#[test]
fn a_vote_ahead_of_a_resume_and_one_after_it_give_the_key_under_the_same_randomness() {
    let mut fork = four();
    cast(&mut fork, 0, 2);
    resume_next(&mut fork);
    let second = vote(&fork, 0, 2, hash(2));
    assert!(is_slashed_by(&mut fork, &second));
}

#[test]
fn a_slashed_provider_cannot_be_registered_anew_by_whoever_has_its_key() {
    let mut fork = four();
    fork.slash(0);
    let error = fork.register_again(0).unwrap_err();
    assert!(matches!(
        error,
        ContractError::Provider(crate::ProviderError::Slashed(_))
    ));
}

#[test]
fn parameters_that_wait_hold_from_their_epoch_on_and_not_while_its_table_waits() {
    let mut fork = four();
    fork.plan_max_age(1, 7);
    for _ in 0..EPOCH - 1 {
        finalise_next(&mut fork);
    }
    fork.roll().unwrap();
    assert_eq!(
        fork.stored_max_age(),
        None,
        "the table in force was made under the old ones"
    );
    finalise_next(&mut fork);
    assert_eq!(fork.stored_max_age(), Some(7));
}
