//! What stands behind the weight of one provider in a table. No I/O.

use chain::mesh::{ListedStake, StakeEnd, StakeState};
use staking::units::BitcoinHeight;

use super::coins::{Coins, SeenStake};

/// Basis points of everything.
const WHOLE: u128 = 10_000;

/// What stands behind one provider. Satoshi.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Behind {
    /// Weight of active stakes whose coins are there.
    backed: u64,
    /// Weight of active stakes whose coins are gone, and what those would count that have ended and may have been in the
    /// table.
    gone: u64,
    /// What may have counted when the table was cut and can still be burnt: of stakes that have ended since, and of shares
    /// that have shrunk.
    shrunk: u64,
    /// What stakes would count that the instance takes for spent or expired, or for undone, and our node does not.
    contested: u64,
}

impl Behind {
    pub(super) fn add(&mut self, seen: &SeenStake, cut: BitcoinHeight, tip: BitcoinHeight) {
        let SeenStake { stake, coins } = seen;
        let share = share(stake);
        // No stake counts more than its share.
        let weight = stake.standing.weight.to_sat().min(share);
        let place = match (stake.standing.state, coins) {
            (StakeState::Active, coins) if coins.are_gone() => &mut self.gone,
            (StakeState::Active, _) => {
                let value = stake.value.to_sat();
                self.shrunk = self.shrunk.saturating_add(value.saturating_sub(weight));
                &mut self.backed
            }
            // A reorganisation undid its block, but not on our node, where it still is in the same one.
            (StakeState::Unproven, Coins::Staked(height)) if *height == stake.start => {
                &mut self.contested
            }
            (StakeState::Ended(StakeEnd::Spent(_)), Coins::Staked(_)) => &mut self.contested,
            (StakeState::Ended(StakeEnd::Expired), Coins::Staked(_))
                if stake.standing.expires > tip =>
            {
                &mut self.contested
            }
            // A stake that waits is in no table.
            (StakeState::Pending { .. }, _) => return,
            (_, coins) if coins.are_gone() => {
                // No table is cut before what has expired by then has ended, nor has governance dropped any of it since.
                let is_older = stake.standing.expires <= cut
                    || stake.standing.state == StakeState::Ended(StakeEnd::Dropped);
                if is_older {
                    return;
                }
                &mut self.gone
            }
            (StakeState::Unproven | StakeState::Ended(_), _) => &mut self.shrunk,
        };
        let counted = match stake.standing.state {
            StakeState::Active => weight,
            _ => share,
        };
        *place = place.saturating_add(counted);
    }

    /// Of a weight in the table, what nothing stands behind.
    pub(super) fn unbacked(&self, weight: u64) -> u64 {
        // What counts and is gone explains the rest of the weight before what has changed since does: a fake is not to hide
        // behind a share that shrank.
        let open = weight.saturating_sub(self.backed);
        let gone = self.gone.min(open);
        let changed = self.shrunk.saturating_add(self.contested);
        gone.saturating_add(open.saturating_sub(gone).saturating_sub(changed))
    }

    /// What was taken out wrongly and is not in the table's weight.
    pub(super) fn removed(&self, weight: u64) -> u64 {
        let all = self.backed.saturating_add(self.contested);
        self.contested.min(all.saturating_sub(weight))
    }
}

/// What of a stake counts, or would if it was active. Satoshi.
pub(super) fn share(stake: &ListedStake) -> u64 {
    let value = u128::from(stake.value.to_sat());
    let share = value.saturating_mul(stake.standing.basis_points.into());
    u64::try_from(share.div_euclid(WHOLE)).unwrap_or(u64::MAX)
}
