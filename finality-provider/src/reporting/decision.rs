//! What a partner chain is told of a stake.

use std::time::Duration;

use chain::mesh::StakeState;

/// A newer list that takes nothing from a chain is shown to it once in so long: the staker signs it for nothing, and showing
/// it costs us gas.
pub(super) const RELAY_INTERVAL: Duration = Duration::from_hours(1);

/// What a chain knows of a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Where the stake stands there.
    pub(super) state: StakeState,
    /// Number of the newest consent that it was shown.
    pub(super) consent_number: u32,
    /// The chain's share that counts there, or the larger one that waits, in basis points.
    pub(super) share: u16,
}

/// What the newest consent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its number.
    pub(super) number: u32,
    /// The chain's share in basis points, if it has one.
    pub(super) share: Option<u16>,
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

/// What a chain is told of a stake; `shown_since` says how long ago we showed it a consent for this stake.
pub(super) fn decide(
    wanted: Wanted,
    known: Option<Known>,
    shown_since: Option<Duration>,
) -> Decision {
    let has_share = wanted.share.is_some();
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
        _ if known.consent_number < wanted.number => {
            let lowers = wanted.share.unwrap_or_default() < known.share;
            let is_just_now = shown_since.is_some_and(|since| since < RELAY_INTERVAL);
            if is_just_now && !lowers {
                Decision::Later
            } else {
                Decision::ShowConsent
            }
        }
        // A reorganisation undid its block: inclusion is proven anew.
        StakeState::Unproven if has_share => Decision::ShowStake,
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
            share: 10,
        }
    }

    fn wanted(share: Option<u16>) -> Wanted {
        Wanted { number: 5, share }
    }

    #[test]
    fn a_chain_is_told_what_it_lacks_and_nothing_else() {
        use Decision::{Nothing, ShowConsent, ShowStake};
        let share = Some(20);
        for (state, consent_number, share, expected) in [
            (PENDING, 5, share, Nothing),
            (PENDING, 4, share, ShowConsent),
            (PENDING, 6, share, Nothing),
            (StakeState::Active, 5, share, Nothing),
            (StakeState::Active, 1, share, ShowConsent),
            (StakeState::Active, 1, None, ShowConsent),
            (StakeState::Active, 5, None, Nothing),
            (StakeState::Unproven, 5, share, ShowStake),
            (StakeState::Unproven, 4, share, ShowConsent),
            (StakeState::Unproven, 5, None, Nothing),
            (ENDED, 1, share, Nothing),
            (ENDED, 1, None, Nothing),
        ] {
            let known = known(state, consent_number);
            let decision = decide(wanted(share), Some(known), None);
            assert_eq!(decision, expected, "{known:?}, {share:?}");
        }
        assert_eq!(decide(wanted(share), None, None), ShowStake);
        assert_eq!(decide(wanted(None), None, None), Nothing);
    }

    #[test]
    fn a_list_that_takes_nothing_away_waits_for_an_hour_after_the_last() {
        use Decision::{Later, ShowConsent};
        let hour = RELAY_INTERVAL;
        let before = Duration::from_mins(59);
        for (share, shown_since, expected) in [
            (Some(20), Some(before), Later),
            (Some(10), Some(before), Later),
            (Some(20), Some(hour), ShowConsent),
            (Some(9), Some(Duration::ZERO), ShowConsent),
            (None, Some(Duration::ZERO), ShowConsent),
        ] {
            let known = known(StakeState::Active, 4);
            let decision = decide(wanted(share), Some(known), shown_since);
            assert_eq!(decision, expected, "{share:?}, {shown_since:?}");
        }
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
