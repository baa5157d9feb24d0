//! A subject and its mirror, to which the same votes are shown.

use cosmwasm_std::Event;

use crate::mirror::{Mirror, beginning};
use crate::subject::{EPOCH, Subject};

pub(crate) struct Pair {
    pub(crate) subject: Subject,
    pub(crate) mirror: Mirror,
}

impl Pair {
    /// A mirror that begins at the subject's first table.
    pub(crate) fn new(weights: &[u64]) -> Self {
        let subject = Subject::new(weights);
        let msg = beginning(subject.named(), subject.table(0));
        let mirror = Mirror::begin(&subject.rig.bitcoin, msg).unwrap();
        Self { subject, mirror }
    }

    /// Four providers of equal weight.
    pub(crate) fn four() -> Self {
        Self::new(&[10, 10, 10, 10])
    }

    /// One provider votes on both; answers with what came of it on the mirror.
    pub(crate) fn vote(&mut self, number: usize, k: u64) -> Vec<Event> {
        let vote = self.subject.vote(number, k);
        self.subject.cast(std::slice::from_ref(&vote));
        self.mirror.cast(&[vote])
    }

    /// Makes the next checkpoint final on both by these providers; at an epoch's end, everything that must come before and
    /// after.
    pub(crate) fn finalise_by(&mut self, voters: &[usize]) {
        let (k, epoch) = (self.subject.next(), self.subject.epoch());
        let last = k == self.subject.rig.status().last;
        if last {
            self.subject.roll();
        }
        let votes: Vec<_> = voters
            .iter()
            .map(|number| self.subject.vote(*number, k))
            .collect();
        for vote in &votes {
            self.subject.cast(std::slice::from_ref(vote));
            self.mirror.cast(std::slice::from_ref(vote));
        }
        assert_eq!(self.subject.next(), k + 1);
        assert_eq!(self.mirror.status().next, k + 1);
        if last {
            self.mirror
                .next_table(self.subject.table(epoch + 1))
                .unwrap();
        }
    }

    /// The same by the first three.
    pub(crate) fn finalise_next(&mut self) {
        self.finalise_by(&[0, 1, 2]);
    }

    /// Makes all but the last checkpoint of the epoch final, and the next table ready on the subject.
    pub(crate) fn finalise_to_last(&mut self) {
        while self.subject.next() % EPOCH != EPOCH - 1 {
            self.finalise_next();
        }
        self.subject.roll();
    }

    /// What was made final so far is the same on both, and so is the table in force.
    pub(crate) fn assert_same(&self) {
        let next = self.subject.next();
        assert_eq!(self.mirror.status().next, next);
        for k in 0..next {
            assert_eq!(
                self.mirror.finalized(k).unwrap(),
                self.subject.finalized(k).unwrap()
            );
        }
        let epoch = self.subject.epoch();
        assert_eq!(self.mirror.table(epoch), self.subject.table(epoch));
    }
}
