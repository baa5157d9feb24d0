//! When to commit to public randomness, and for which heights (spec 3.6, 3.7, 3.15).
//!
//! On Babylon a commitment counts only after its epoch's checkpoint is final on Bitcoin, so it must be made long before
//! its heights come. Heights are covered once and never backwards: committing too far ahead locks the gap out for ever,
//! which is why the plan never leaves one on purpose. On a partner chain one commitment must cover a whole epoch, so a new
//! one begins with the first epoch that is not bound to another.

use chain::CommitStart;
use staking::units::ChainHeight;

/// The chain refuses a commitment that starts this many blocks or more above its tip (spec 3.6).
const FURTHEST_START: u64 = 160_000;

/// How far ahead to commit; all in blocks of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitPolicy {
    /// A new commitment is made when fewer covered heights than this remain above the tip.
    pub ahead: u64,
    /// Heights in one commitment.
    pub count: u64,
}

/// What the chain says, as far as the decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// The chain's tip.
    pub tip: ChainHeight,
    /// First height that takes votes.
    pub activation: ChainHeight,
    /// Where the chain has a new commitment begin.
    pub commit_start: CommitStart,
    /// Least number of heights in one commitment.
    pub minimum: u64,
    /// Last height covered by the provider's newest commitment.
    pub covered_to: Option<ChainHeight>,
}

/// A commitment to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCommit {
    /// First height.
    pub start: ChainHeight,
    /// Number of heights.
    pub count: u64,
}

impl PlannedCommit {
    /// Last height that it covers.
    pub fn last_height(&self) -> ChainHeight {
        ChainHeight(self.start.0.saturating_add(self.count.saturating_sub(1)))
    }
}

/// Number of heights from the tip to the last one for which randomness is committed.
pub fn runway(tip: ChainHeight, covered_to: Option<ChainHeight>) -> u64 {
    covered_to.map_or(0, |end| end.0.saturating_sub(tip.0))
}

/// Decides whether to commit now; `None` while enough heights are covered.
pub fn plan_commit(policy: CommitPolicy, coverage: Coverage) -> Option<PlannedCommit> {
    let ahead = match coverage.commit_start {
        CommitStart::AboveCovered => policy.ahead,
        // Less would not cover the epoch whose table is made next.
        CommitStart::At(_) => policy.ahead.max(coverage.minimum),
    };
    if runway(coverage.tip, coverage.covered_to) >= ahead {
        return None;
    }
    let next_uncovered = coverage.covered_to.map_or(0, |end| end.0.saturating_add(1));
    let count = policy.count.max(coverage.minimum);
    let start = match coverage.commit_start {
        CommitStart::AboveCovered => coverage
            .tip
            .0
            .saturating_add(1)
            .max(coverage.activation.0)
            .max(next_uncovered),
        CommitStart::At(start) => start.0,
    };
    let plan = PlannedCommit {
        start: ChainHeight(start),
        count,
    };
    let too_far = start.saturating_sub(coverage.tip.0) >= FURTHEST_START;
    let adds_nothing = Some(plan.last_height()) <= coverage.covered_to;
    (!too_far && !adds_nothing).then_some(plan)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: CommitPolicy = CommitPolicy {
        ahead: 1_000,
        count: 5_000,
    };

    fn coverage(tip: u64, covered_to: Option<u64>) -> Coverage {
        Coverage {
            tip: ChainHeight(tip),
            activation: ChainHeight(1),
            commit_start: CommitStart::AboveCovered,
            minimum: 100,
            covered_to: covered_to.map(ChainHeight),
        }
    }

    fn planned(start: u64, count: u64) -> PlannedCommit {
        PlannedCommit {
            start: ChainHeight(start),
            count,
        }
    }

    #[test]
    fn the_first_commitment_starts_at_the_next_height() {
        assert_eq!(
            plan_commit(POLICY, coverage(7, None)),
            Some(planned(8, 5_000))
        );
    }

    #[test]
    fn nothing_is_committed_while_the_runway_is_long_enough() {
        assert_eq!(plan_commit(POLICY, coverage(10, Some(1_010))), None);
        assert_eq!(
            plan_commit(POLICY, coverage(11, Some(1_010))),
            Some(planned(1_011, 5_000))
        );
    }

    #[test]
    fn a_provider_whose_randomness_ran_out_starts_again_above_the_tip() {
        assert_eq!(
            plan_commit(POLICY, coverage(9_000, Some(5_007))),
            Some(planned(9_001, 5_000))
        );
    }

    #[test]
    fn no_height_below_the_activation_is_covered() {
        let before = Coverage {
            activation: ChainHeight(400),
            ..coverage(7, None)
        };
        assert_eq!(plan_commit(POLICY, before), Some(planned(400, 5_000)));
    }

    #[test]
    fn a_commitment_of_a_partner_chain_covers_its_first_epoch_whole() {
        let at = |covered_to| Coverage {
            commit_start: CommitStart::At(ChainHeight(4_980)),
            ..coverage(4_500, Some(covered_to))
        };
        assert_eq!(
            plan_commit(POLICY, at(5_000)),
            Some(planned(4_980, 5_000)),
            "the heights up to 5,000 are committed to a second time"
        );
        assert_eq!(plan_commit(POLICY, at(9_979)), None, "nothing would be new");
        let long_epochs = Coverage {
            minimum: 2_000,
            ..at(6_000)
        };
        let plan = plan_commit(POLICY, long_epochs);
        assert_eq!(
            plan,
            Some(planned(4_980, 5_000)),
            "the next epoch ends above"
        );
    }

    #[test]
    fn a_start_that_the_chain_would_refuse_is_waited_for() {
        let far = Coverage {
            activation: ChainHeight(200_000),
            ..coverage(7, None)
        };
        assert_eq!(plan_commit(POLICY, far), None);
    }

    #[test]
    fn a_count_below_the_chains_minimum_is_raised_to_it() {
        let small = CommitPolicy {
            ahead: 10,
            count: 20,
        };
        assert_eq!(plan_commit(small, coverage(7, None)), Some(planned(8, 100)));
    }

    proptest! {
        #[test]
        fn a_plan_never_overlaps_and_leaves_no_gap_above_the_tip(
            tip in 0..u64::from(u32::MAX),
            covered_to in proptest::option::of(0..u64::from(u32::MAX)),
        ) {
            if let Some(plan) = plan_commit(POLICY, coverage(tip, covered_to)) {
                prop_assert!(plan.start.0 > tip);
                if let Some(end) = covered_to {
                    prop_assert!(plan.start.0 > end);
                    prop_assert!(plan.start.0 == end + 1 || plan.start.0 == tip + 1);
                }
            }
        }
    }
}
