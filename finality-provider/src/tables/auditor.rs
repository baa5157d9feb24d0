//! Asks a partner chain and our own Bitcoin node, and keeps the [`Verdicts`] of the chain up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, OutPoint};
use bitcoin_source::{BitcoinSource, Bitcoind, ConfirmedOutput, SourceError};
use chain::ChainError;
use chain::mesh::{self, HandedOver, ListedStake, Mesh};
use eots::PublicKey;
use mesh_core::table::Table;
use staking::units::BitcoinHeight;

use super::Verdicts;
use super::audit::{audit, undecided};
use super::coins::{Coins, Free, SeenStake, spent, staked};
use super::ended::EndedBefore;
use super::findings::Findings;
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

/// A stake as the instance lists it, and what blocks have of its staking output.
type Listed = (ListedStake, Option<ConfirmedOutput>);

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
        // Read once, whichever tables are looked at.
        let mut listed = None;
        for table in late.iter().chain(&next) {
            reaches(bitcoin.tip.height, table)?;
            if listed.is_none() {
                listed = Some(self.list(newest).await?);
            }
            let stakes = listed.as_deref().unwrap_or_default();
            let findings = self.look_at(table, stakes, bitcoin.tip.height).await?;
            self.tell(&findings);
            self.verdicts.set(table.head().root, findings);
            self.looked.insert(table.head().root, (tip, Instant::now()));
        }
        Ok(self.verdicts.differing())
    }

    /// All stakes of the instance, and which of their staking outputs our node has. What has ended is noted, while the newest
    /// table is that of `newest`.
    async fn list(&mut self, newest: Option<u64>) -> Result<Vec<Listed>, AuditError> {
        let stakes = self.chain().await?.listed_stakes().await?;
        if let Some(newest) = newest {
            self.ended.note(newest, &stakes);
        }
        let outpoints: Vec<OutPoint> = stakes.iter().map(|stake| stake.outpoint).collect();
        let outputs = self.bitcoin.confirmed_outputs(&outpoints).await?;
        Ok(stakes.into_iter().zip(outputs).collect())
    }

    /// Looks at one table.
    async fn look_at(
        &self,
        table: &Table,
        listed: &[Listed],
        tip: BitcoinHeight,
    ) -> Result<Findings, AuditError> {
        let term = &table.head().term;
        let cut = BitcoinHeight(term.cut_height);
        let chain = self.chain.as_ref().ok_or(ChainError::Stopped)?;
        tracing::debug!(epoch = term.epoch, %tip, "looks at the stakes of the next table");
        let free = Free::after(cut, tip, chain.table_terms().await?);
        let seen = listed.iter().map(|(stake, output)| SeenStake {
            stake: stake.clone(),
            coins: staked(stake, *output, tip, free),
        });
        let mut seen = seen.collect();
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

/// Refuses to look at a table that was cut above our node's newest block.
fn reaches(tip: BitcoinHeight, table: &Table) -> Result<(), AuditError> {
    let term = &table.head().term;
    let cut = BitcoinHeight(term.cut_height);
    if tip < cut {
        let epoch = term.epoch;
        return Err(AuditError::BehindTable { epoch, cut, tip });
    }
    Ok(())
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
