//! Keys that come out at the mirror, and what they still count for.

use btc_mesh::msg::Bytes32;
use btc_mirror::ContractError;
use btc_mirror::msg::ExecuteMsg;

use crate::mirror::{attribute, refusal};
use crate::pair::Pair;
use crate::rig::block_hash;
use crate::subject::{EPOCH, sealed, secret_key};

fn slash(pair: &Pair, number: usize) -> ExecuteMsg {
    let provider = &pair.subject.providers[number];
    ExecuteMsg::Slash {
        pk: provider.pk(),
        sk: secret_key(provider),
    }
}

#[test]
fn a_double_vote_gives_the_key_away_whoever_brings_it() {
    let mut pair = Pair::four();
    let pk = pair.subject.providers[0].pk();
    pair.vote(0, 0);
    // The same again is nothing.
    let again = pair.subject.vote(0, 0);
    assert!(pair.mirror.cast(&[again]).is_empty());
    assert_eq!(pair.mirror.slashed_key(pk), None);
    let second = pair.subject.vote_for(0, 0, [0x99; 32]);
    let events = pair.mirror.cast(std::slice::from_ref(&second));
    assert_eq!(attribute(&events, "slashed", "pk").unwrap(), pk.to_string());
    let sk = pair.mirror.slashed_key(pk).unwrap();
    assert_eq!(attribute(&events, "slashed", "sk").unwrap(), sk.to_string());
    let key = eots::SecretKey::from_bytes(&sk.0).unwrap();
    assert_eq!(key.public_key().to_bytes(), pk.0);
    assert_eq!(pair.mirror.status().slashed, 1_000_000);
    // A third vote is no news; the first one still counts, and nobody else votes for what the others are for.
    let third = pair.subject.vote_for(0, 0, [0x9a; 32]);
    assert!(pair.mirror.cast(&[third, second]).is_empty());
    pair.vote(1, 0);
    let events = pair.vote(2, 0);
    assert_eq!(attribute(&events, "final", "voted").unwrap(), "3000000");
    pair.assert_same();
}

#[test]
fn a_late_double_vote_gives_the_key_away_as_well() {
    let mut pair = Pair::four();
    for _ in 0..=EPOCH {
        pair.finalise_next();
    }
    // For the last checkpoint of the epoch before: the same hash, another next table.
    let (table, mut other) = (pair.subject.table(0), pair.subject.table(1));
    other.at_risk += 1;
    let other = sealed(other);
    let last = EPOCH - 1;
    let signed = (last, block_hash(last).0);
    let second = pair.subject.signed(&table, 0, signed, Some(other.root));
    let events = pair.mirror.cast(&[second]);
    let pk = pair.subject.providers[0].pk();
    assert_eq!(attribute(&events, "slashed", "pk").unwrap(), pk.to_string());
    // A late vote of one that had not voted is kept, and changes nothing.
    let late = pair.subject.signed(&table, 3, signed, Some(other.root));
    assert!(pair.mirror.cast(&[late]).is_empty());
    pair.assert_same();
}

#[test]
fn votes_of_a_key_that_is_out_count_as_the_subject_counted_them_before() {
    let mut pair = Pair::new(&[10, 10, 8, 4]);
    let votes: Vec<_> = [3, 0, 2].map(|number| pair.subject.vote(number, 0)).into();
    pair.subject.cast(&votes[..1]);
    pair.subject.slash(3);
    pair.subject.cast(&votes[1..]);
    assert_eq!(pair.subject.next(), 1, "22 of 32");
    // Here the key is known before any vote.
    let events = pair.mirror.execute(slash(&pair, 3)).unwrap().events;
    assert_eq!(events.len(), 1);
    let events = pair.mirror.cast(&votes);
    assert_eq!(attribute(&events, "final", "voted").unwrap(), "2200000");
    pair.assert_same();
}

#[test]
fn what_somebody_signs_with_a_key_that_is_out_keeps_no_other_vote_of_it_away() {
    let mut pair = Pair::four();
    let right: Vec<_> = (0..3).map(|number| pair.subject.vote(number, 0)).collect();
    let size = pair.mirror.size();
    pair.subject.cast(&right);
    pair.mirror.execute(slash(&pair, 0)).unwrap();
    // Whoever has the key comes first, and comes often.
    let forged: Vec<_> = (0x90..0xa0)
        .map(|byte| pair.subject.vote_for(0, 0, [byte; 32]))
        .collect();
    pair.mirror.cast(&forged);
    assert!(
        pair.mirror.size() <= size + 3,
        "one key, one vote, one tally"
    );
    // Before anybody else votes for the same it counts for nothing, and then once.
    for votes in [&right[..1], &right[1..2], &right[..1], &right[..1]] {
        assert!(pair.mirror.cast(votes).is_empty());
    }
    assert_eq!(pair.mirror.status().next, 0, "20 of 40");
    let events = pair.mirror.cast(&right[2..]);
    assert_eq!(attribute(&events, "final", "voted").unwrap(), "3000000");
    assert_eq!(
        pair.mirror.size(),
        size + 5,
        "one key, three votes, one final checkpoint"
    );
    pair.assert_same();
}

#[test]
fn the_mirror_stops_when_a_third_of_the_table_is_out() {
    let mut pair = Pair::new(&[10, 10, 10, 1]);
    pair.mirror.execute(slash(&pair, 0)).unwrap();
    assert_eq!(pair.mirror.status().halted, None, "10 of 31 is less");
    let events = pair.mirror.execute(slash(&pair, 3)).unwrap().events;
    let reason = attribute(&events, "halted", "reason").unwrap();
    assert!(
        reason.contains("1100000 of the 3100000 sat of the table of epoch 0"),
        "{reason}"
    );
    let events = (0..3).map(|number| pair.vote(number, 0)).last().unwrap();
    assert_eq!(attribute(&events, "halted", "reason").unwrap(), reason);
    pair.mirror.execute(ExecuteMsg::Poke {}).unwrap();
    assert_eq!((pair.subject.next(), pair.mirror.status().next), (1, 0));
    assert_eq!(pair.mirror.status().halted, Some(reason));
}

#[test]
fn exactly_a_third_is_too_much() {
    let mut pair = Pair::new(&[10, 10, 10]);
    let events = pair.mirror.execute(slash(&pair, 1)).unwrap().events;
    assert!(attribute(&events, "halted", "reason").is_some());
}

#[test]
fn the_table_that_signed_the_one_in_force_is_looked_at_too() {
    let mut pair = Pair::new(&[10, 10, 10]);
    // A third of the first table, and less than a third of the second.
    pair.subject.stake(&[(1, 1)]);
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    for _ in 0..EPOCH {
        pair.finalise_next();
    }
    assert_eq!(pair.mirror.status().total, 3_100_000);
    let events = pair.mirror.execute(slash(&pair, 0)).unwrap().events;
    let reason = attribute(&events, "halted", "reason").unwrap();
    assert!(reason.contains("the table of epoch 0"), "{reason}");
    assert_eq!(pair.mirror.status().slashed, 1_000_000);
}

#[test]
fn a_key_that_is_out_weighs_in_the_next_table_as_well() {
    let mut pair = Pair::four();
    pair.mirror.execute(slash(&pair, 0)).unwrap();
    for _ in 0..EPOCH {
        pair.finalise_next();
    }
    assert_eq!(pair.mirror.status().slashed, 1_000_000);
    pair.finalise_next();
    pair.assert_same();
}

#[test]
fn evidence_is_any_two_messages_of_a_listed_provider_under_one_randomness() {
    let mut pair = Pair::four();
    let provider = &pair.subject.providers[2];
    let pk = provider.pk();
    let first = b"a message of some other protocol".as_slice();
    let second = b"and another".as_slice();
    let [(r, s1), (_, s2)] = [first, second].map(|message| provider.sign(5, message));
    let shown = |pk: Bytes32, msg1: &[u8], s1, msg2: &[u8], s2| ExecuteMsg::Evidence {
        pk,
        r,
        msg1: msg1.into(),
        s1,
        msg2: msg2.into(),
        s2,
    };
    let mut text = |msg| pair.mirror.execute(msg).unwrap_err().to_string();
    let one = text(shown(pk, first, s1, first, s1));
    assert!(one.contains("no equivocation"), "{one}");
    let unsigned = text(shown(pk, first, s1, b"never signed", s2));
    assert!(
        unsigned.contains("signature 2 is not provider"),
        "{unsigned}"
    );
    let long = text(shown(pk, &[0; 513], s1, second, s2));
    assert!(long.contains("513 bytes"), "{long}");
    let nobody = text(shown(Bytes32([5; 32]), first, s1, second, s2));
    assert!(nobody.contains("neither in the table in force"), "{nobody}");
    assert_eq!(pair.mirror.slashed_key(pk), None);

    let msg = shown(pk, first, s1, second, s2);
    let response = pair.mirror.execute(msg.clone()).unwrap();
    assert!(attribute(&response.events, "slashed", "sk").is_some());
    assert!(pair.mirror.slashed_key(pk).is_some());
    // Shown again it is no news, and no error.
    assert!(pair.mirror.execute(msg).unwrap().events.is_empty());
}

#[test]
fn a_key_is_taken_as_it_is_shown_if_it_is_that_of_a_listed_provider() {
    let mut pair = Pair::four();
    let [own, other] = [0, 1].map(|number| {
        let provider = &pair.subject.providers[number];
        (provider.pk(), secret_key(provider))
    });
    for sk in [other.1, Bytes32([0; 32]), Bytes32([0xff; 32])] {
        let msg = ExecuteMsg::Slash { pk: own.0, sk };
        let error = pair.mirror.execute(msg).unwrap_err();
        assert!(
            error.to_string().contains("is not that of provider"),
            "{error}"
        );
    }
    let stranger = eots::SecretKey::from_bytes(&[9; 32]).unwrap();
    let msg = ExecuteMsg::Slash {
        pk: stranger.public_key().to_bytes().into(),
        sk: [9; 32].into(),
    };
    let error = pair.mirror.execute(msg).unwrap_err();
    assert!(matches!(error, ContractError::NotListed(pk) if pk == stranger.public_key()));
    pair.mirror.execute(slash(&pair, 0)).unwrap();
    assert_eq!(pair.mirror.slashed_key(own.0), Some(own.1));
    assert!(
        pair.mirror
            .execute(slash(&pair, 0))
            .unwrap()
            .events
            .is_empty()
    );
    // It may vote on.
    assert_eq!(refusal(&pair.vote(0, 0)), "");
}
