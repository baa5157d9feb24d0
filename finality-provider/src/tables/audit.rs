//! How far a table is from what our own Bitcoin node says of its stakes. No I/O.

use std::collections::BTreeMap;

use chain::mesh::StakeState;
use eots::PublicKey;
use mesh_core::table::Table;
use staking::units::BitcoinHeight;

use super::behind::Behind;
use super::coins::{Coins, SeenStake};
use super::findings::Findings;

/// Compares a table with what our own Bitcoin node, whose newest block is at `tip`, says of all stakes of its instance.
///
/// The stakes are as they stand now; those that have changed since the table was cut are told from the rest by the weights
/// in it.
pub(super) fn audit(table: &Table, stakes: &[SeenStake], tip: BitcoinHeight) -> Findings {
    let head = table.head();
    let cut = BitcoinHeight(head.term.cut_height);
    let mut behind: BTreeMap<PublicKey, Behind> = BTreeMap::new();
    for seen in stakes {
        behind
            .entry(seen.stake.provider)
            .or_default()
            .add(seen, cut, tip);
    }
    for entry in table.entries() {
        behind.entry(entry.provider).or_default();
    }
    let unheard = stakes
        .iter()
        .filter(|seen| seen.coins == Coins::BurntUnheard);
    let mut findings = Findings {
        epoch: head.term.epoch,
        total: head.total,
        unbacked: 0,
        removed: 0,
        foreign_cut: None,
        unslashed: unheard
            .map(|seen| seen.stake.provider)
            .filter(|provider| table.entry(provider).is_some())
            .collect(),
    };
    for (provider, behind) in &behind {
        let weight = table.entry(provider).map_or(0, |entry| entry.weight);
        findings.unbacked = findings.unbacked.saturating_add(behind.unbacked(weight));
        findings.removed = findings.removed.saturating_add(behind.removed(weight));
    }
    findings
}

/// Which stakes matter so that it must be found out where their coins went: those that count, and where a table's weight is
/// not explained by them, those that have ended.
pub(super) fn undecided(table: &Table, seen: &[SeenStake], tip: BitcoinHeight) -> Vec<usize> {
    let is_unexplained = audit(table, seen, tip).unbacked > 0;
    let matters = |seen: &SeenStake| match seen.stake.standing.state {
        StakeState::Active => true,
        StakeState::Ended(_) | StakeState::Unproven => {
            is_unexplained && table.entry(&seen.stake.provider).is_some()
        }
        StakeState::Pending { .. } => false,
    };
    let stakes = seen.iter().enumerate();
    stakes
        .filter(|(_, seen)| seen.coins == Coins::Gone && tip < seen.stake.end && matters(seen))
        .map(|(position, _)| position)
        .collect()
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, OutPoint, Txid};
    use chain::mesh::{ListedStake, StakeEnd, StakeStanding};
    use eots::SecretKey;
    use eots::commitment::Commitment;
    use mesh_core::Domain;
    use mesh_core::commit::Commit;
    use mesh_core::table::{Entry, Term};

    use super::super::behind::share;
    use super::*;

    const TIP: BitcoinHeight = BitcoinHeight(200);
    const START: BitcoinHeight = BitcoinHeight(100);

    const SPENT: StakeState = StakeState::Ended(StakeEnd::Spent(BitcoinHeight(150)));
    const EXPIRED: StakeState = StakeState::Ended(StakeEnd::Expired);
    const CONFLICT: StakeState = StakeState::Ended(StakeEnd::Conflict);
    const PENDING: StakeState = StakeState::Pending { since: START };
    const STAKED: Coins = Coins::Staked(START);

    fn provider(number: u8) -> PublicKey {
        SecretKey::from_bytes(&[number; 32]).unwrap().public_key()
    }

    /// Providers 1, 2 and so on with these weights.
    fn table(weights: &[u64]) -> Table {
        let term = Term {
            era: 0,
            epoch: 1,
            first_checkpoint: 4,
            first_height: 100,
            interval: 1,
            checkpoints: 4,
            cut_height: 190,
            cut_hash: [0; 32],
        };
        let mut entries: Vec<_> = (1..)
            .zip(weights)
            .filter(|(_, weight)| **weight > 0)
            .map(|(number, weight)| Entry {
                provider: provider(number),
                weight: *weight,
                commit: Commit::new(0, 64, Commitment::from_bytes([9; 32])).unwrap(),
            })
            .collect();
        entries.sort_by_key(|entry| entry.provider);
        Table::new(&Domain::from_bytes([7; 32]), term, 0, entries).unwrap()
    }

    /// A stake of 1000 sat, all of it for the instance, which expires at 300.
    fn stake(number: u8, state: StakeState, coins: Coins) -> SeenStake {
        let weight = if state == StakeState::Active {
            1_000
        } else {
            0
        };
        SeenStake {
            stake: ListedStake {
                outpoint: OutPoint::new(Txid::all_zeros(), 0),
                provider: provider(number),
                value: Amount::from_sat(1_000),
                start: START,
                end: BitcoinHeight(400),
                standing: StakeStanding {
                    weight: Amount::from_sat(weight),
                    basis_points: 10_000,
                    increase: None,
                    consent_number: 1,
                    reward_address: String::new(),
                    expires: BitcoinHeight(300),
                    state,
                    owed: 0,
                },
            },
            coins,
        }
    }

    fn active(number: u8, coins: Coins) -> SeenStake {
        stake(number, StakeState::Active, coins)
    }

    fn with_share(mut seen: SeenStake, basis_points: u16) -> SeenStake {
        seen.stake.standing.basis_points = basis_points;
        if seen.stake.standing.state == StakeState::Active {
            seen.stake.standing.weight = Amount::from_sat(share(&seen.stake));
        }
        seen
    }

    #[track_caller]
    fn found(name: &str, weights: &[u64], stakes: &[SeenStake], unbacked: u64, removed: u64) {
        let findings = audit(&table(weights), stakes, TIP);
        let found = (findings.unbacked, findings.removed);
        assert_eq!(found, (unbacked, removed), "{name}");
    }

    #[test]
    fn weight_without_coins_that_can_be_burnt_is_counted() {
        let good = active(1, STAKED);
        found("all is there", &[1_000], std::slice::from_ref(&good), 0, 0);
        let unbonding = active(1, Coins::Unbonding);
        found("can be burnt on its way out", &[1_000], &[unbonding], 0, 0);
        let burnt = active(1, Coins::Burnt);
        found("has paid already", &[1_000], &[burnt], 0, 0);
        let unheard = active(1, Coins::BurntUnheard);
        found("its key still votes", &[1_000], &[unheard], 1_000, 0);
        let mut inflated = active(1, STAKED);
        inflated.stake.standing.weight = Amount::from_sat(3_000);
        found("above its share", &[3_000], &[inflated], 2_000, 0);
        let gone = active(2, Coins::Gone);
        found(
            "unknown or spent",
            &[1_000, 1_000],
            &[good.clone(), gone.clone()],
            1_000,
            0,
        );
        found(
            "no stake at all",
            &[1_000, 700],
            std::slice::from_ref(&good),
            700,
            0,
        );
        let waiting = stake(2, PENDING, STAKED);
        found(
            "it waits",
            &[1_000, 1_000],
            &[good.clone(), waiting],
            1_000,
            0,
        );
        let new = active(1, Coins::Gone);
        found("it counts since", &[1_000], &[good.clone(), new], 0, 0);
        // The weight is capped: no more of it can be wrong than there is.
        found("capped", &[1_000, 300], &[good, gone], 300, 0);
    }

    #[test]
    fn what_a_fake_stake_lends_is_not_hidden_by_what_has_changed_since() {
        let good = active(1, STAKED);
        let ended = stake(1, CONFLICT, Coins::Gone);
        found(
            "ended after the cut",
            &[2_000],
            &[good.clone(), ended],
            1_000,
            0,
        );
        let shared = with_share(active(1, STAKED), 5_000);
        let gone = with_share(active(1, Coins::Gone), 5_000);
        found("beside an unshared half", &[1_000], &[shared, gone], 500, 0);
        let shared = with_share(active(1, STAKED), 1_000);
        for state in [CONFLICT, SPENT, EXPIRED, StakeState::Unproven] {
            for coins in [Coins::Gone, Coins::BurntUnheard] {
                let ended = with_share(stake(1, state, coins), 9_000);
                let stakes = [shared.clone(), ended];
                found("ended, beside a small share", &[1_000], &stakes, 900, 0);
            }
        }
    }

    #[test]
    fn what_had_ended_before_the_table_was_cut_makes_it_no_worse() {
        let less = with_share(active(1, STAKED), 1_000);
        let mut expired = stake(1, EXPIRED, Coins::Gone);
        expired.stake.standing.expires = BitcoinHeight(190);
        let dropped = stake(1, StakeState::Ended(StakeEnd::Dropped), Coins::Gone);
        for (name, old) in [("expired", expired.clone()), ("dropped", dropped)] {
            found(name, &[1_000], &[less.clone(), old], 0, 0);
        }
        expired.stake.standing.expires = BitcoinHeight(191);
        found("expired since", &[1_000], &[less, expired], 900, 0);
        // Where the weight is explained, nothing that is gone is missed.
        let good = active(1, STAKED);
        let old = stake(1, SPENT, Coins::Gone);
        found("all is there", &[1_000], &[good, old], 0, 0);
    }

    #[test]
    fn a_provider_whose_key_is_out_and_still_votes_is_named() {
        let stakes = [active(1, STAKED), active(2, Coins::BurntUnheard)];
        let findings = audit(&table(&[1_000, 1_000]), &stakes, TIP);
        let text = findings.to_string();
        assert!(text.contains(&provider(2).to_string()), "{text}");
        assert!(!text.contains(&provider(1).to_string()), "{text}");
    }

    #[test]
    fn what_has_ended_since_the_table_was_cut_still_stands_behind_it() {
        let good = active(1, STAKED);
        for (name, state, coins) in [
            ("spent, and reported", SPENT, Coins::Unbonding),
            ("burnt, and reported", SPENT, Coins::Burnt),
            ("in conflict", CONFLICT, STAKED),
            ("dropped", StakeState::Ended(StakeEnd::Dropped), STAKED),
            (
                "undone by a reorganisation",
                StakeState::Unproven,
                Coins::Staked(TIP),
            ),
        ] {
            found(
                name,
                &[2_000],
                &[good.clone(), stake(1, state, coins)],
                0,
                0,
            );
        }
        let mut expired = stake(1, EXPIRED, STAKED);
        expired.stake.standing.expires = TIP;
        found("expired", &[2_000], &[good, expired], 0, 0);
        let less = with_share(active(1, STAKED), 2_000);
        found("a share that shrank", &[1_000], &[less], 0, 0);
    }

    #[test]
    fn weight_taken_out_of_coins_that_are_there_is_counted() {
        let good = active(1, STAKED);
        for (name, state) in [
            ("said to be spent", SPENT),
            ("said to be expired, long before", EXPIRED),
            ("said to be undone", StakeState::Unproven),
        ] {
            let other = stake(2, state, STAKED);
            found(name, &[1_000], &[good.clone(), other], 0, 1_000);
            let same = stake(1, state, STAKED);
            found(name, &[1_000], &[good.clone(), same.clone()], 0, 1_000);
            found(
                "in the table all the same",
                &[2_000],
                &[good.clone(), same],
                0,
                0,
            );
        }
        let half = with_share(stake(2, SPENT, STAKED), 5_000);
        found("of its share", &[1_000], &[good.clone(), half], 0, 500);
        for (name, state, coins) in [
            ("rightly spent", SPENT, Coins::Unbonding),
            ("rightly burnt", SPENT, Coins::Burnt),
            ("long gone", SPENT, Coins::Gone),
            ("in conflict", CONFLICT, STAKED),
            ("undone here too", StakeState::Unproven, Coins::Staked(TIP)),
            ("waiting", PENDING, STAKED),
        ] {
            found(
                name,
                &[1_000],
                &[good.clone(), stake(2, state, coins)],
                0,
                0,
            );
        }
    }
}
