//! What a partner chain is told of a stake.

use std::time::Duration;

use chain::mesh::StakeState;

/// A newer list that does not take all from a chain is shown to it once in so long: the staker signs it for nothing, and showing
/// it costs us gas. What grows elsewhere by the same list waits as well, for the instance's
/// consent delay.
pub(super) const RELAY_INTERVAL: Duration = Duration::from_hours(1);

/// What a chain knows of a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Where the stake stands there.
    pub(super) state: StakeState,
    /// Number of the newest consent that it was shown.
    pub(super) consent_number: u32,
    /// Whether it counts a share of it, or will.
    pub(super) has_share: bool,
}

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing: it knows all of it, or has no part in it.
    Nothing,
    /// Nothing yet: it was shown another consent only just now.
    Later,
    /// The consent, which is newer than what it was shown.
    ShowConsent,
    /// The stake, with the consent.
    ShowStake,
    /// The two lists that the staker signed under one number.
    ShowConflict,
}

/// What a chain is told of a stake whose newest consent has this number. `has_share` says whether the chain is in its list,
/// and `shown_since` how long ago we showed it one.
pub(super) fn decide(
    number: u32,
    has_share: bool,
    known: Option<Known>,
    shown_since: Option<Duration>,
) -> Decision {
    let Some(known) = known else {
        return if has_share {
            Decision::ShowStake
        } else {
            Decision::Nothing
        };
    };
    match known.state {
        // What has ended counts nowhere any more.
        StakeState::Ended(_) => Decision::Nothing,
        // What it takes away acts at once: it is shown to chains that are left out of it, too.
        _ if known.consent_number < number
            && (known.has_share && !has_share
                || shown_since.is_none_or(|since| since >= RELAY_INTERVAL)) =>
        {
            Decision::ShowConsent
        }
        // A reorganisation undid its block: inclusion is proven anew.
        StakeState::Unproven if has_share => Decision::ShowStake,
        _ if known.consent_number < number => Decision::Later,
        StakeState::Unproven | StakeState::Pending { .. } | StakeState::Active => Decision::Nothing,
    }
}

/// What a chain is told of a stake whose staker signed two lists under one number: where it counts, or may come to count,
/// they end it, and where nobody has shown it, nobody should.
pub(super) fn decide_conflict(known: Option<Known>) -> Decision {
    match known.map(|known| known.state) {
        None | Some(StakeState::Ended(_)) => Decision::Nothing,
        Some(StakeState::Unproven | StakeState::Pending { .. } | StakeState::Active) => {
            Decision::ShowConflict
        }
    }
}

#[cfg(test)]
mod tests {
    use chain::mesh::StakeEnd;
    use staking::units::BitcoinHeight;

    use super::*;

    const PENDING: StakeState = StakeState::Pending {
        since: BitcoinHeight(100),
    };

    const ENDED: StakeState = StakeState::Ended(StakeEnd::Expired);

    fn known(state: StakeState, consent_number: u32) -> Known {
        Known {
            state,
            consent_number,
            has_share: true,
        }
    }

    #[test]
    fn a_chain_is_told_what_it_lacks_and_nothing_else() {
        use Decision::{Nothing, ShowConsent, ShowStake};
        for (state, consent_number, has_share, expected) in [
            (PENDING, 5, true, Nothing),
            (PENDING, 4, true, ShowConsent),
            (PENDING, 6, true, Nothing),
            (StakeState::Active, 5, true, Nothing),
            (StakeState::Active, 1, true, ShowConsent),
            (StakeState::Active, 1, false, ShowConsent),
            (StakeState::Active, 5, false, Nothing),
            (StakeState::Unproven, 5, true, ShowStake),
            (StakeState::Unproven, 4, true, ShowConsent),
            (StakeState::Unproven, 5, false, Nothing),
            (ENDED, 1, true, Nothing),
            (ENDED, 1, false, Nothing),
        ] {
            let known = known(state, consent_number);
            let decision = decide(5, has_share, Some(known), None);
            assert_eq!(decision, expected, "{known:?}, {has_share}");
        }
        assert_eq!(decide(5, true, None, None), ShowStake);
        assert_eq!(decide(5, false, None, None), Nothing);
    }

    #[test]
    fn a_list_that_leaves_a_chain_something_waits_for_an_hour_after_the_last() {
        use Decision::{Later, ShowConsent, ShowStake};
        let (hour, before) = (RELAY_INTERVAL, Duration::from_mins(59));
        for (state, has_share, shown_since, expected) in [
            (StakeState::Active, true, before, Later),
            (StakeState::Active, true, hour, ShowConsent),
            (StakeState::Active, false, Duration::ZERO, ShowConsent),
            (PENDING, true, before, Later),
            // A further list does not keep it from being proven.
            (StakeState::Unproven, true, before, ShowStake),
        ] {
            let known = Some(known(state, 4));
            let decision = decide(5, has_share, known, Some(shown_since));
            assert_eq!(
                decision, expected,
                "{state:?}, {has_share}, {shown_since:?}"
            );
        }
        // There is nothing left to be taken from it.
        let left_out = Known {
            has_share: false,
            ..known(StakeState::Active, 4)
        };
        assert_eq!(decide(5, false, Some(left_out), Some(before)), Later);
    }

    #[test]
    fn two_lists_under_one_number_are_shown_where_the_stake_is_known_and_has_not_ended() {
        for (known, expected) in [
            (None, Decision::Nothing),
            (Some(known(ENDED, 5)), Decision::Nothing),
            (Some(known(PENDING, 5)), Decision::ShowConflict),
            (Some(known(StakeState::Active, 9)), Decision::ShowConflict),
            (Some(known(StakeState::Unproven, 1)), Decision::ShowConflict),
        ] {
            assert_eq!(decide_conflict(known), expected, "{known:?}");
        }
    }
}
