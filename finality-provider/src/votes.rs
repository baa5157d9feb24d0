//! Which heights to vote for now.
//!
//! The chain is asked about a window of heights; this module decides for each, from the answers alone, whether a vote
//! is due, pointless for ever, or not possible yet. Deciding nothing about a height keeps it for the next round, so a
//! restart needs no memory: what is settled can be seen on the chain.

use chain::FinalityBlock;
use staking::units::ChainHeight;

use crate::tables::Leave;

/// What the chain says about one height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The block to vote for; `None` where the chain takes no vote for this height (yet).
    pub block: Option<FinalityBlock>,
    /// The provider's voting power at this height, in satoshi.
    pub power: u64,
    /// Whether the chain has the provider's vote already.
    pub voted: bool,
    /// Whether a timestamped commitment of the provider covers this height.
    pub covered: bool,
    /// Whether the vote may hand over to the table that it names; granted where it names none.
    pub leave: Leave,
}

/// What to do about one height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Vote for this block.
    Vote(FinalityBlock),
    /// Nothing can be gained here any more.
    Skip(SkipReason),
    /// Ask again later.
    Wait,
    /// Ask again later; until then no vote hands over to the next table.
    Withhold,
}

/// Why a height needs no vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// The provider has no power at this height; a vote would be refused.
    NoVotingPower,
    /// The chain has the vote.
    AlreadyVoted,
    /// The block is final, and too old for the vote to count for liveness or rewards.
    AlreadyFinal,
    /// No timestamped randomness covers the height; none ever can (commitments never go back).
    NoPublicRandomness,
    /// Finality voting began above this height.
    BeforeActivation,
    /// The chain takes no votes for this height, long after it should.
    NotIndexed,
}

/// What holds for all heights of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The chain's tip.
    pub tip: ChainHeight,
    /// Height at which votes began.
    pub activated: ChainHeight,
    /// Number of blocks for which a vote still counts for liveness (spec 3.12).
    pub timeout: u64,
}

/// For how many blocks a "no" of the chain may be due to a node that is a little behind, or to something that is still
/// under way. After that it is final, so that one height cannot hold up the others for ever.
const PATIENCE: u64 = 10;

impl Window {
    /// Whether what the chain denies for `height` may still change.
    pub fn may_change(&self, height: ChainHeight) -> bool {
        self.age(height) <= PATIENCE
    }

    fn age(&self, height: ChainHeight) -> u64 {
        self.tip.0.saturating_sub(height.0)
    }
}

/// Decides about `height`.
pub fn decide(height: ChainHeight, window: &Window, seen: &Observation) -> Decision {
    if height < window.activated {
        return Decision::Skip(SkipReason::BeforeActivation);
    }
    let denied = |reason| {
        if window.may_change(height) {
            Decision::Wait
        } else {
            Decision::Skip(reason)
        }
    };
    let Some(block) = seen.block else {
        return denied(SkipReason::NotIndexed);
    };
    if seen.voted {
        Decision::Skip(SkipReason::AlreadyVoted)
    } else if seen.power == 0 {
        Decision::Skip(SkipReason::NoVotingPower)
    } else if block.finalized && window.age(height) > window.timeout {
        Decision::Skip(SkipReason::AlreadyFinal)
    } else if !seen.covered {
        denied(SkipReason::NoPublicRandomness)
    } else if seen.leave == Leave::Granted {
        Decision::Vote(block)
    } else {
        Decision::Withhold
    }
}

/// Where a provider begins when it starts: below this every block is final and too old to matter.
///
/// A vote that was lost in a crash lies above the last final block, because that block could not have become final
/// without it mattering; so everything from there is looked at again rather than trusted to be done.
pub fn first_height(
    activated: ChainHeight,
    last_finalized: Option<ChainHeight>,
    timeout: u64,
) -> ChainHeight {
    let final_below = last_finalized.map_or(0, |height| height.0.saturating_sub(timeout));
    ChainHeight(final_below.max(activated.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVATED: ChainHeight = ChainHeight(10);
    const TIMEOUT: u64 = 3;
    const WINDOW: Window = Window {
        tip: ChainHeight(100),
        activated: ACTIVATED,
        timeout: TIMEOUT,
    };

    fn block(height: u64, finalized: bool) -> FinalityBlock {
        FinalityBlock {
            height: ChainHeight(height),
            content: chain::VoteContent::AppHash([7; 32]),
            finalized,
        }
    }

    fn due(height: u64) -> Observation {
        Observation {
            block: Some(block(height, false)),
            power: 5,
            voted: false,
            covered: true,
            leave: Leave::Granted,
        }
    }

    fn decision(height: u64, seen: &Observation) -> Decision {
        decide(ChainHeight(height), &WINDOW, seen)
    }

    #[test]
    fn a_vote_is_cast_only_where_it_is_possible_and_useful() {
        let final_block = |height| Observation {
            block: Some(block(height, true)),
            ..due(height)
        };
        let cases = [
            (
                "an open block with power is voted for",
                90,
                due(90),
                Decision::Vote(block(90, false)),
            ),
            (
                "below the activation",
                9,
                due(9),
                Decision::Skip(SkipReason::BeforeActivation),
            ),
            (
                "not indexed yet",
                100,
                Observation {
                    block: None,
                    ..due(100)
                },
                Decision::Wait,
            ),
            (
                "no power",
                90,
                Observation {
                    power: 0,
                    ..due(90)
                },
                Decision::Skip(SkipReason::NoVotingPower),
            ),
            (
                "voted already",
                90,
                Observation {
                    voted: true,
                    ..due(90)
                },
                Decision::Skip(SkipReason::AlreadyVoted),
            ),
            (
                "never indexed",
                89,
                Observation {
                    block: None,
                    ..due(89)
                },
                Decision::Skip(SkipReason::NotIndexed),
            ),
            (
                "no randomness",
                89,
                Observation {
                    covered: false,
                    ..due(89)
                },
                Decision::Skip(SkipReason::NoPublicRandomness),
            ),
            (
                "randomness whose timestamp the node may not know yet",
                90,
                Observation {
                    covered: false,
                    ..due(90)
                },
                Decision::Wait,
            ),
            (
                "a table that is not agreed with",
                90,
                Observation {
                    leave: Leave::NotYet,
                    ..due(90)
                },
                Decision::Withhold,
            ),
            (
                "the same, when it is too late",
                96,
                Observation {
                    leave: Leave::NotYet,
                    ..final_block(96)
                },
                Decision::Skip(SkipReason::AlreadyFinal),
            ),
            (
                "final and past the liveness timeout",
                96,
                final_block(96),
                Decision::Skip(SkipReason::AlreadyFinal),
            ),
            (
                "final but still counted for liveness",
                97,
                final_block(97),
                Decision::Vote(block(97, true)),
            ),
        ];
        for (name, height, seen, expected) in cases {
            assert_eq!(decision(height, &seen), expected, "{name}");
        }
    }

    #[test]
    fn a_start_looks_again_at_everything_that_is_not_final() {
        assert_eq!(first_height(ACTIVATED, None, TIMEOUT), ACTIVATED);
        assert_eq!(
            first_height(ACTIVATED, Some(ChainHeight(50)), TIMEOUT),
            ChainHeight(47)
        );
        assert_eq!(
            first_height(ACTIVATED, Some(ChainHeight(11)), TIMEOUT),
            ACTIVATED
        );
    }
}
