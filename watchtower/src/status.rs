//! How the watchtower is doing, for `/status` and for people.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::{Amount, Txid};
use serde::{Deserialize, Serialize};
use staking::units::BitcoinHeight;

/// Something that one task changes and others look at. Clones are the same thing.
#[derive(Debug, Default)]
pub struct Cell<T>(Arc<Mutex<T>>);

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Cell<T> {
    /// Starts with a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// Reads it.
    pub fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.lock())
    }

    /// Changes it.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // Nothing that can panic runs between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Cell<T> {
    /// A copy of what was written last.
    pub fn get(&self) -> T {
        self.lock().clone()
    }
}

/// The header reporter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadersStatus {
    /// Our node's tip.
    pub bitcoin_tip: BitcoinHeight,
    /// The newest header that the chain knows.
    pub chain_tip: BitcoinHeight,
    /// Headers reported since the start of the process.
    pub reported: u64,
}

/// Activation and unbonding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakesStatus {
    /// Newest block that was read.
    pub scanned: Option<BitcoinHeight>,
    /// Staking outputs that are watched.
    pub watched: usize,
    /// Stakes on Bitcoin whose inclusion is to be proven.
    pub to_activate: usize,
    /// Spent stakes that the chain does not know of yet.
    pub to_report: usize,
    /// Inclusion proofs taken by the chain since the start of the process.
    pub activated: u64,
    /// Spends taken by the chain since the start of the process.
    pub reported: u64,
}

/// The checkpoint submitter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointsStatus {
    /// Where the wallet receives coins.
    pub address: Option<String>,
    /// What the wallet can spend now.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub spendable: Amount,
    /// Everything the wallet owns.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub balance: Amount,
    /// Sealed epochs that are not reported to be on Bitcoin.
    pub sealed: usize,
    /// The epoch that is being put on Bitcoin.
    pub epoch: Option<u64>,
    /// What it waits for.
    pub waits_for: Option<String>,
    /// Newest epoch whose proof the chain took from us since the start of the process.
    pub reported: Option<u64>,
}

/// The slasher.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlashingStatus {
    /// Finality providers whose keys equivocation gave away, hex.
    pub slashed_providers: Vec<String>,
    /// Slashed providers whose key is not known: no evidence of two votes is on the chain.
    pub without_key: Vec<String>,
    /// Delegations of slashed providers, by what became of them; the first ones only where there are many.
    pub delegations: Vec<SlashedDelegation>,
    /// Slashing transactions that are not final yet.
    pub unconfirmed: usize,
    /// Delegations whose slashing is final, since the first start.
    pub finished: usize,
}

/// What became of one delegation of a slashed provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlashedDelegation {
    /// Its staking transaction.
    pub staking_txid: Txid,
    /// Where it is, in words.
    pub state: String,
}

/// Everything, as `/status` shows it; a role that is switched off is absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// Id of the chain.
    pub chain_id: String,
    /// Account that reports.
    pub account: String,
    /// The header reporter.
    pub headers: Option<HeadersStatus>,
    /// Activation and unbonding.
    pub stakes: Option<StakesStatus>,
    /// The checkpoint submitter.
    pub checkpoints: Option<CheckpointsStatus>,
    /// The slasher.
    pub slashing: Option<SlashingStatus>,
    /// Items that were given up on; `parked list` shows them.
    pub parked: usize,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain        {} as {}", self.chain_id, self.account)?;
        if let Some(headers) = &self.headers {
            let (chain, bitcoin) = (headers.chain_tip, headers.bitcoin_tip);
            writeln!(f, "headers      chain at {chain}, bitcoin at {bitcoin}")?;
        }
        if let Some(stakes) = &self.stakes {
            let scanned = stakes
                .scanned
                .map_or("no block yet".to_owned(), |height| height.to_string());
            writeln!(
                f,
                "stakes       {} watched, read up to {scanned}; {} to activate, {} to report",
                stakes.watched, stakes.to_activate, stakes.to_report
            )?;
        }
        if let Some(checkpoints) = &self.checkpoints {
            writeln!(
                f,
                "checkpoints  {} epochs sealed, {} to spend",
                checkpoints.sealed, checkpoints.spendable
            )?;
            if let (Some(epoch), Some(reason)) = (checkpoints.epoch, &checkpoints.waits_for) {
                writeln!(f, "             epoch {epoch} waits for {reason}")?;
            }
        }
        if let Some(slashing) = &self.slashing {
            writeln!(
                f,
                "slashing     {} providers, {} transactions unconfirmed, {} final",
                slashing.slashed_providers.len(),
                slashing.unconfirmed,
                slashing.finished
            )?;
            for key in &slashing.without_key {
                writeln!(f, "             {key} is slashed, its key is not known")?;
            }
            for delegation in &slashing.delegations {
                let SlashedDelegation {
                    staking_txid,
                    state,
                } = delegation;
                writeln!(f, "             {staking_txid} {state}")?;
            }
        }
        write!(f, "parked       {}", self.parked)
    }
}
