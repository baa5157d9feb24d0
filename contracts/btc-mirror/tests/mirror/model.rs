//! Any order of votes: a mirror that is shown all of them has the subject's hashes and table roots.

use proptest::prelude::*;

use crate::pair::Pair;
use crate::rig::block_hash;
use crate::subject::EPOCH;

const EPOCHS: u64 = 3;

/// What happens at one checkpoint.
#[derive(Debug, Clone)]
struct Round {
    /// In which order votes are cast.
    cast: Vec<usize>,
    /// In which order they reach the mirror.
    relayed: Vec<usize>,
    /// Who does not vote, where the subject can do without.
    absent: usize,
    /// Whether the last provider, which has less than a third, signs another block too.
    equivocates: bool,
    /// Blocks of Bitcoin that are found meanwhile.
    blocks: u32,
}

fn rounds(providers: usize) -> impl Strategy<Value = Vec<Round>> {
    let order = || Just((0..providers).collect::<Vec<_>>()).prop_shuffle();
    let equivocates = prop::bool::weighted(0.2);
    let round = (order(), order(), 0..providers, equivocates, 0_u32..3).prop_map(
        |(cast, relayed, absent, equivocates, blocks)| Round {
            cast,
            relayed,
            absent,
            equivocates,
            blocks,
        },
    );
    proptest::collection::vec(round, usize::try_from(EPOCHS * EPOCH).unwrap())
}

fn game() -> impl Strategy<Value = (Vec<u64>, Vec<Round>)> {
    proptest::collection::vec(1_u64..10, 3..6).prop_flat_map(|mut weights| {
        // The largest with which the others are more than two thirds.
        let sum: u64 = weights.iter().sum();
        weights.push((sum - 1) / 2);
        let rounds = rounds(weights.len());
        (Just(weights), rounds)
    })
}

struct Game {
    pair: Pair,
    /// Number of the provider that may equivocate.
    cheat: usize,
    slashed: bool,
}

impl Game {
    /// Weight of a provider in the subject's table in force; 0 where it is not in it.
    fn weight(&self, number: usize) -> u64 {
        let pk = self.pair.subject.providers[number].pk();
        let table = self.pair.subject.table(self.pair.subject.epoch());
        let entry = table.entries.iter().find(|entry| entry.pk == pk);
        entry.map_or(0, |entry| entry.weight)
    }

    /// Who votes: all but the absent one, if the subject takes more than two thirds of the rest.
    fn present(&self, round: &Round) -> Vec<usize> {
        let all = 0..self.pair.subject.providers.len();
        let taken: u64 = all
            .clone()
            .filter(|number| *number != round.absent && !(self.slashed && *number == self.cheat))
            .map(|number| self.weight(number))
            .sum();
        let total: u64 = all.clone().map(|number| self.weight(number)).sum();
        let can_do_without = 3 * taken > 2 * total;
        all.filter(|number| !(can_do_without && *number == round.absent))
            .collect()
    }

    fn play(&mut self, k: u64, round: &Round) {
        self.pair.subject.rig.mine(round.blocks);
        let epoch = self.pair.subject.epoch();
        let last = k % EPOCH == EPOCH - 1;
        if last {
            self.pair.subject.roll();
        }
        let present = self.present(round);
        let equivocates = round.equivocates && self.weight(self.cheat) > 0;
        let honest: Vec<_> = (0..=self.cheat)
            .map(|number| self.pair.subject.vote(number, k))
            .collect();
        let other = self
            .pair
            .subject
            .vote_for(self.cheat, k, block_hash(k + 100).0);
        let Pair { subject, mirror } = &mut self.pair;
        for number in round.cast.iter().filter(|number| present.contains(number)) {
            subject.cast(&honest[*number..=*number]);
        }
        if equivocates {
            subject.cast(std::slice::from_ref(&honest[self.cheat]));
            subject.cast(std::slice::from_ref(&other));
        }
        assert_eq!(subject.next(), k + 1);
        // The other block's vote reaches the mirror first; whoever relays tries again.
        mirror.bring(&subject.rig.bitcoin);
        for number in round.relayed.iter().chain(&round.relayed) {
            if equivocates {
                mirror.cast(std::slice::from_ref(&other));
            }
            if present.contains(number) || (equivocates && *number == self.cheat) {
                mirror.cast(&honest[*number..=*number]);
            }
        }
        if last {
            let table = subject.table(epoch + 1);
            assert_eq!(mirror.status().awaited_root, Some(table.root));
            mirror.next_table(table).unwrap();
        }
        self.slashed |= equivocates;
        let pk = subject.providers[self.cheat].pk();
        assert_eq!(mirror.slashed_key(pk).is_some(), self.slashed);
    }
}

/// All that was signed is the same; how much of the weight had voted when it became final is a matter of order.
fn same(pair: &Pair) {
    let next = pair.subject.next();
    assert_eq!(pair.mirror.status().next, next);
    for k in next.saturating_sub(EPOCH)..next {
        let there = pair.subject.finalized(k).unwrap();
        let mut here = pair.mirror.finalized(k).unwrap();
        assert!(3 * u128::from(here.voted) > 2 * u128::from(here.total));
        here.voted = there.voted;
        assert_eq!(here, there);
    }
    let epoch = pair.subject.epoch();
    assert_eq!(pair.mirror.table(epoch), pair.subject.table(epoch));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whoever_is_shown_all_votes_in_any_order_has_the_same_hashes_and_roots((weights, rounds) in game()) {
        let mut game = Game {
            pair: Pair::new(&weights),
            cheat: weights.len() - 1,
            slashed: false,
        };
        for (k, round) in (0..).zip(&rounds) {
            game.play(k, round);
            same(&game.pair);
        }
    }
}
