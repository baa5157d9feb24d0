//! What may be voted for, from the contract's state and the heights of its chain. No I/O.

use std::ops::RangeInclusive;
use std::time::Duration;

use eots::PublicKey;
use mesh_core::table::{Entry, Table};
use mesh_core::vote::CheckpointVote;
use staking::units::ChainHeight;

use super::answer::Status;
use super::tables::HandedOver;
use crate::{EffectiveCommit, PublicRandomnessCommit};

/// How far another node of the chain may be ahead of one that keeps up with it, blocks.
const AHEAD: u64 = 10;

/// More blocks than any chain makes in a second.
const BLOCKS_PER_SECOND: u64 = 5;

/// How many blocks there may be that a node with a newest block of this age has not seen.
pub(super) fn unseen(age: Duration) -> u64 {
    let seconds = age.as_secs().saturating_add(1);
    seconds
        .saturating_mul(BLOCKS_PER_SECOND)
        .saturating_add(AHEAD)
}

/// Where finality stands: the table in force, and those before and after it where they are known. All are of one era.
#[derive(Debug, Clone)]
pub(super) struct Polls {
    pub(super) status: Status,
    pub(super) in_force: Table,
    pub(super) before: Option<Table>,
    pub(super) ready: Option<Table>,
}

impl Polls {
    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.before
            .iter()
            .chain([&self.in_force])
            .chain(self.ready.iter())
    }

    /// The table of a checkpoint.
    fn table(&self, checkpoint: u64) -> Option<&Table> {
        self.tables()
            .find(|table| table.head().term.height(checkpoint).is_some())
    }

    /// A provider's seat at a checkpoint.
    pub(super) fn seat(&self, provider: &PublicKey, checkpoint: u64) -> Option<&Entry> {
        self.table(checkpoint)?.entry(provider)
    }

    /// The newest checkpoint that takes votes of an honest provider, on a chain whose newest block is at `head`.
    ///
    /// That is the next one to become final once the block after its own is there, so that its header is committed; at the
    /// end of an epoch also the table that follows must be there, which `ready_since` says for how long it is (rule S1).
    pub(super) fn votable(&self, head: u64, ready_since: Option<u64>) -> Option<u64> {
        let next = self.status.next;
        let term = &self.in_force.head().term;
        let committed = term.height(next).is_some_and(|height| height < head);
        let hands_over = term.last_checkpoint() == Some(next);
        let settled = !hands_over || ready_since.is_some_and(|since| since < head);
        if committed && settled {
            Some(next)
        } else {
            next.checked_sub(1)
        }
    }

    /// The newest checkpoint for which a vote may exist: the newest whose block may be there on any copy of the chain, if
    /// this one's newest block is at `head` and so many are there that it has not seen (rule S3).
    pub(super) fn signable(&self, head: u64, unseen: u64) -> Option<u64> {
        let newest = self.newest().head().term.epoch;
        let passed = |table: &Table| {
            let term = &table.head().term;
            let begun = head.saturating_add(unseen).checked_sub(term.first_height)?;
            let checkpoints = begun.checked_div(term.interval.into())?;
            let passed = term.first_checkpoint.saturating_add(checkpoints);
            // Above a table's last there is nothing to vote with, unless one was made in the blocks that were not seen: in
            // each of them an honest provider may sign one checkpoint more.
            let beyond = if term.epoch == newest { unseen } else { 0 };
            Some(passed.min(term.last_checkpoint()?.saturating_add(beyond)))
        };
        let passed = self.tables().filter_map(passed).max();
        passed.max(self.status.next.checked_sub(1))
    }

    fn newest(&self) -> &Table {
        self.ready.as_ref().unwrap_or(&self.in_force)
    }

    /// The tables that votes for checkpoints of known tables name as the next.
    pub(super) fn handed_over(self) -> HandedOver {
        HandedOver {
            in_force: self.before.is_some().then_some(self.in_force),
            ready: self.ready,
        }
    }

    /// A vote for the block with this hash at a checkpoint; `None` where a table that it names is not there.
    pub(super) fn vote(&self, checkpoint: u64, header_hash: &[u8; 32]) -> Option<CheckpointVote> {
        let table = self.table(checkpoint)?;
        let following = table.head().term.epoch.checked_add(1)?;
        let next_root = self
            .tables()
            .find(|table| table.head().term.epoch == following)
            .map(|table| &table.head().root);
        CheckpointVote::under(table.head(), checkpoint, header_hash, next_root).ok()
    }

    /// The chain's height at a checkpoint of a known table.
    pub(super) fn height(&self, checkpoint: u64) -> Option<u64> {
        self.table(checkpoint)?.head().term.height(checkpoint)
    }

    /// The first checkpoint that no table is made for.
    pub(super) fn first_open(&self) -> Option<u64> {
        self.newest().head().term.last_checkpoint()?.checked_add(1)
    }

    /// The commitments that the tables name for a provider.
    pub(super) fn commits(
        &self,
        provider: &PublicKey,
        heights: &RangeInclusive<ChainHeight>,
    ) -> Vec<EffectiveCommit> {
        let seat = |table: &Table| {
            let commit = table.entry(provider)?.commit;
            let term = &table.head().term;
            let (first, last) = (term.first_checkpoint, term.last_checkpoint()?);
            let heights = ChainHeight(first)..=ChainHeight(last);
            Some(EffectiveCommit {
                heights,
                commit: PublicRandomnessCommit {
                    start: ChainHeight(commit.start()),
                    count: commit.checkpoints(),
                    commitment: *commit.root(),
                    epoch: 0,
                },
            })
        };
        self.tables()
            .filter_map(seat)
            .filter(|effective| {
                effective.heights.start() <= heights.end()
                    && heights.start() <= effective.heights.end()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use eots::SecretKey;
    use eots::commitment::Commitment;
    use mesh_core::Domain;
    use mesh_core::commit::Commit;
    use mesh_core::table::Term;

    use super::*;

    const DOMAIN: Domain = Domain::from_bytes([7; 32]);

    fn provider() -> PublicKey {
        SecretKey::from_bytes(&[1; 32]).unwrap().public_key()
    }

    /// Checkpoints of four each, five blocks apart, the first at height 100.
    fn table(epoch: u64) -> Table {
        let first_checkpoint = epoch * 4;
        let term = Term {
            era: 0,
            epoch,
            first_checkpoint,
            first_height: 100 + first_checkpoint * 5,
            interval: 5,
            checkpoints: 4,
            cut_height: 1,
            cut_hash: [0; 32],
        };
        let entry = Entry {
            provider: provider(),
            weight: 10,
            commit: Commit::new(0, 64, Commitment::from_bytes([9; 32])).unwrap(),
        };
        Table::new(&DOMAIN, term, 10, vec![entry]).unwrap()
    }

    fn polls(next: u64, ready: bool) -> Polls {
        Polls {
            status: Status {
                started: true,
                era: 0,
                epoch: 1,
                next,
                next_table_ready: ready,
            },
            before: Some(table(0)),
            in_force: table(1),
            ready: ready.then(|| table(2)),
        }
    }

    #[test]
    fn a_checkpoint_is_voted_for_once_the_block_after_it_is_there() {
        // Checkpoint 5 is at height 125.
        let polls = polls(5, false);
        assert_eq!(polls.votable(125, None), Some(4));
        assert_eq!(polls.votable(126, None), Some(5));
        // However far the chain is, nothing is signed before the one below is final.
        assert_eq!(polls.votable(900, None), Some(5));
        // On another node, which may be ten blocks ahead.
        assert_eq!(polls.signable(114, 10), Some(4));
        assert_eq!(polls.signable(115, 10), Some(5));
        assert_eq!(polls.signable(125, 10), Some(7));
        // No table, no vote, however long finality has stood still, but for what may have begun unseen.
        assert_eq!(polls.signable(90_000, 0), Some(7));
        assert_eq!(polls.signable(90_000, 10), Some(17));
        assert_eq!(self::polls(5, true).signable(90_000, 0), Some(11));
        assert_eq!(self::polls(5, true).signable(90_000, 3), Some(14));
        // Right after a hand-over the table's first block may be far ahead.
        assert_eq!(self::polls(4, false).signable(50, 10), Some(3));
    }

    #[test]
    fn the_older_the_newest_block_the_more_may_be_unseen() {
        assert_eq!(unseen(Duration::ZERO), 15);
        assert_eq!(unseen(Duration::from_millis(6_999)), 45);
        assert_eq!(unseen(Duration::MAX), u64::MAX);
    }

    #[test]
    fn votes_hand_over_to_the_table_in_force_and_the_one_that_is_ready() {
        let epochs = |polls: Polls| {
            let HandedOver { in_force, ready } = polls.handed_over();
            [in_force, ready].map(|table| table.map(|table| table.head().term.epoch))
        };
        assert_eq!(epochs(polls(5, true)), [Some(1), Some(2)]);
        assert_eq!(epochs(polls(5, false)), [Some(1), None]);
        // Nobody signs the first table, or the first after a resume.
        let begun = |ready| Polls {
            before: None,
            ..polls(5, ready)
        };
        assert_eq!(epochs(begun(false)), [None, None]);
        assert_eq!(epochs(begun(true)), [None, Some(2)]);
    }

    #[test]
    fn the_last_checkpoint_waits_for_the_table_that_follows() {
        // Checkpoint 7 is the last of its epoch, at height 135.
        assert_eq!(polls(7, false).votable(200, None), Some(6));
        assert_eq!(polls(7, true).votable(200, Some(200)), Some(6));
        assert_eq!(polls(7, true).votable(201, Some(200)), Some(7));
        assert_eq!(polls(7, false).vote(7, &[1; 32]), None);
        let vote = polls(7, true).vote(7, &[1; 32]).unwrap();
        assert_eq!(vote.next_root, table(2).head().root);
        // A late vote for the last one before names the table that is in force now.
        let late = polls(5, false).vote(3, &[1; 32]).unwrap();
        assert_eq!((late.epoch, late.next_root), (0, table(1).head().root));
        assert_eq!(
            polls(5, false).vote(4, &[1; 32]).unwrap().next_root,
            [0; 32]
        );
    }

    #[test]
    fn commitments_are_those_of_the_tables() {
        let heights = |from, to| ChainHeight(from)..=ChainHeight(to);
        let covered = |ready, asked| -> Vec<_> {
            let polls = polls(5, ready);
            let commits = polls.commits(&provider(), &asked);
            commits.into_iter().map(|commit| commit.heights).collect()
        };
        assert_eq!(covered(false, heights(5, 9)), [heights(4, 7)]);
        assert_eq!(
            covered(true, heights(3, 9)),
            [heights(0, 3), heights(4, 7), heights(8, 11)]
        );
        assert_eq!(polls(5, false).first_open(), Some(8));
        assert_eq!(polls(5, true).first_open(), Some(12));
        let stranger = SecretKey::from_bytes(&[2; 32]).unwrap().public_key();
        assert!(
            polls(5, true)
                .commits(&stranger, &heights(0, 11))
                .is_empty()
        );
        assert!(polls(5, true).seat(&provider(), 11).is_some());
        assert!(polls(5, true).seat(&provider(), 12).is_none());
    }
}
