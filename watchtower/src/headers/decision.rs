//! What to report, given both tips and where the chains part.

use staking::units::BitcoinHeight;

/// What both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Our node's tip.
    pub ours: BitcoinHeight,
    /// The light client's tip.
    pub theirs: BitcoinHeight,
    /// The highest block that both have.
    pub common: BitcoinHeight,
}

/// What may be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Depth of a reorg from which on the chain halts for good (spec 5.3); `None` where none does that.
    pub halting_depth: Option<u32>,
    /// Report such a reorg all the same.
    pub allow_halting_reorg: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the chain knows everything, or our node is behind it.
    Nothing,
    /// Our branch is not longer: the chain would refuse it.
    WaitForWork,
    /// Append the headers from here.
    Extend {
        /// The first header that the chain lacks.
        from: BitcoinHeight,
    },
    /// Replace the chain's branch; the first message must carry at least this many headers (spec 5.2).
    Reorganise {
        /// The first header of our branch.
        from: BitcoinHeight,
        /// One more than the branch that is replaced has.
        at_least: u32,
    },
    /// Do not report: the chain would halt.
    Refuse {
        /// Blocks that the chain would undo.
        depth: u32,
    },
}

/// Decides.
pub fn decide(view: View, policy: Policy) -> Decision {
    let View {
        ours,
        theirs,
        common,
    } = view;
    let depth = theirs.0.saturating_sub(common.0);
    let from = BitcoinHeight(common.0.saturating_add(1));
    if ours <= common {
        Decision::Nothing
    } else if depth == 0 {
        Decision::Extend { from }
    } else if policy.halting_depth.is_some_and(|halting| depth >= halting)
        && !policy.allow_halting_reorg
    {
        Decision::Refuse { depth }
    } else if ours <= theirs {
        Decision::WaitForWork
    } else {
        Decision::Reorganise {
            from,
            at_least: depth.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_follows_from_both_tips_and_the_fork() {
        let extend = |from| Decision::Extend {
            from: BitcoinHeight(from),
        };
        let reorganise = |from, at_least| Decision::Reorganise {
            from: BitcoinHeight(from),
            at_least,
        };
        for (ours, theirs, common, allow, expected) in [
            (10, 10, 10, false, Decision::Nothing),
            (8, 10, 8, false, Decision::Nothing),
            (11, 10, 10, false, extend(11)),
            (500, 10, 10, false, extend(11)),
            (10, 10, 9, false, Decision::WaitForWork),
            (9, 10, 8, true, Decision::WaitForWork),
            (11, 10, 9, false, reorganise(10, 2)),
            (30, 10, 9, false, reorganise(10, 2)),
            (11, 10, 8, false, Decision::Refuse { depth: 2 }),
            (10, 10, 8, false, Decision::Refuse { depth: 2 }),
            (11, 10, 8, true, reorganise(9, 3)),
        ] {
            let [ours, theirs, common] = [ours, theirs, common].map(BitcoinHeight);
            let view = View {
                ours,
                theirs,
                common,
            };
            let policy = Policy {
                halting_depth: Some(2),
                allow_halting_reorg: allow,
            };
            assert_eq!(decide(view, policy), expected, "{view:?}");
        }
    }

    #[test]
    fn no_depth_is_held_back_where_none_halts_the_chain() {
        let view = View {
            ours: BitcoinHeight(110),
            theirs: BitcoinHeight(109),
            common: BitcoinHeight(9),
        };
        let policy = Policy {
            halting_depth: None,
            allow_halting_reorg: false,
        };
        let expected = Decision::Reorganise {
            from: BitcoinHeight(10),
            at_least: 101,
        };
        assert_eq!(decide(view, policy), expected);
    }
}
