//! Asks a partner chain and our own Bitcoin node, and keeps the [`Verdicts`] of the chain up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, OutPoint};
use bitcoin_source::{BitcoinSource, Bitcoind, ConfirmedOutput, NodeStatus, SourceError};
use chain::ChainError;
use chain::mesh::{self, HandedOver, ListedStake, Mesh, StakeState, TableTerms};
use eots::PublicKey;
use mesh_core::table::Table;
use staking::units::{BitcoinHeight, BlockInterval};

use super::Verdicts;
use super::audit::{Coins, Findings, SeenStake, audit};
use crate::metrics::show;
use crate::provider::{Concern, Next, NextTable, StatusCell, Worker};

/// A table that differs is looked at again after this time even where Bitcoin has no new block.
const AGAIN: Duration = Duration::from_secs(30);

/// Why a round brought no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The chain did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The Bitcoin node did not answer.
    #[error(transparent)]
    Bitcoin(#[from] SourceError),
    /// The Bitcoin node is not where Bitcoin is.
    #[error("the own Bitcoin node still catches up: it has block {tip} of {headers}")]
    CatchingUp {
        /// Height of its newest block.
        tip: BitcoinHeight,
        /// Height of the newest header it has heard of.
        headers: BitcoinHeight,
    },
    /// The table is newer than what the Bitcoin node knows.
    #[error(
        "the table of epoch {epoch} was cut at Bitcoin's block {cut}, the own Bitcoin node is at {tip}: is it behind, or \
         was the chain shown blocks that nobody else has?"
    )]
    BehindTable {
        /// The table's epoch.
        epoch: u64,
        /// Height at which it was cut.
        cut: BitcoinHeight,
        /// Height of the node's newest block.
        tip: BitcoinHeight,
    },
}

/// Stakes that had ended when tables were looked at, by the newest table's epoch then: those of later ones count none of them.
#[derive(Debug, Default)]
struct EndedBefore(BTreeMap<u64, BTreeSet<OutPoint>>);

/// So many epochs are remembered: that of the newest table, and what was seen before.
const EPOCHS: usize = 3;

/// Compares the tables of one partner chain with our own Bitcoin node.
pub struct Auditor {
    config: mesh::Config,
    /// Connected when first needed.
    chain: Option<Mesh>,
    bitcoin: Arc<Bitcoind>,
    interval: Duration,
    verdicts: Verdicts,
    /// Of the providers that vote there.
    statuses: Vec<StatusCell>,
    /// When a table was looked at last, and what was Bitcoin's newest block then.
    looked: BTreeMap<[u8; 32], (BlockHash, Instant)>,
    ended: EndedBefore,
}

impl EndedBefore {
    /// Notes what has ended, while the newest table is that of `epoch`.
    fn note(&mut self, epoch: u64, stakes: &[ListedStake]) {
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
    fn leave_out(&self, epoch: u64, seen: &mut Vec<SeenStake>) {
        if let Some((_, ended)) = self.0.range(..epoch).next_back() {
            seen.retain(|seen| {
                let has_ended = matches!(seen.stake.standing.state, StakeState::Ended(_));
                !(has_ended && seen.coins == Coins::Gone && ended.contains(&seen.stake.outpoint))
            });
        }
    }
}

impl Auditor {
    /// Looks at the tables of the chain every `interval`, and tells the providers there what it finds.
    pub fn new(
        config: mesh::Config,
        bitcoin: Arc<Bitcoind>,
        interval: Duration,
        verdicts: Verdicts,
        statuses: Vec<StatusCell>,
    ) -> Self {
        Self {
            config,
            chain: None,
            bitcoin,
            interval,
            verdicts,
            statuses,
            looked: BTreeMap::new(),
            ended: EndedBefore::default(),
        }
    }

    async fn chain(&mut self) -> Result<&Mesh, ChainError> {
        if self.chain.is_none() {
            self.chain = Some(Mesh::watch(self.config.clone()).await?);
        }
        self.chain.as_ref().ok_or(ChainError::Stopped)
    }

    /// Whether a table must be looked at while this is Bitcoin's newest block.
    fn is_due(&self, table: &Table, tip: BlockHash) -> bool {
        let root = &table.head().root;
        let (Some(findings), Some((seen, at))) =
            (self.verdicts.findings(root), self.looked.get(root))
        else {
            return true;
        };
        *seen != tip || findings.differ() && at.elapsed() >= AGAIN
    }

    /// Looks at what votes hand over to; says how far it differs, if that is too much.
    async fn compare(&mut self) -> Result<Option<Findings>, AuditError> {
        let bitcoin = self.bitcoin.check().await?;
        if bitcoin.initial_block_download {
            return Err(AuditError::CatchingUp {
                tip: bitcoin.tip.height,
                headers: bitcoin.headers,
            });
        }
        let HandedOver { in_force, ready } = self.chain().await?.handed_over().await?;
        let epochs = in_force.iter().chain(&ready);
        let newest = epochs.map(|table| table.head().term.epoch).max();
        let is_named = |root: &[u8; 32]| {
            let mut tables = in_force.iter().chain(&ready);
            tables.any(|table| table.head().root == *root)
        };
        self.verdicts.keep(is_named);
        self.looked.retain(|root, _| is_named(root));
        let tip = bitcoin.tip.hash;
        // Usually agreed with while it was the next, and then for good.
        let is_open = |table: &Table| {
            let findings = self.verdicts.findings(&table.head().root);
            findings.is_none_or(|findings| findings.differ())
        };
        let late = in_force.filter(|table| is_open(table) && self.is_due(table, tip));
        let next = ready.filter(|table| self.is_due(table, tip));
        for table in late.iter().chain(&next) {
            let findings = self.look_at(table, newest, &bitcoin).await?;
            self.tell(&findings);
            self.verdicts.set(table.head().root, findings);
            self.looked.insert(table.head().root, (tip, Instant::now()));
        }
        Ok(self.verdicts.differing())
    }

    /// Looks at one table, while the newest is that of `newest`.
    async fn look_at(
        &mut self,
        table: &Table,
        newest: Option<u64>,
        bitcoin: &NodeStatus,
    ) -> Result<Findings, AuditError> {
        let term = &table.head().term;
        let cut = BitcoinHeight(term.cut_height);
        let tip = bitcoin.tip.height;
        if tip < cut {
            return Err(AuditError::BehindTable {
                epoch: term.epoch,
                cut,
                tip,
            });
        }
        let chain = self.chain.as_ref().ok_or(ChainError::Stopped)?;
        tracing::debug!(epoch = term.epoch, %tip, "looks at the stakes of the next table");
        let stakes = chain.listed_stakes().await?;
        if let Some(newest) = newest {
            self.ended.note(newest, &stakes);
        }
        let free = Free::after(cut, tip, chain.table_terms().await?);
        let mut seen = self.staked(stakes, tip, free).await?;
        self.ended.leave_out(term.epoch, &mut seen);
        let undecided = undecided(table, &seen, tip);
        let slashed = if undecided.is_empty() {
            BTreeSet::new()
        } else {
            chain.slashed_providers().await?
        };
        for position in undecided {
            if let Some(stake) = seen.get_mut(position) {
                stake.coins = self.spent(chain, &stake.stake, tip, free, &slashed).await?;
            }
        }
        let mut findings = audit(table, &seen, tip);
        let hash = self.bitcoin.block_hash(cut).await?;
        if hash != BlockHash::from_byte_array(term.cut_hash) {
            let cut_hash = BlockHash::from_byte_array(term.cut_hash);
            findings.foreign_cut = Some(format!("block {cut_hash} at height {cut}"));
        }
        Ok(findings)
    }

    /// Which staking outputs are there.
    async fn staked(
        &self,
        stakes: Vec<ListedStake>,
        tip: BitcoinHeight,
        free: Free,
    ) -> Result<Vec<SeenStake>, SourceError> {
        let outpoints: Vec<OutPoint> = stakes.iter().map(|stake| stake.outpoint).collect();
        let outputs = self.bitcoin.confirmed_outputs(&outpoints).await?;
        Ok(stakes
            .into_iter()
            .zip(outputs)
            .map(|(stake, output)| SeenStake {
                coins: staked(&stake, output, tip, free),
                stake,
            })
            .collect())
    }

    /// Where the coins of a stake are that are not in its staking output.
    async fn spent(
        &self,
        chain: &Mesh,
        stake: &ListedStake,
        tip: BitcoinHeight,
        free: Free,
        slashed: &BTreeSet<PublicKey>,
    ) -> Result<Coins, AuditError> {
        let Some(exits) = chain.stake_exits(stake.outpoint).await? else {
            return Ok(Coins::Gone);
        };
        let outpoints = [&[exits.unbonding], exits.slashing.as_slice()].concat();
        let mut outputs = self
            .bitcoin
            .confirmed_outputs(&outpoints)
            .await?
            .into_iter();
        let unbonding = outputs.next().flatten();
        let is_burnt = outputs.any(|output| output.is_some());
        let is_slashed = slashed.contains(&stake.provider);
        let timelock = exits.timelock;
        Ok(spent(unbonding, is_burnt, is_slashed, timelock, tip, free))
    }

    /// Tells what was found, in the log and to whoever asks for a provider's status.
    fn tell(&self, findings: &Findings) {
        if findings.differ() {
            tracing::error!(%findings, "no vote hands over to this table");
        } else {
            let Findings {
                epoch,
                unbacked,
                removed,
                ..
            } = findings;
            tracing::info!(
                epoch,
                unbacked,
                removed,
                "the table agrees with the own Bitcoin node"
            );
        }
        let table = NextTable {
            epoch: findings.epoch,
            total: findings.total,
            unbacked: findings.unbacked,
            removed: findings.removed,
            agrees: !findings.differ(),
        };
        for status in &self.statuses {
            status.update(|status| status.next_table = Some(table.clone()));
        }
    }
}

/// The height after which the coins that a table counts may become free: until then it makes checkpoints final, and what it
/// counted must be left to be burnt for as long as slashing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Free(BitcoinHeight);

impl Free {
    /// Of a table that was cut at `cut`, while Bitcoin is at `tip`.
    fn after(cut: BitcoinHeight, tip: BitcoinHeight, terms: TableTerms) -> Self {
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
fn staked(
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
fn spent(
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

/// Which stakes matter so that it must be found out where their coins went: those that count, and where a table's weight is
/// not explained by them, those that have ended.
fn undecided(table: &Table, seen: &[SeenStake], tip: BitcoinHeight) -> Vec<usize> {
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

impl Worker for Auditor {
    type Error = AuditError;

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<Next, AuditError> {
        let compared = self.compare().await;
        let hindrance = compared.as_ref().err().map(ToString::to_string);
        self.verdicts.set_hindrance(hindrance);
        Ok(compared?.map_or(Next::Round, |findings| Next::Waiting(findings.to_string())))
    }

    fn ended(&mut self, problem: Option<String>) {
        for status in &self.statuses {
            status.set_problem(Concern::Tables, problem.clone());
            show(&status.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, Txid};
    use chain::mesh::{StakeEnd, StakeStanding};

    use super::*;

    const TERMS: TableTerms = TableTerms {
        max_age: 40,
        slash_margin: 20,
    };

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
        let stake = stake(0, StakeState::Active);
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
        let mut stake = stake(0, StakeState::Active);
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
