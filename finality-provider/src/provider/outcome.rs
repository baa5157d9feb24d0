//! What a vote's outcome means.

use chain::{ChainError, Receipt, Rejection};

/// Error codes of votes that the chain does not need (spec 2.17, module `finality`).
const DUPLICATE_VOTE: u32 = 1109;
const FINAL_AND_TIMESTAMPED: u32 = 1116;

/// What became of one vote.
#[derive(Debug, Clone)]
pub(super) enum VoteOutcome {
    /// The chain took it.
    Taken,
    /// The chain has it already, or has no use for it any more.
    NotNeeded,
    /// The chain refuses it, which may be because it or the node is not as far as we are.
    RefusedForNow(Rejection),
    /// The chain refuses it, for good.
    Lost(Rejection),
    /// It did not get to the chain, and neither would others.
    Hindered(ChainError),
}

impl VoteOutcome {
    /// Reads the chain's answer; `may_change` says whether the vote is so young that a refusal may be taken back.
    pub(super) fn of(answer: Result<Receipt, ChainError>, may_change: bool) -> Self {
        match answer {
            Ok(_) => Self::Taken,
            Err(ChainError::Rejected(rejection)) if is_needless(&rejection) => Self::NotNeeded,
            Err(ChainError::Rejected(rejection)) if rejection.is_of_vote_for_ever() => {
                Self::Lost(rejection)
            }
            Err(ChainError::Rejected(rejection)) if may_change => Self::RefusedForNow(rejection),
            Err(ChainError::Rejected(rejection)) => Self::Lost(rejection),
            Err(error) => Self::Hindered(error),
        }
    }
}

fn is_needless(rejection: &Rejection) -> bool {
    rejection.codespace == "finality"
        && [DUPLICATE_VOTE, FINAL_AND_TIMESTAMPED].contains(&rejection.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(codespace: &str, code: u32, may_change: bool) -> VoteOutcome {
        let rejection = Rejection {
            codespace: codespace.to_owned(),
            code,
            log: "words".to_owned(),
        };
        VoteOutcome::of(Err(rejection.into()), may_change)
    }

    #[test]
    fn a_refused_vote_is_given_up_only_when_nothing_can_change_any_more() {
        use VoteOutcome::{Lost, NotNeeded, RefusedForNow};
        assert!(matches!(outcome("finality", 1109, false), NotNeeded));
        assert!(matches!(outcome("finality", 1116, true), NotNeeded));
        assert!(matches!(outcome("finality", 1111, true), RefusedForNow(_)));
        assert!(matches!(outcome("finality", 1111, false), Lost(_)));
        assert!(matches!(outcome("btcstaking", 1109, false), Lost(_)));
    }

    #[test]
    fn what_is_no_answer_of_the_chain_loses_no_vote() {
        for may_change in [true, false] {
            let outcome = VoteOutcome::of(Err(ChainError::Stopped), may_change);
            assert!(matches!(outcome, VoteOutcome::Hindered(_)), "{outcome:?}");
        }
    }
}
