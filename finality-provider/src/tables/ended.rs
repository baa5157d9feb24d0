//! Stakes that had ended before a table was cut. No I/O.
//!
//! Only what was seen of an earlier table tells that. The instance says at which height of Bitcoin an output was spent, not when
//! it was told, and whoever deceives it chooses both: a fake that ends after the cut would pass for an older one. So after a
//! restart, until the next table, what has ended and is gone counts as if it had been in the table.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::OutPoint;
use chain::mesh::{ListedStake, StakeState};

use super::coins::{Coins, SeenStake};

/// Stakes that had ended when tables were looked at, by the newest table's epoch then: those of later ones count none of them.
#[derive(Debug, Default)]
pub(super) struct EndedBefore(BTreeMap<u64, BTreeSet<OutPoint>>);

/// So many epochs are remembered: that of the newest table, and what was seen before.
const EPOCHS: usize = 3;

impl EndedBefore {
    /// Notes what has ended, while the newest table is that of `epoch`.
    pub(super) fn note(&mut self, epoch: u64, stakes: &[ListedStake]) {
        let ended = stakes
            .iter()
            .filter(|stake| matches!(stake.standing.state, StakeState::Ended(_)))
            .map(|stake| stake.outpoint);
        self.0.insert(epoch, ended.collect());
        while self.0.len() > EPOCHS {
            self.0.pop_first();
        }
    }

    /// Leaves out what had ended before the table of `epoch` was cut and is gone: only what counted in it can be missed.
    pub(super) fn leave_out(&self, epoch: u64, seen: &mut Vec<SeenStake>) {
        if let Some((_, ended)) = self.0.range(..epoch).next_back() {
            seen.retain(|seen| {
                let has_ended = matches!(seen.stake.standing.state, StakeState::Ended(_));
                !(has_ended && seen.coins == Coins::Gone && ended.contains(&seen.stake.outpoint))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, Txid};
    use chain::mesh::{StakeEnd, StakeStanding};
    use eots::PublicKey;
    use staking::units::BitcoinHeight;

    use super::*;

    fn stake(vout: u32, state: StakeState) -> ListedStake {
        let value = Amount::from_sat(1_000);
        ListedStake {
            outpoint: OutPoint::new(Txid::all_zeros(), vout),
            provider: PublicKey::from_checked_bytes([1; 32]),
            value,
            start: BitcoinHeight(100),
            end: BitcoinHeight(400),
            standing: StakeStanding {
                weight: value,
                basis_points: 10_000,
                increase: None,
                consent_number: 1,
                reward_address: String::new(),
                expires: BitcoinHeight(300),
                state,
                owed: 0,
            },
        }
    }

    #[test]
    fn what_had_ended_when_an_earlier_table_was_looked_at_is_left_out() {
        let ended = StakeState::Ended(StakeEnd::Conflict);
        let listed = [
            stake(0, StakeState::Active),
            stake(1, ended),
            stake(2, ended),
        ];
        let left = |before: &EndedBefore, epoch| {
            let mut seen: Vec<_> = listed
                .iter()
                .map(|stake| SeenStake {
                    stake: ListedStake {
                        standing: StakeStanding {
                            state: ended,
                            ..stake.standing.clone()
                        },
                        ..stake.clone()
                    },
                    coins: Coins::Gone,
                })
                .collect();
            seen[2].coins = Coins::Staked(BitcoinHeight(100));
            before.leave_out(epoch, &mut seen);
            let left = seen.iter().map(|seen| seen.stake.outpoint.vout);
            left.collect::<Vec<_>>()
        };
        let mut before = EndedBefore::default();
        assert_eq!(left(&before, 5), [0, 1, 2]);
        before.note(4, &listed);
        // What ended with the table there may have counted in it, and in none that follows.
        assert_eq!(left(&before, 4), [0, 1, 2]);
        assert_eq!(left(&before, 5), [0, 2]);
        for epoch in 5..=7 {
            before.note(epoch, &[]);
        }
        assert_eq!(left(&before, 5), [0, 1, 2]);
        assert_eq!(left(&before, 8), [0, 1, 2]);
    }
}
