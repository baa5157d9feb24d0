//! Which items of a queue may be tried now, and which wait after a failure.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Backoff;

/// The failures of items that are tried again and again.
///
/// Only items that failed take room: an item that was never heard of is due. The owner of the queue decides what an
/// item is (`K`), asks [`Self::is_due`] before a try and reports how it went. An item that can never succeed is not kept
/// here but [parked](crate::parked).
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use daemon::retry::{Backoff, Schedule};
///
/// let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
/// let mut schedule = Schedule::new(backoff);
/// let now = Instant::now();
/// schedule.failed("txid", now, 1.0, "node does not answer");
/// assert!(!schedule.is_due(&"txid", now));
/// assert!(schedule.is_due(&"txid", now + Duration::from_secs(1)));
/// schedule.forget(&"txid"); // It succeeded, or it is to be tried again at once.
/// assert!(schedule.is_due(&"txid", now));
/// ```
#[derive(Debug, Clone)]
pub struct Schedule<K> {
    backoff: Backoff,
    waiting: BTreeMap<K, Waiting>,
}

/// An item that failed and is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// How often in a row it failed.
    pub failures: u32,
    /// When it may be tried again.
    pub due: Instant,
    /// Why it failed last.
    pub reason: String,
}

impl<K: Ord> Schedule<K> {
    /// Creates an empty schedule.
    pub fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            waiting: BTreeMap::new(),
        }
    }

    /// Whether the item may be tried: it has not failed, or its pause is over.
    pub fn is_due(&self, item: &K, now: Instant) -> bool {
        self.waiting
            .get(item)
            .is_none_or(|waiting| waiting.due <= now)
    }

    /// Records a failure that may heal; `jitter` is that of [`Backoff::pause`].
    pub fn failed(&mut self, item: K, now: Instant, jitter: f64, reason: impl Into<String>) {
        let failures = self.failures(&item).saturating_add(1);
        let due = now + self.backoff.pause(failures, jitter);
        self.waiting.insert(
            item,
            Waiting {
                failures,
                due,
                reason: reason.into(),
            },
        );
    }

    /// Forgets the item: it succeeded, it is gone or parked, or it is to be tried again at once.
    ///
    /// Returns whether it was waiting.
    pub fn forget(&mut self, item: &K) -> bool {
        self.waiting.remove(item).is_some()
    }

    /// Forgets every item that `keep` does not ask for, such as those that have left the queue.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.waiting.retain(|item, _| keep(item));
    }

    /// How often in a row the item failed.
    pub fn failures(&self, item: &K) -> u32 {
        self.waiting.get(item).map_or(0, |waiting| waiting.failures)
    }

    /// The items that wait after a failure.
    pub fn waiting(&self) -> impl Iterator<Item = (&K, &Waiting)> {
        self.waiting.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_mins(1),
    };

    #[test]
    fn items_that_left_the_queue_take_no_room() {
        let now = Instant::now();
        let mut schedule = Schedule::new(BACKOFF);
        for item in 0..10 {
            schedule.failed(item, now, 1.0, "no answer");
        }
        schedule.retain(|item| item % 10 == 0);
        assert_eq!(
            schedule
                .waiting()
                .map(|(item, _)| *item)
                .collect::<Vec<_>>(),
            [0]
        );
    }

    #[derive(Debug, Clone)]
    enum Event {
        Failed(u8, f64),
        Forgotten(u8),
        Passes(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        let item = 0_u8..4;
        prop_oneof![
            (item.clone(), 0.0..=1.0).prop_map(|(item, jitter)| Event::Failed(item, jitter)),
            item.prop_map(Event::Forgotten),
            (0_u64..100).prop_map(Event::Passes),
        ]
    }

    proptest! {
        #[test]
        fn one_items_failures_never_delay_another(
            events in prop::collection::vec(event(), 0..60),
        ) {
            let mut now = Instant::now();
            let mut schedule = Schedule::new(BACKOFF);
            for event in events {
                match event {
                    Event::Failed(item, jitter) => schedule.failed(item, now, jitter, "x"),
                    Event::Forgotten(item) => {
                        schedule.forget(&item);
                        prop_assert!(schedule.is_due(&item, now));
                    }
                    Event::Passes(seconds) => now += Duration::from_secs(seconds),
                }
                prop_assert!(schedule.is_due(&100, now), "it never failed");
                for (item, waiting) in schedule.waiting() {
                    prop_assert!(waiting.due <= now + BACKOFF.longest);
                    prop_assert!(waiting.failures > 0);
                    prop_assert_eq!(schedule.is_due(item, now), waiting.due <= now);
                    prop_assert!(schedule.is_due(item, waiting.due));
                }
            }
        }
    }
}
