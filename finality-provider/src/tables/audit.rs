//! How far a table is from what our own Bitcoin node says of its stakes. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chain::mesh::{ListedStake, StakeEnd, StakeState};
use eots::PublicKey;
use mesh_core::table::Table;
use staking::units::BitcoinHeight;

/// How much of a table may differ, in hundredths: more than one stale stake, less than an attack needs.
const TOLERANCE: u128 = 10;

/// Basis points of everything.
const WHOLE: u128 = 10_000;

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

/// How far a table is from what our own Bitcoin node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Findings {
    /// The table's epoch.
    pub epoch: u64,
    /// Weight of the table. Satoshi.
    pub total: u64,
    /// Weight that stands on stakes which the node does not know, or whose coins got away before they could be burnt. Satoshi.
    pub unbacked: u64,
    /// Weight that was taken out although the node knows its coins to be where they were. Satoshi.
    pub removed: u64,
    /// The block at which the table was cut, where it is not on the node's chain. That alone is no reason to differ: a
    /// block that lost a race against another changes nothing that counts.
    pub foreign_cut: Option<String>,
    /// Providers of the table whose stakes were burnt and that the instance does not know to be slashed.
    pub unslashed: BTreeSet<PublicKey>,
}

impl Coins {
    /// Whether nothing stands behind the stake.
    fn are_gone(self) -> bool {
        matches!(self, Self::Gone | Self::BurntUnheard)
    }
}

impl Findings {
    /// Whether more differs than is tolerated.
    pub(super) fn differ(&self) -> bool {
        self.deviation().saturating_mul(100) > u128::from(self.total).saturating_mul(TOLERANCE)
    }

    /// What differs in all. Satoshi.
    fn deviation(&self) -> u128 {
        u128::from(self.unbacked).saturating_add(self.removed.into())
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} sat in the table of epoch {} differ from what the own Bitcoin node says ({TOLERANCE} % are tolerated): \
             {} stand on outputs that it does not know or whose coins got away, {} were taken out although it knows \
             their outputs as unspent",
            self.deviation(),
            self.total,
            self.epoch,
            self.unbacked,
            self.removed
        )?;
        if let Some(block) = &self.foreign_cut {
            write!(
                f,
                "; the table was cut at {block}, which is not on its chain"
            )?;
        }
        for provider in &self.unslashed {
            write!(
                f,
                "; a stake with provider {provider} was burnt, so its key is out, and the instance still takes its votes: have \
                 it slashed there"
            )?;
        }
        Ok(())
    }
}

/// What stands behind one provider. Satoshi.
#[derive(Debug, Clone, Copy, Default)]
struct Behind {
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
    fn add(&mut self, seen: &SeenStake, cut: BitcoinHeight, tip: BitcoinHeight) {
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
    fn unbacked(&self, weight: u64) -> u64 {
        // What counts and is gone explains the rest of the weight before what has changed since does: a fake is not to hide
        // behind a share that shrank.
        let open = weight.saturating_sub(self.backed);
        let gone = self.gone.min(open);
        let changed = self.shrunk.saturating_add(self.contested);
        gone.saturating_add(open.saturating_sub(gone).saturating_sub(changed))
    }

    /// What was taken out wrongly and is not in the table's weight.
    fn removed(&self, weight: u64) -> u64 {
        let all = self.backed.saturating_add(self.contested);
        self.contested.min(all.saturating_sub(weight))
    }
}

/// What of a stake counts, or would if it was active. Satoshi.
fn share(stake: &ListedStake) -> u64 {
    let value = u128::from(stake.value.to_sat());
    let share = value.saturating_mul(stake.standing.basis_points.into());
    u64::try_from(share.div_euclid(WHOLE)).unwrap_or(u64::MAX)
}

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

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, OutPoint, Txid};
    use chain::mesh::StakeStanding;
    use eots::SecretKey;
    use eots::commitment::Commitment;
    use mesh_core::Domain;
    use mesh_core::commit::Commit;
    use mesh_core::table::{Entry, Term};

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

    #[test]
    fn a_tenth_is_tolerated_and_no_more() {
        let differ = |unbacked, removed| {
            let findings = Findings {
                epoch: 1,
                total: 1_000,
                unbacked,
                removed,
                foreign_cut: None,
                unslashed: BTreeSet::new(),
            };
            findings.differ()
        };
        assert!(!differ(0, 0) && !differ(100, 0) && !differ(50, 50));
        assert!(differ(101, 0) && differ(0, 101) && differ(50, 51));
        assert!(differ(u64::MAX, u64::MAX));
    }
}
