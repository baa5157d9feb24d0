//! Where the coins of a stake are, by what our own Bitcoin node has of its outputs. No I/O.

use bitcoin_source::ConfirmedOutput;
use chain::mesh::{ListedStake, TableTerms};
use staking::units::{BitcoinHeight, BlockInterval};

/// Where the coins of a stake are, as our own Bitcoin node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coins {
    /// In the staking output, in the block at this height, and locked for as long as the table counts.
    Staked(BitcoinHeight),
    /// In the unbonding output, and locked for as long as the table counts.
    Unbonding,
    /// Burnt by a slashing transaction of the stake's own: they were there, and have paid. The instance takes no vote of
    /// their provider.
    Burnt,
    /// Burnt likewise, but the instance still takes votes of their provider, whose key is out.
    BurntUnheard,
    /// Nowhere that a slashing transaction could burn them while the table counts, and not burnt: never there, free, spent,
    /// or free too soon.
    Gone,
}

/// A stake as the instance lists it, and as our own Bitcoin node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenStake {
    /// The instance's words.
    pub stake: ListedStake,
    /// What is behind them.
    pub coins: Coins,
}

impl Coins {
    /// Whether nothing stands behind the stake.
    pub(super) fn are_gone(self) -> bool {
        matches!(self, Self::Gone | Self::BurntUnheard)
    }
}

/// The height after which the coins that a table counts may become free: until then it makes checkpoints final, and what it
/// counted must be left to be burnt for as long as slashing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Free(BitcoinHeight);

impl Free {
    /// Of a table that was cut at `cut`, while Bitcoin is at `tip`.
    pub(super) fn after(cut: BitcoinHeight, tip: BitcoinHeight, terms: TableTerms) -> Self {
        let counts_until = cut.0.saturating_add(terms.max_age).max(tip.0);
        // An output is free in the very block in which its timelock ends.
        let margin = terms.slash_margin.max(1);
        Self(BitcoinHeight(counts_until.saturating_add(margin)))
    }

    /// Whether an output in the block at `height` becomes free later only, with a timelock of so many blocks.
    fn is_later(self, height: BitcoinHeight, blocks: u32) -> bool {
        let end = height.0.checked_add(blocks);
        end.is_some_and(|end| end > self.0.0)
    }
}

/// The height of an output's block.
fn height(output: ConfirmedOutput, tip: BitcoinHeight) -> BitcoinHeight {
    let height = tip.0.saturating_add(1);
    BitcoinHeight(height.saturating_sub(output.confirmations))
}

/// Where a staking output is, if it is in a block, unspent, of the value that counts, and locked for long enough. The
/// instance's word for its block, and so for its end, is not taken: an old output can be shown again in a made-up block.
pub(super) fn staked(
    stake: &ListedStake,
    output: Option<ConfirmedOutput>,
    tip: BitcoinHeight,
    free: Free,
) -> Coins {
    let Some(output) = output.filter(|output| output.value == stake.value) else {
        return Coins::Gone;
    };
    let height = height(output, tip);
    match stake.end.0.checked_sub(stake.start.0) {
        Some(timelock) if free.is_later(height, timelock) => Coins::Staked(height),
        _ => Coins::Gone,
    }
}

/// Where coins are that have left their staking output, by what blocks have of the unbonding output and whether they have
/// an output of a slashing transaction: the staker's change is locked as long as unbonding takes.
pub(super) fn spent(
    unbonding: Option<ConfirmedOutput>,
    is_burnt: bool,
    is_slashed: bool,
    timelock: BlockInterval,
    tip: BitcoinHeight,
    free: Free,
) -> Coins {
    let blocks = u32::from(timelock.blocks());
    match unbonding {
        Some(output) if free.is_later(height(output, tip), blocks) => Coins::Unbonding,
        _ if !is_burnt => Coins::Gone,
        _ if is_slashed => Coins::Burnt,
        _ => Coins::BurntUnheard,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, OutPoint, Txid};
    use chain::mesh::{StakeStanding, StakeState};
    use eots::PublicKey;

    use super::*;

    const TERMS: TableTerms = TableTerms {
        max_age: 40,
        slash_margin: 20,
    };

    fn stake() -> ListedStake {
        let value = Amount::from_sat(1_000);
        ListedStake {
            outpoint: OutPoint::new(Txid::all_zeros(), 0),
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
                state: StakeState::Active,
                owed: 0,
            },
        }
    }

    fn output(value: u64, confirmations: u32) -> ConfirmedOutput {
        ConfirmedOutput {
            value: Amount::from_sat(value),
            confirmations,
        }
    }

    fn free(cut: u32, tip: u32) -> Free {
        Free::after(BitcoinHeight(cut), BitcoinHeight(tip), TERMS)
    }

    #[test]
    fn coins_must_be_locked_for_as_long_as_the_table_counts_and_slashing_takes() {
        assert_eq!(free(100, 110), Free(BitcoinHeight(160)));
        assert_eq!(free(100, 140), Free(BitcoinHeight(160)));
        assert_eq!(free(100, 150), Free(BitcoinHeight(170)));
        let none = TableTerms {
            max_age: 0,
            slash_margin: 0,
        };
        let next = Free::after(BitcoinHeight(100), BitcoinHeight(100), none);
        // What the block after the tip may spend is free.
        assert!(!next.is_later(BitcoinHeight(91), 10) && next.is_later(BitcoinHeight(92), 10));
        assert!(!next.is_later(BitcoinHeight(u32::MAX), 1));
    }

    #[test]
    fn a_staking_output_counts_while_it_is_locked_and_worth_what_is_said() {
        let stake = stake();
        let at = |output, tip| staked(&stake, output, BitcoinHeight(tip), free(200, tip));
        assert_eq!(at(None, 200), Coins::Gone);
        assert_eq!(
            at(Some(output(1_000, 101)), 200),
            Coins::Staked(stake.start)
        );
        let newer = Coins::Staked(BitcoinHeight(200));
        assert_eq!(at(Some(output(1_000, 1)), 200), newer);
        assert_eq!(at(Some(output(999, 101)), 200), Coins::Gone);
        assert_eq!(
            at(Some(output(1_000, 280)), 379),
            Coins::Staked(stake.start)
        );
        assert_eq!(at(Some(output(1_000, 281)), 380), Coins::Gone);
    }

    #[test]
    fn the_end_of_a_stake_is_told_by_its_block_on_our_own_node() {
        let mut stake = stake();
        let at = |stake: &ListedStake, confirmations| {
            let tip = BitcoinHeight(500);
            let output = Some(output(1_000, confirmations));
            staked(stake, output, tip, free(490, 500))
        };
        // Its timelock of 300 blocks is over, or nearly; the instance was shown it in a block at 480.
        stake.start = BitcoinHeight(480);
        stake.end = BitcoinHeight(780);
        assert_eq!(at(&stake, 401), Coins::Gone);
        assert_eq!(at(&stake, 301), Coins::Gone);
        assert_eq!(at(&stake, 251), Coins::Gone);
        assert_eq!(at(&stake, 250), Coins::Staked(BitcoinHeight(251)));
        stake.end = BitcoinHeight(479);
        assert_eq!(at(&stake, 1), Coins::Gone);
    }

    #[test]
    fn coins_that_left_are_unbonding_while_they_are_locked_or_burnt() {
        let timelock = BlockInterval::new(100).unwrap();
        let at = |unbonding, is_burnt, is_slashed, cut, tip| {
            let tip = BitcoinHeight(tip);
            let free = free(cut, tip.0);
            spent(unbonding, is_burnt, is_slashed, timelock, tip, free)
        };
        // The table counts for 40 blocks more, and slashing takes 20.
        assert_eq!(
            at(Some(output(1, 1)), false, false, 200, 200),
            Coins::Unbonding
        );
        assert_eq!(
            at(Some(output(1, 40)), false, false, 200, 200),
            Coins::Unbonding
        );
        assert_eq!(at(Some(output(1, 41)), false, false, 200, 200), Coins::Gone);
        assert_eq!(
            at(Some(output(1, 70)), false, false, 200, 230),
            Coins::Unbonding
        );
        assert_eq!(at(Some(output(1, 71)), false, false, 200, 230), Coins::Gone);
        assert_eq!(
            at(Some(output(1, 80)), false, false, 200, 300),
            Coins::Unbonding
        );
        assert_eq!(at(Some(output(1, 81)), false, false, 200, 300), Coins::Gone);
        assert_eq!(at(None, true, true, 200, 200), Coins::Burnt);
        assert_eq!(at(None, true, false, 200, 200), Coins::BurntUnheard);
        assert_eq!(at(None, false, true, 200, 200), Coins::Gone);
    }
}
