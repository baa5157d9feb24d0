//! What an instance needs next, given where it stands.

use std::collections::BTreeSet;
use std::fmt;

use chain::mesh::Standing;

/// So many epochs below the one in force have tables that are kept.
const KEPT_EPOCHS: u64 = 2;

/// One thing that anybody may do for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Take back what rested on blocks that Bitcoin has left.
    Unwind,
    /// Make final what has a quorum.
    Poke,
    /// Credit the rewards of an epoch.
    Settle(u64),
    /// End stakes whose time is over.
    Expire,
    /// Make the next table.
    Roll,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwind => f.write_str("unwind"),
            Self::Poke => f.write_str("poke"),
            Self::Settle(epoch) => write!(f, "settle {epoch}"),
            Self::Expire => f.write_str("expire"),
            Self::Roll => f.write_str("roll"),
        }
    }
}

/// Everything that is decided from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Where the instance stands.
    pub standing: &'a Standing,
    /// Height of the chain's newest block.
    pub head: u64,
    /// Height of the chain at which the epoch in force was seen first; it began there or below.
    pub epoch_seen_at: u64,
    /// Epochs whose rewards need no settling.
    pub settled: &'a BTreeSet<u64>,
    /// Whether the next checkpoint has a quorum; asked where [`may_poke`].
    pub has_quorum: bool,
    /// Whether a stake counts whose time is over; asked where [`is_roll_due`].
    pub has_expired: bool,
    /// What the chain has refused in this round.
    pub refused: &'a BTreeSet<Task>,
}

/// Whether a quorum at the next checkpoint would make it final.
pub fn may_poke(standing: &Standing) -> bool {
    let hands_over = standing.next == standing.last;
    is_alive(standing) && !standing.halted && (!hands_over || standing.next_table_ready)
}

/// Whether the next table can be made and is not.
pub fn is_roll_due(standing: &Standing) -> bool {
    let from = standing.last.saturating_sub(standing.margin.into());
    is_alive(standing) && !standing.next_table_ready && standing.next > from
}

fn is_alive(standing: &Standing) -> bool {
    standing.started && !standing.closed
}

/// The first thing to do; `None` where there is nothing.
///
/// Rewards come before the table: who voted too seldom in the epoch that is settled is left out of it.
pub fn decide(view: &View<'_>) -> Option<Task> {
    let standing = view.standing;
    let due = is_roll_due(standing);
    [
        // Before the first table, too: nothing is activated until it is done.
        (standing.unwinding && !standing.closed).then_some(Task::Unwind),
        (view.has_quorum && may_poke(standing)).then_some(Task::Poke),
        epoch_to_settle(view).map(Task::Settle),
        (due && view.has_expired).then_some(Task::Expire),
        due.then_some(Task::Roll),
    ]
    .into_iter()
    .flatten()
    .find(|task| !view.refused.contains(task))
}

/// The oldest ended epoch that is not settled, once late votes for it are in.
fn epoch_to_settle(view: &View<'_>) -> Option<u64> {
    let standing = view.standing;
    let is_late = view.head >= view.epoch_seen_at.saturating_add(standing.late.into());
    (standing.epoch.saturating_sub(KEPT_EPOCHS)..standing.epoch)
        .filter(|_| standing.started)
        .find(|epoch| !view.settled.contains(epoch))
        .filter(|epoch| is_late || epoch.saturating_add(1) < standing.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the middle of epoch 5, whose last checkpoint is 23.
    fn standing() -> Standing {
        Standing {
            started: true,
            closed: false,
            epoch: 5,
            next: 20,
            last: 23,
            margin: 2,
            next_table_ready: false,
            unwinding: false,
            halted: false,
            bitcoin_tip: 900,
            late: 10,
        }
    }

    #[derive(Default)]
    struct Rest {
        settled: Vec<u64>,
        head: u64,
        has_quorum: bool,
        has_expired: bool,
        refused: Vec<Task>,
    }

    fn decided(change: impl Fn(&mut Standing), rest: &Rest) -> Option<Task> {
        let mut standing = standing();
        change(&mut standing);
        let refused = rest.refused.iter().copied().collect();
        let settled = rest.settled.iter().copied().collect();
        decide(&View {
            standing: &standing,
            head: rest.head,
            epoch_seen_at: 100,
            settled: &settled,
            has_quorum: rest.has_quorum,
            has_expired: rest.has_expired,
            refused: &refused,
        })
    }

    #[test]
    fn the_table_is_made_in_the_last_checkpoints_and_once() {
        let rest = Rest {
            settled: vec![3, 4],
            ..Rest::default()
        };
        let with = |change: &dyn Fn(&mut Standing)| decided(change, &rest);
        assert_eq!(with(&|_| ()), None);
        assert_eq!(with(&|it| it.next = 21), None);
        assert_eq!(with(&|it| it.next = 22), Some(Task::Roll));
        assert_eq!(with(&|it| it.next = 23), Some(Task::Roll));
        assert_eq!(
            with(&|it| (it.next, it.next_table_ready) = (23, true)),
            None
        );
        assert_eq!(with(&|it| (it.next, it.closed) = (23, true)), None);
        assert_eq!(with(&|it| (it.next, it.started) = (23, false)), None);
    }

    #[test]
    fn what_a_table_waits_for_comes_before_it() {
        let mut rest = Rest {
            head: 110,
            has_expired: true,
            has_quorum: true,
            ..Rest::default()
        };
        let at_the_end = |standing: &mut Standing| {
            standing.next = 22;
            standing.unwinding = true;
        };
        let mut done = Vec::new();
        while let Some(task) = decided(at_the_end, &rest) {
            if let Task::Settle(epoch) = task {
                rest.settled.push(epoch);
            } else {
                rest.refused.push(task);
            }
            done.push(task);
        }
        assert_eq!(
            done,
            [
                Task::Unwind,
                Task::Poke,
                Task::Settle(3),
                Task::Settle(4),
                Task::Expire,
                Task::Roll
            ]
        );
    }

    #[test]
    fn a_reorganisation_is_dealt_with_before_the_first_table_too() {
        let rest = Rest::default();
        let unwinding = |it: &mut Standing| (it.started, it.unwinding) = (false, true);
        assert_eq!(decided(unwinding, &rest), Some(Task::Unwind));
        let closed = |it: &mut Standing| (it.closed, it.unwinding) = (true, true);
        assert_ne!(decided(closed, &rest), Some(Task::Unwind));
    }

    #[test]
    fn an_epoch_is_settled_when_its_late_votes_are_in() {
        for (settled, head, expected) in [
            (vec![3], 109, None),
            (vec![3], 110, Some(Task::Settle(4))),
            (vec![], 100, Some(Task::Settle(3))),
            (vec![3, 4], 900, None),
        ] {
            let rest = Rest {
                settled,
                head,
                ..Rest::default()
            };
            assert_eq!(decided(|_| (), &rest), expected, "{head}");
            // Also of an instance that was closed.
            assert_eq!(decided(|it| it.closed = true, &rest), expected, "{head}");
        }
        let rest = Rest {
            head: 900,
            ..Rest::default()
        };
        assert_eq!(decided(|it| it.epoch = 0, &rest), None);
    }

    #[test]
    fn a_quorum_at_the_end_of_an_epoch_waits_for_the_next_table() {
        let rest = Rest {
            settled: vec![3, 4],
            has_quorum: true,
            refused: vec![Task::Roll],
            ..Rest::default()
        };
        assert_eq!(decided(|_| (), &rest), Some(Task::Poke));
        assert_eq!(decided(|it| it.halted = true, &rest), None);
        assert_eq!(decided(|it| it.next = 23, &rest), None);
        let ready = |it: &mut Standing| (it.next, it.next_table_ready) = (23, true);
        assert_eq!(decided(ready, &rest), Some(Task::Poke));
    }
}
