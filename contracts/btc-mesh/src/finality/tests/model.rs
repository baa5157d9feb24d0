//! The random two-fork model behind the rules of finality, run against this contract's own transitions.
//!
//! An adversary owns the validators of both forks: it relays every vote to both, decides what each fork's contract is
//! shown, and picks who signs twice. A conflict is two forks that disagree about what is final. It must always be paid for:
//! the keys that came out hold at least a third of the table in force. Each rule of the design has a mutation
//! (contracts/mutations) that drops it, under which this test finds a conflict that nobody pays for.

use std::collections::{BTreeMap, BTreeSet};

use eots::PublicKey;
use proptest::prelude::RngCore;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::fork::{EPOCH, FinalVote, Fork, PROVIDERS, Randomness};
use crate::msg::VoteItem;

const EPOCHS: u64 = 4;

/// The last provider, which has weight on fork A only.
const WHALE: usize = 7;

/// Enough for each mutation to be caught.
const RUNS: u32 = 1_500;

struct Dice(TestRng);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

/// Everything that was ever signed, under which nonce, and whose keys are out by it.
#[derive(Default)]
struct Signed {
    messages: BTreeMap<(usize, Randomness, u64), BTreeSet<Vec<u8>>>,
    revealed: BTreeSet<usize>,
    /// All of them are public.
    votes: Vec<VoteItem>,
    numbers: BTreeMap<(usize, Randomness, Vec<u8>), usize>,
}

impl Signed {
    fn would_reveal(&self, signer: usize, nonce: (Randomness, u64), message: &[u8]) -> bool {
        self.messages
            .get(&(signer, nonce.0, nonce.1))
            .is_some_and(|signed| signed.iter().any(|other| other != message))
    }

    /// Signs a message, and answers with the number of the vote.
    fn sign(
        &mut self,
        signer: usize,
        randomness: Randomness,
        (k, hash): (u64, [u8; 32]),
        message: Vec<u8>,
    ) -> usize {
        let number = (signer, randomness, message);
        if let Some(number) = self.numbers.get(&number) {
            return *number;
        }
        let message = number.2.clone();
        self.votes
            .push(PROVIDERS[signer].vote(randomness, k, hash, &message));
        self.numbers.insert(number, self.votes.len() - 1);
        let signed = self.messages.entry((signer, randomness, k)).or_default();
        signed.insert(message);
        if signed.len() > 1 {
            self.revealed.insert(signer);
        }
        self.votes.len() - 1
    }
}

/// One run: the players, both forks, and what they signed.
struct Run {
    dice: Dice,
    weights: BTreeMap<usize, u64>,
    byzantine: Vec<usize>,
    /// Honest providers by the fork that they follow.
    honest: Vec<(usize, u8)>,
    /// First checkpoint whose blocks differ.
    fork_at: u64,
    /// How readily, in percent, a byzantine provider signs twice.
    recklessness: u64,
    forks: [Fork; 2],
    signed: Signed,
    /// What each fork was shown of each vote since it last could have judged otherwise.
    shown: [BTreeMap<usize, Shown>; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Taken,
    /// When the next checkpoint was this one, and the next table was ready or not.
    Refused(u64, bool),
}

impl Run {
    fn new(mut dice: Dice) -> Self {
        let count = dice.between(3, 7) as usize;
        let weights: BTreeMap<_, _> = (0..count)
            .map(|number| (number, dice.between(1, 6)))
            .collect();
        let share = dice.pick(&[35, 50, 65]);
        let byzantine: Vec<_> = (0..count).filter(|_| dice.chance(share)).collect();
        let honest = (0..count)
            .filter(|number| !byzantine.contains(number))
            .map(|number| (number, u8::from(!dice.chance(40))))
            .collect();
        Self {
            fork_at: dice.between(1, 2 * EPOCH),
            recklessness: dice.pick(&[0, 60]),
            forks: [Fork::new(0, &weights), Fork::new(1, &weights)],
            dice,
            weights,
            byzantine,
            honest,
            signed: Signed::default(),
            shown: Default::default(),
        }
    }

    /// The block that a checkpoint stands for on a fork.
    fn hash(&self, fork: usize, k: u64) -> [u8; 32] {
        let mut hash = [if k < self.fork_at {
            0xcc
        } else {
            self.forks[fork].name
        }; 32];
        hash[..8].copy_from_slice(&k.to_be_bytes());
        hash
    }

    /// Plays until the forks disagree or time is over.
    fn play(&mut self) {
        for step in 0..EPOCHS * EPOCH * 3 {
            if self.conflict().is_some() {
                return;
            }
            for fork in [1, 0] {
                if self.forks[fork].next() < EPOCHS * EPOCH {
                    self.tamper(fork, step);
                    // Refused when it is not time, or when nobody is left.
                    let _ = self.forks[fork].roll();
                    self.vote_honestly(fork);
                    self.vote_otherwise(fork);
                    self.relay(fork);
                }
            }
        }
    }

    /// The adversary changes what fork A's contract knows: a whale stakes there, honest stake is reported spent, keys that
    /// it has are shown, other randomness is committed to.
    fn tamper(&mut self, fork: usize, step: u64) {
        let forked = self.forks[fork].next() >= self.fork_at;
        if !(fork == 0 && forked || step > self.fork_at) {
            return;
        }
        if self.dice.chance(25) {
            let weight = self.dice.between(1, 60);
            self.forks[0].set_weight(WHALE, weight);
        }
        if self.dice.chance(15) {
            let victim = self.dice.below(self.weights.len() as u64) as usize;
            self.forks[0].set_weight(victim, 0);
        }
        if !self.byzantine.is_empty() && self.dice.chance(10) {
            let (fork, victim) = (self.dice.below(2) as usize, self.dice.pick(&self.byzantine));
            self.signed.revealed.insert(victim);
            self.forks[fork].slash(victim);
        }
        if !self.byzantine.is_empty() && self.dice.chance(30) {
            let cheat = self.dice.pick(&self.byzantine);
            self.forks[0].commit_to(cheat, Randomness::Other);
        }
    }

    /// Honest providers sign the blocks of the fork that they follow, never two messages under one nonce; the impatient
    /// among them the next but one as well.
    fn vote_honestly(&mut self, fork: usize) {
        for (signer, side) in self.honest.clone() {
            let ahead = u64::from(self.dice.chance(30));
            for k in self.forks[fork].next()..=self.forks[fork].next() + ahead {
                if k >= self.fork_at && side != self.forks[fork].name {
                    continue;
                }
                let hash = self.hash(fork, k);
                self.sign_and_cast(fork, signer, k, hash, 0);
            }
        }
    }

    /// The adversary's providers sign what serves it, twice if they are reckless.
    fn vote_otherwise(&mut self, fork: usize) {
        for signer in self.byzantine.clone().into_iter().chain([WHALE]) {
            let k = self.forks[fork].next() + u64::from(self.dice.chance(30));
            let mut hash = self.hash(fork, k);
            if fork == 0 && self.dice.chance(50) {
                hash = self.hash(1, k);
            }
            if self.dice.chance(80) {
                let recklessness = if signer == WHALE {
                    100
                } else {
                    self.recklessness
                };
                self.sign_and_cast(fork, signer, k, hash, recklessness);
            }
        }
    }

    fn sign_and_cast(
        &mut self,
        fork: usize,
        signer: usize,
        k: u64,
        hash: [u8; 32],
        recklessness: u64,
    ) {
        let Some(mut randomness) = self.forks[fork].randomness(signer) else {
            return;
        };
        // Whoever committed to other randomness meanwhile tries whether it counts.
        if self.byzantine.contains(&signer) && self.dice.chance(70) {
            randomness = self.forks[fork].newest_randomness(signer);
        }
        let Some(message) = self.forks[fork].message(k, &hash) else {
            return;
        };
        let reveals = self.signed.would_reveal(signer, (randomness, k), &message);
        if !reveals || self.dice.chance(recklessness) {
            let number = self.signed.sign(signer, randomness, (k, hash), message);
            self.show(fork, number);
        }
    }

    /// Every public vote reaches both forks, most of the time.
    fn relay(&mut self, fork: usize) {
        for number in 0..self.signed.votes.len() {
            let next = self.forks[fork].next();
            let k = self.signed.votes[number].k;
            if (next..=next + 1).contains(&k) && self.dice.chance(90) {
                self.show(fork, number);
            }
        }
    }

    /// Shows a vote to a fork, unless it would judge as it did before.
    fn show(&mut self, fork: usize, number: usize) {
        let now = Shown::Refused(self.forks[fork].next(), self.forks[fork].is_ready());
        let before = self.shown[fork].get(&number);
        if before.is_some_and(|before| *before == Shown::Taken || *before == now) {
            return;
        }
        let events = self.forks[fork].cast(&self.signed.votes[number]);
        let refused = events.iter().any(|event| event.ty == "vote_refused");
        let shown = if refused { now } else { Shown::Taken };
        self.shown[fork].insert(number, shown);
    }

    /// A checkpoint about which the forks disagree, with the table whose providers must have signed twice.
    fn conflict(&self) -> Option<(u64, &FinalVote)> {
        let [a, b] = &self.forks;
        let same = b.finals.iter().find(|(k, vote)| {
            a.finals
                .get(k)
                .is_some_and(|other| other.hash != vote.hash || other.message != vote.message)
        });
        // Where checkpoints could be skipped, the forks need not disagree about one and the same.
        let first = |fork: &'_ Fork, own: u8| {
            fork.finals
                .range(self.fork_at..)
                .next()
                .is_some_and(|(_, vote)| vote.hash[31] == own)
        };
        same.or_else(|| {
            b.finals
                .range(self.fork_at..)
                .next()
                .filter(|_| first(a, 0) && first(b, 1))
        })
        .map(|(k, vote)| (*k, vote))
    }

    /// Weight in a table of those whose keys are out.
    fn revealed(&self, table: &BTreeMap<PublicKey, u64>) -> u64 {
        self.signed
            .revealed
            .iter()
            .filter_map(|number| table.get(&PROVIDERS[*number].pk))
            .sum()
    }
}

#[test]
fn whoever_makes_two_forks_final_loses_a_third_of_the_table() {
    let mut conflicts = 0;
    for number in 0..RUNS {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut run = Run::new(Dice(rng));
        run.play();
        let Some((k, vote)) = run.conflict() else {
            continue;
        };
        conflicts += 1;
        let revealed = run.revealed(&vote.table);
        assert!(
            3 * revealed >= vote.total,
            "run {number}: two forks disagree about checkpoint {k}, and of {} sat only {revealed} can be slashed",
            vote.total
        );
    }
    assert!(
        conflicts > 10,
        "the model found {conflicts} conflicts, too few to mean anything"
    );
}
