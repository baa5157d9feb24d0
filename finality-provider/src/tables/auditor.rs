//! Asks a partner chain and our own Bitcoin node, and keeps the [`Verdicts`] of the chain up to date.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, OutPoint};
use bitcoin_source::{BitcoinSource, Bitcoind, ConfirmedOutput, NodeStatus, SourceError};
use chain::ChainError;
use chain::mesh::{self, HandedOver, ListedStake, Mesh, StakeState};
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

/// Compares the tables of one partner chain with our own Bitcoin node.
pub struct Auditor {
    config: mesh::Config,
    /// Connected when first needed.
    chain: Option<Mesh>,
    bitcoin: Bitcoind,
    interval: Duration,
    verdicts: Verdicts,
    /// Of the providers that vote there.
    statuses: Vec<StatusCell>,
    /// When a table was looked at last, and what was Bitcoin's newest block then.
    looked: BTreeMap<[u8; 32], (BlockHash, Instant)>,
}

impl Auditor {
    /// Looks at the tables of the chain every `interval`, and tells the providers there what it finds.
    pub fn new(
        config: mesh::Config,
        bitcoin: Bitcoind,
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
            let findings = self.look_at(table, &bitcoin).await?;
            self.tell(&findings);
            self.verdicts.set(table.head().root, findings);
            self.looked.insert(table.head().root, (tip, Instant::now()));
        }
        Ok(self.verdicts.differing())
    }

    async fn look_at(&self, table: &Table, bitcoin: &NodeStatus) -> Result<Findings, AuditError> {
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
        let mut seen = self.staked(stakes, tip).await?;
        for position in undecided(table, &seen, tip) {
            if let Some(stake) = seen.get_mut(position) {
                stake.coins = self.spent(chain, &stake.stake).await?;
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
    ) -> Result<Vec<SeenStake>, SourceError> {
        let outpoints: Vec<OutPoint> = stakes.iter().map(|stake| stake.outpoint).collect();
        let outputs = self.bitcoin.confirmed_outputs(&outpoints).await?;
        Ok(stakes
            .into_iter()
            .zip(outputs)
            .map(|(stake, output)| SeenStake {
                coins: staked(&stake, output, tip),
                stake,
            })
            .collect())
    }

    /// Where the coins of a stake are that are not in its staking output.
    async fn spent(&self, chain: &Mesh, stake: &ListedStake) -> Result<Coins, AuditError> {
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
        Ok(spent(unbonding, outputs.flatten().next(), exits.timelock))
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
        for status in &self.statuses {
            status.set_next_table(NextTable {
                epoch: findings.epoch,
                total: findings.total,
                unbacked: findings.unbacked,
                removed: findings.removed,
                agrees: !findings.differ(),
            });
        }
    }
}

/// Where a staking output is, if it is in a block, unspent, locked, and of the value that counts.
fn staked(stake: &ListedStake, output: Option<ConfirmedOutput>, tip: BitcoinHeight) -> Coins {
    match output {
        Some(output) if output.value == stake.value && tip < stake.end => {
            let height = tip.0.saturating_add(1).saturating_sub(output.confirmations);
            Coins::Staked(BitcoinHeight(height))
        }
        _ => Coins::Gone,
    }
}

/// Where coins are that have left their staking output, by what blocks have of the unbonding output and, of the slashing
/// transactions, of any: the staker's change is locked as long as unbonding takes.
fn spent(
    unbonding: Option<ConfirmedOutput>,
    slashing: Option<ConfirmedOutput>,
    timelock: BlockInterval,
) -> Coins {
    let locked = |output: ConfirmedOutput| output.confirmations <= u32::from(timelock.blocks());
    if unbonding.is_some_and(locked) {
        Coins::Unbonding
    } else if slashing.is_some() {
        Coins::Burnt
    } else {
        Coins::Gone
    }
}

/// Which stakes matter so that it must be found out where their coins went: those that count, and where a table's weight is
/// not explained by them, those that have ended.
fn undecided(table: &Table, seen: &[SeenStake], tip: BitcoinHeight) -> Vec<usize> {
    let is_unexplained = audit(table, seen, tip).unbacked > 0;
    let matters = |seen: &SeenStake| match seen.stake.standing.state {
        StakeState::Active => true,
        StakeState::Ended(_) => is_unexplained && table.entry(&seen.stake.provider).is_some(),
        StakeState::Pending { .. } | StakeState::Unproven => false,
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
    use chain::mesh::StakeStanding;
    use eots::PublicKey;

    use super::*;

    #[test]
    fn a_staking_output_counts_while_it_is_locked_and_worth_what_is_said() {
        let value = Amount::from_sat(1_000);
        let stake = ListedStake {
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
        };
        let output = |value, confirmations| {
            Some(ConfirmedOutput {
                value,
                confirmations,
            })
        };
        let at = |output, tip| staked(&stake, output, BitcoinHeight(tip));
        assert_eq!(at(None, 200), Coins::Gone);
        assert_eq!(at(output(value, 101), 200), Coins::Staked(stake.start));
        assert_eq!(at(output(value, 1), 200), Coins::Staked(BitcoinHeight(200)));
        assert_eq!(at(output(Amount::from_sat(999), 101), 200), Coins::Gone);
        assert_eq!(at(output(value, 300), 399), Coins::Staked(stake.start));
        assert_eq!(at(output(value, 301), 400), Coins::Gone);
    }

    #[test]
    fn coins_that_left_are_unbonding_while_they_are_locked_or_burnt() {
        let timelock = BlockInterval::new(100).unwrap();
        let output = |confirmations| {
            Some(ConfirmedOutput {
                value: Amount::ONE_SAT,
                confirmations,
            })
        };
        assert_eq!(spent(output(1), None, timelock), Coins::Unbonding);
        assert_eq!(spent(output(100), None, timelock), Coins::Unbonding);
        assert_eq!(spent(output(101), None, timelock), Coins::Gone);
        assert_eq!(spent(None, output(500), timelock), Coins::Burnt);
        assert_eq!(spent(None, None, timelock), Coins::Gone);
    }
}
