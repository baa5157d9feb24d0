//! What a partner chain is told of a stake.

use chain::mesh::StakeState;

/// What a chain knows of a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Where the stake stands there.
    pub(super) state: StakeState,
    /// Number of the newest consent that it was shown.
    pub(super) consent_number: u32,
}

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing: it knows all of it, or has no part in it.
    Nothing,
    /// The consent, which is newer than what it was shown.
    ShowConsent,
    /// The stake, with the consent.
    ShowStake,
}

/// What a chain is told of a stake whose newest consent has this number; `has_share` says whether the chain is in its list.
pub(super) fn decide(number: u32, has_share: bool, known: Option<Known>) -> Decision {
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
        _ if known.consent_number < number => Decision::ShowConsent,
        // A reorganisation undid its block: inclusion is proven anew.
        StakeState::Unproven if has_share => Decision::ShowStake,
        StakeState::Unproven | StakeState::Pending { .. } | StakeState::Active => Decision::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use chain::mesh::StakeEnd;
    use staking::units::BitcoinHeight;

    use super::*;

    #[test]
    fn a_chain_is_told_what_it_lacks_and_nothing_else() {
        use Decision::{Nothing, ShowConsent, ShowStake};
        let pending = StakeState::Pending {
            since: BitcoinHeight(100),
        };
        let ended = StakeState::Ended(StakeEnd::Expired);
        for (state, consent_number, has_share, expected) in [
            (pending, 5, true, Nothing),
            (pending, 4, true, ShowConsent),
            (pending, 6, true, Nothing),
            (StakeState::Active, 5, true, Nothing),
            (StakeState::Active, 1, true, ShowConsent),
            (StakeState::Active, 1, false, ShowConsent),
            (StakeState::Active, 5, false, Nothing),
            (StakeState::Unproven, 5, true, ShowStake),
            (StakeState::Unproven, 4, true, ShowConsent),
            (StakeState::Unproven, 5, false, Nothing),
            (ended, 1, true, Nothing),
            (ended, 1, false, Nothing),
        ] {
            let known = Known {
                state,
                consent_number,
            };
            let decision = decide(5, has_share, Some(known));
            assert_eq!(decision, expected, "{known:?}, {has_share}");
        }
        assert_eq!(decide(5, true, None), ShowStake);
        assert_eq!(decide(5, false, None), Nothing);
    }
}
