//! Following a subject: what becomes final here, what comes into force, and what waits.

use btc_mesh::msg::FinalizedResponse;
use btc_mirror::ContractError;
use btc_mirror::msg::{ExecuteMsg, QueryMsg};

use crate::mirror::{attribute, refusal};
use crate::pair::Pair;
use crate::rig::block_hash;
use crate::subject::{EPOCH, sealed};

#[test]
fn a_mirror_that_follows_all_votes_has_the_same_roots_and_hashes_over_three_epochs() {
    let mut pair = Pair::four();
    let first = pair.subject.table(0);
    for epoch in 0..3 {
        if epoch == 1 {
            // From the next table on there is more weight.
            pair.subject.stake(&[(3, 2)]);
        }
        pair.subject.rig.mine(3);
        pair.mirror.bring(&pair.subject.rig.bitcoin);
        for voters in [[0, 1, 2], [3, 2, 1], [2, 0, 3], [1, 3, 0]] {
            pair.finalise_by(&voters);
            pair.assert_same();
        }
    }
    assert_eq!(pair.mirror.status().epoch, 3);
    assert_eq!(pair.mirror.table(3).total, 4_200_000);
    for height in 0..first.first_height + 3 * EPOCH * 10 {
        let asked = |k| QueryMsg::Finalized {
            k,
            height: Some(height),
        };
        let here: Result<FinalizedResponse, _> = pair.mirror.try_ask(asked(None));
        let there = pair
            .subject
            .rig
            .try_ask(btc_mesh::msg::QueryMsg::Finalized {
                k: None,
                height: Some(height),
            });
        assert_eq!(here.ok(), there.ok());
    }
}

#[test]
fn exactly_two_thirds_make_nothing_final() {
    let mut pair = Pair::new(&[10, 10, 10]);
    for number in 0..2 {
        pair.vote(number, 0);
    }
    assert_eq!(pair.mirror.status().next, 0);
    let events = pair.vote(2, 0);
    assert_eq!(attribute(&events, "final", "k").unwrap(), "0");
    pair.assert_same();
}

#[test]
fn a_checkpoint_is_final_only_once_the_one_before_is() {
    let mut pair = Pair::four();
    for k in [1, 0] {
        for number in 0..2 {
            pair.vote(number, k);
        }
    }
    pair.vote(2, 1);
    assert_eq!(
        pair.mirror.status().next,
        0,
        "checkpoint 1 has a quorum, checkpoint 0 has not"
    );
    pair.mirror.finalized(1).unwrap_err();
    pair.vote(2, 0);
    assert_eq!(pair.mirror.status().next, 2);
    pair.assert_same();
}

#[test]
fn only_the_table_that_was_signed_comes_into_force() {
    let mut pair = Pair::four();
    pair.finalise_to_last();
    let table = pair.subject.table(1);
    let error = pair.mirror.next_table(table.clone()).unwrap_err();
    assert!(matches!(
        error,
        ContractError::TooEarly { next: 3, last: 3 }
    ));
    for number in 0..3 {
        pair.vote(number, EPOCH - 1);
    }
    let status = pair.mirror.status();
    assert_eq!(
        (status.next, status.epoch, status.next_height),
        (EPOCH, 0, None)
    );
    assert_eq!(status.awaited_root, Some(table.root));

    // What only a fork of the subject knows, and what is not what it says.
    let mut whale = table.clone();
    whale.entries[0].weight = 100_000_000;
    let error = pair.mirror.next_table(whale.clone()).unwrap_err();
    assert!(matches!(error, ContractError::Root { .. }), "{error}");
    let error = pair.mirror.next_table(sealed(whale)).unwrap_err();
    assert!(
        matches!(error, ContractError::NotSigned { signed, .. } if signed == table.root),
        "{error}"
    );
    let mut rest = table.clone();
    rest.btc_cut += 1;
    let error = pair.mirror.next_table(sealed(rest)).unwrap_err();
    assert!(matches!(error, ContractError::NotSigned { .. }), "{error}");

    // Nobody votes in the next epoch before its table is there.
    let vote = pair.subject.vote(0, EPOCH);
    pair.subject.cast(std::slice::from_ref(&vote));
    let events = pair.mirror.cast(std::slice::from_ref(&vote));
    assert!(refusal(&events).contains("outside 0 to 3"));
    pair.mirror.next_table(table.clone()).unwrap();
    let error = pair.mirror.next_table(table).unwrap_err();
    assert!(matches!(
        error,
        ContractError::TooEarly { next: 4, last: 7 }
    ));
    pair.mirror.cast(&[vote]);
    for number in 1..3 {
        pair.vote(number, EPOCH);
    }
    pair.assert_same();
}

#[test]
fn a_signed_table_that_does_not_follow_leads_nowhere() {
    let mut pair = Pair::four();
    pair.finalise_to_last();
    // More than two thirds sign a table with a gap, as no contract makes one.
    let mut gap = pair.subject.table(1);
    gap.first_k += 1;
    let gap = sealed(gap);
    let table = pair.subject.table(0);
    let last = EPOCH - 1;
    for number in 0..3 {
        let signed = (last, block_hash(last).0);
        let vote = pair.subject.signed(&table, number, signed, Some(gap.root));
        pair.mirror.cast(&[vote]);
    }
    assert_eq!(pair.mirror.status().awaited_root, Some(gap.root));
    let error = pair.mirror.next_table(gap).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the table has first_k 5, by what is in force or final here it must be exactly 4; bring another"
    );
}

#[test]
fn a_vote_for_the_last_checkpoint_counts_for_its_hash_and_its_next_root_together() {
    let mut pair = Pair::four();
    pair.finalise_to_last();
    let (last, table, next) = (EPOCH - 1, pair.subject.table(0), pair.subject.table(1));
    let mut other = next.clone();
    other.at_risk += 1;
    let other = sealed(other);
    pair.vote(0, last);
    pair.vote(1, last);
    let signed = (last, block_hash(last).0);
    let strange = pair.subject.signed(&table, 2, signed, Some(other.root));
    assert_eq!(refusal(&pair.mirror.cast(&[strange])), "");
    assert_eq!(
        pair.mirror.status().next,
        last,
        "30 for the hash, 20 for the root"
    );
    pair.vote(3, last);
    assert_eq!(pair.mirror.status().awaited_root, Some(next.root));

    // The root is part of what was signed, and belongs there only.
    let mut vote = pair.subject.signed(&table, 2, signed, Some(next.root));
    vote.next_root = Some(other.root);
    assert!(refusal(&pair.mirror.cast(std::slice::from_ref(&vote))).contains("no vote for this"));
    vote.next_root = None;
    assert!(refusal(&pair.mirror.cast(std::slice::from_ref(&vote))).contains("none is ready"));
    let mut vote = pair.subject.signed(&table, 3, (1, block_hash(1).0), None);
    vote.next_root = Some(next.root);
    assert!(refusal(&pair.mirror.cast(&[vote])).contains("leave next_root out"));
}

#[test]
fn a_vote_under_another_table_or_of_another_instance_is_refused_and_takes_no_place() {
    let mut pair = Pair::four();
    let table = pair.subject.table(0);
    let mut heavier = table.clone();
    heavier.entries[0].weight += 1;
    let mut elsewhere = table.clone();
    elsewhere.domain.0[0] ^= 1;
    let mut later = table.clone();
    later.epoch += 1;
    let mut resumed = table;
    resumed.era += 1;
    for other in [heavier, elsewhere, later, resumed] {
        let vote = pair
            .subject
            .signed(&sealed(other), 0, (0, block_hash(0).0), None);
        let events = pair.mirror.cast(&[vote]);
        assert!(refusal(&events).contains("no vote for this hash under the tables"));
    }
    let vote = pair.subject.vote(0, 0);
    // Another hash, another's key, a key that is in no table, another path, and what is too far ahead.
    let mut hashed = vote.clone();
    hashed.vote.hash = block_hash(9);
    let mut another = vote.clone();
    another.vote.pk = pair.subject.providers[1].pk();
    let mut unknown = vote.clone();
    unknown.vote.pk = [5; 32].into();
    let mut longer = vote.clone();
    longer.vote.aunts = vec![0; 33].into();
    let mut ahead = vote.clone();
    ahead.vote.k = EPOCH;
    let refused = [hashed, another, unknown, longer, ahead];
    let events = pair.mirror.cast(&refused);
    assert_eq!(events.len(), refused.len());
    assert!(events.iter().all(|event| event.ty == "vote_refused"));
    // And stops no other.
    let mut items: Vec<_> = (0..3).map(|number| pair.subject.vote(number, 0)).collect();
    items.insert(1, refused[0].clone());
    let events = pair.mirror.cast(&items);
    assert_eq!(attribute(&events, "final", "voted").unwrap(), "3000000");
}

#[test]
fn finality_waits_for_headers_and_goes_on_by_itself() {
    let mut pair = Pair::four();
    let time = pair.mirror.env.block.time;
    pair.mirror.env.block.time = time.plus_hours(6);
    let events = (0..3).map(|number| pair.vote(number, 0)).last().unwrap();
    let reason = attribute(&events, "halted", "reason").unwrap();
    assert!(reason.contains("21660 s behind"), "{reason}");
    assert_eq!(pair.mirror.status().halted, Some(reason));
    assert_eq!(pair.mirror.status().next, 0);
    pair.mirror.execute(ExecuteMsg::Poke {}).unwrap();
    assert_eq!(pair.mirror.status().next, 0, "asking again does not help");
    pair.subject.rig.mine(1);
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    pair.mirror.execute(ExecuteMsg::Poke {}).unwrap();
    assert_eq!(pair.mirror.status().next, 1);
    assert_eq!(pair.mirror.status().halted, None);
}

#[test]
fn an_old_table_makes_nothing_final_by_the_mirrors_own_view_of_bitcoin() {
    let mut pair = Pair::four();
    let blocks = 51 - (pair.subject.rig.bitcoin.height() - pair.subject.table(0).btc_cut);
    // The subject does not know these blocks.
    let mut bitcoin = pair.subject.rig.bitcoin.clone();
    bitcoin.mine(blocks);
    pair.mirror.bring(&bitcoin);
    let events = (0..3).map(|number| pair.vote(number, 0)).last().unwrap();
    let reason = attribute(&events, "halted", "reason").unwrap();
    assert!(reason.contains("51 blocks old, at most 50"), "{reason}");
    assert_eq!((pair.subject.next(), pair.mirror.status().next), (1, 0));
}

#[test]
fn a_table_from_blocks_that_are_not_known_here_waits_for_them() {
    let mut pair = Pair::four();
    pair.subject.rig.mine(3);
    for _ in 0..EPOCH {
        pair.finalise_next();
    }
    let events = (0..3)
        .map(|number| pair.vote(number, EPOCH))
        .last()
        .unwrap();
    let reason = attribute(&events, "halted", "reason").unwrap();
    assert!(reason.contains("bring headers"), "{reason}");
    assert_eq!(pair.mirror.status().next, EPOCH);
    pair.mirror.bring(&pair.subject.rig.bitcoin);
    pair.mirror.execute(ExecuteMsg::Poke {}).unwrap();
    pair.assert_same();
}

#[test]
fn state_does_not_grow_from_epoch_to_epoch_but_by_final_checkpoints() {
    let mut pair = Pair::four();
    let mut sizes = Vec::new();
    for _ in 0..6 {
        for _ in 0..EPOCH {
            pair.finalise_by(&[0, 1, 2, 3]);
        }
        let finals = usize::try_from(pair.mirror.status().next).unwrap();
        sizes.push(pair.mirror.size() - finals);
        pair.subject.rig.mine(1);
        pair.mirror.bring(&pair.subject.rig.bitcoin);
    }
    assert_eq!(sizes[3..], [sizes[2]; 3], "{sizes:?}");
}

#[test]
fn a_vote_fits_its_share_of_the_gas() {
    let mut pair = Pair::four();
    let items: Vec<_> = (0..2).map(|number| pair.subject.vote(number, 0)).collect();
    let two = pair.mirror.storage_gas(ExecuteMsg::Votes { items });
    let items = vec![pair.subject.vote(3, 0)];
    let one = pair.mirror.storage_gas(ExecuteMsg::Votes { items });
    println!(
        "votes: {one} of storage for one that makes a checkpoint final, {two} for two that do not"
    );
    // 22,000 for each more (4.4), of which 1,420 are the curve's and 4,000 the transaction's bytes.
    assert!(one <= 80_000 && two <= 60_000, "{one} {two}");
}
