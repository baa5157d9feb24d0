//! What the service remembers of each delegation between two polls, so that none is signed twice at once and a bad one
//! costs the others nothing.
//!
//! Everything here can be lost: the chain lists what is pending, and the signer knows what it signed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant, SystemTime};

use bitcoin::Txid;
use daemon::parked::ParkedDirectory;
use daemon::retry::{Backoff, Schedule};

use crate::signer::Refusal;

/// Pauses after a failure that may heal: a node or signer that is away, or a chain that changed under us.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_mins(1),
};

/// How often in a row the chain may refuse a member's signatures until the delegation is parked.
const MAX_REJECTIONS: u32 = 5;

/// The state of all pending delegations as far as it is not on the chain.
#[derive(Debug)]
pub struct Memory {
    pass: u64,
    /// Being signed or submitted.
    busy: BTreeSet<Txid>,
    /// Landed during this pass or the one before: a page that was read earlier may still show it unsigned.
    landed: BTreeMap<Txid, u64>,
    retries: Schedule<Txid>,
    rejections: BTreeMap<Txid, u32>,
    parked: ParkedDirectory,
    waiting_since: BTreeMap<Txid, Instant>,
    /// Everything that this pass has shown.
    seen: BTreeSet<String>,
}

impl Memory {
    /// Remembers nothing but what is parked.
    pub fn new(parked: ParkedDirectory) -> Self {
        Self {
            pass: 0,
            busy: BTreeSet::new(),
            landed: BTreeMap::new(),
            retries: Schedule::new(BACKOFF),
            rejections: BTreeMap::new(),
            parked,
            waiting_since: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Begins a pass over all pages of the chain's pending delegations.
    pub fn begin_pass(&mut self) -> io::Result<()> {
        self.pass += 1;
        self.seen.clear();
        self.parked.refresh()
    }

    /// Ends a pass that saw all pages: forgets what the chain does not list any more.
    pub fn end_pass(&mut self) -> io::Result<()> {
        let (pass, seen) = (self.pass, &self.seen);
        let listed = |txid: &Txid| seen.contains(&txid.to_string());
        self.landed.retain(|_, landed| *landed >= pass);
        self.retries.retain(listed);
        self.rejections.retain(|txid, _| listed(txid));
        self.waiting_since.retain(|txid, _| listed(txid));
        self.parked.retain(|id| seen.contains(id))
    }

    /// Notes that the chain lists a delegation under `id`, and returns whether it is parked.
    pub fn see(&mut self, id: &str) -> bool {
        self.seen.insert(id.to_owned());
        self.parked.contains(id)
    }

    /// Whether the delegation may be worked on now: nobody is at it, and it is not pausing after a failure.
    pub fn is_free(&self, txid: &Txid, now: Instant) -> bool {
        !self.busy.contains(txid)
            && !self.landed.contains_key(txid)
            && self.retries.is_due(txid, now)
    }

    /// Notes that work on a delegation begins.
    pub fn begin(&mut self, txid: Txid) {
        self.busy.insert(txid);
    }

    /// Notes that a delegation waits for our signatures.
    pub fn wait_for_us(&mut self, txid: Txid, now: Instant) {
        self.waiting_since.entry(txid).or_insert(now);
    }

    /// Notes that our signatures are on the chain.
    pub fn landed(&mut self, txid: Txid) {
        self.busy.remove(&txid);
        self.needs_nothing(&txid);
        self.landed.insert(txid, self.pass);
    }

    /// Notes that a delegation does not wait for us, for example because signatures that seemed lost landed after all.
    pub fn needs_nothing(&mut self, txid: &Txid) {
        self.retries.forget(txid);
        self.rejections.remove(txid);
        self.waiting_since.remove(txid);
    }

    /// Notes a failure that may heal; `jitter` is that of [`Backoff::pause`].
    pub fn failed(&mut self, txid: Txid, now: Instant, jitter: f64, reason: &str) {
        self.busy.remove(&txid);
        self.retries.failed(txid, now, jitter, reason);
    }

    /// Notes that the chain refused our signatures; after some times in a row it is parked.
    pub fn rejected(
        &mut self,
        txid: Txid,
        now: Instant,
        jitter: f64,
        refusal: Refusal,
    ) -> io::Result<()> {
        let rejections = self.rejections.entry(txid).or_default();
        *rejections += 1;
        if *rejections >= MAX_REJECTIONS {
            return self.refused(&txid.to_string(), refusal);
        }
        self.failed(txid, now, jitter, &refusal.to_string());
        Ok(())
    }

    /// Parks a delegation.
    pub fn refused(&mut self, id: &str, refusal: Refusal) -> io::Result<()> {
        if let Ok(txid) = id.parse::<Txid>() {
            self.busy.remove(&txid);
            self.needs_nothing(&txid);
        }
        self.parked
            .park(id, &refusal.rule, refusal.message, SystemTime::now())
    }

    /// Delegations at work.
    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    /// Delegations that are parked.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Delegations that wait after a failure, with the failure.
    pub fn retrying(&self) -> impl Iterator<Item = (&Txid, &str)> {
        self.retries
            .waiting()
            .map(|(txid, waiting)| (txid, waiting.reason.as_str()))
    }

    /// How long the delegation that has waited longest for us has waited.
    pub fn longest_wait(&self, now: Instant) -> Duration {
        self.waiting_since
            .values()
            .min()
            .map_or(Duration::ZERO, |since| {
                now.saturating_duration_since(*since)
            })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use tempfile::TempDir;

    use super::*;

    fn txid(byte: u8) -> Txid {
        Txid::from_byte_array([byte; 32])
    }

    fn memory() -> (TempDir, Memory) {
        let directory = tempfile::tempdir().unwrap();
        let parked = ParkedDirectory::open(directory.path()).unwrap();
        (directory, Memory::new(parked))
    }

    /// One pass in which the chain lists these.
    fn pass(memory: &mut Memory, listed: &[Txid]) {
        memory.begin_pass().unwrap();
        for txid in listed {
            memory.see(&txid.to_string());
        }
        memory.end_pass().unwrap();
    }

    #[test]
    fn a_delegation_at_work_is_not_begun_again() {
        let (_directory, mut memory) = memory();
        let now = Instant::now();
        memory.begin_pass().unwrap();
        assert!(memory.is_free(&txid(1), now));
        memory.begin(txid(1));
        assert!(!memory.is_free(&txid(1), now));
        assert!(memory.is_free(&txid(2), now));
    }

    #[test]
    fn a_landed_delegation_stays_away_until_a_whole_pass_began_after_it() {
        let (_directory, mut memory) = memory();
        let now = Instant::now();
        memory.begin_pass().unwrap();
        memory.begin(txid(1));
        memory.landed(txid(1));
        memory.end_pass().unwrap();
        assert!(!memory.is_free(&txid(1), now));
        pass(&mut memory, &[txid(1)]);
        // The chain still lists it as unsigned after a whole pass: it was undone there.
        assert!(memory.is_free(&txid(1), now));
    }

    #[test]
    fn a_failure_delays_only_its_own_delegation() {
        let (_directory, mut memory) = memory();
        let now = Instant::now();
        memory.begin_pass().unwrap();
        memory.begin(txid(1));
        memory.failed(txid(1), now, 1.0, "no answer");
        assert!(!memory.is_free(&txid(1), now));
        assert!(memory.is_free(&txid(2), now));
        assert!(memory.is_free(&txid(1), now + Duration::from_secs(1)));
    }

    #[test]
    fn a_delegation_that_the_chain_keeps_refusing_is_parked_with_the_chains_words() {
        let (directory, mut memory) = memory();
        memory.begin_pass().unwrap();
        for _ in 0..MAX_REJECTIONS {
            assert!(!memory.see(&txid(1).to_string()));
            let refusal = Refusal::new("chain-1110", "invalid covenant signature");
            memory
                .rejected(txid(1), Instant::now(), 1.0, refusal)
                .unwrap();
        }
        assert!(memory.see(&txid(1).to_string()));
        let listed = daemon::parked::list(directory.path()).unwrap();
        assert_eq!(listed[0].rule, "chain-1110");
    }

    #[test]
    fn what_the_chain_does_not_list_any_more_is_forgotten() {
        let (_directory, mut memory) = memory();
        let now = Instant::now();
        memory.begin_pass().unwrap();
        memory
            .refused(&txid(1).to_string(), Refusal::new("fee", "x"))
            .unwrap();
        memory.failed(txid(2), now, 1.0, "no answer");
        memory.wait_for_us(txid(3), now);
        pass(&mut memory, &[]);
        assert_eq!(memory.parked(), 0);
        assert_eq!(memory.retrying().count(), 0);
        assert_eq!(
            memory.longest_wait(now + Duration::from_secs(9)),
            Duration::ZERO
        );
    }

    #[test]
    fn what_landed_after_it_was_given_up_neither_waits_nor_retries() {
        let (_directory, mut memory) = memory();
        let now = Instant::now();
        memory.begin_pass().unwrap();
        memory.wait_for_us(txid(1), now);
        memory.begin(txid(1));
        memory.failed(txid(1), now, 1.0, "not in a block in time");
        memory.needs_nothing(&txid(1));
        // Other members' signatures are missing, so the chain still lists it.
        pass(&mut memory, &[txid(1)]);
        assert_eq!(memory.retrying().count(), 0);
        assert_eq!(
            memory.longest_wait(now + Duration::from_secs(9)),
            Duration::ZERO
        );
    }

    #[test]
    fn an_unfinished_pass_forgets_nothing() {
        let (_directory, mut memory) = memory();
        memory.begin_pass().unwrap();
        memory
            .refused(&txid(1).to_string(), Refusal::new("fee", "x"))
            .unwrap();
        // The node went away before the last page.
        memory.begin_pass().unwrap();
        assert!(memory.see(&txid(1).to_string()));
    }
}
