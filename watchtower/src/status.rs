//! How the watchtower is doing, for `/status` and for people.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::{Amount, Txid};
use chain::SecuredChain;
use serde::{Deserialize, Serialize};
use staking::units::BitcoinHeight;

use crate::config::Roles;

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

/// The keys that are out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysStatus {
    /// Finality providers whose keys are out on any chain, hex.
    pub out: Vec<String>,
    /// How many of them this chain was shown since the start of the process.
    pub shown: u64,
}

/// The upkeep of a partner chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpkeepStatus {
    /// The epoch in force.
    pub epoch: u64,
    /// The next checkpoint to become final.
    pub next: u64,
    /// The last checkpoint of the epoch.
    pub last: u64,
    /// Whether the next table is ready.
    pub next_table_ready: bool,
    /// What the chain refuses, and why.
    pub refused: Option<String>,
    /// Messages taken by the chain since the start of the process.
    pub sent: u64,
}

/// What became of one delegation of a slashed provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlashedDelegation {
    /// Its staking transaction.
    pub staking_txid: Txid,
    /// Where it is, in words.
    pub state: String,
}

/// Where the roles of one chain write how they are doing.
#[derive(Debug, Clone)]
pub struct Board {
    name: String,
    chain_id: String,
    account: String,
    roles: Roles,
    kind: Kind,
    /// The header reporter.
    pub headers: Cell<HeadersStatus>,
    /// Activation and unbonding.
    pub stakes: Cell<StakesStatus>,
    /// The checkpoint submitter.
    pub checkpoints: Cell<CheckpointsStatus>,
    /// The slasher.
    pub slashing: Cell<SlashingStatus>,
    /// The keys that are out.
    pub keys: Cell<KeysStatus>,
    /// The upkeep.
    pub upkeep: Cell<UpkeepStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Babylon,
    Partner,
}

impl Board {
    /// An empty one.
    pub fn new(secured: &SecuredChain, account: &str, roles: Roles) -> Self {
        Self {
            name: secured.name().to_owned(),
            chain_id: secured.chain_id().to_owned(),
            account: account.to_owned(),
            roles,
            kind: match secured {
                SecuredChain::Babylon(_) => Kind::Babylon,
                SecuredChain::Partner(_) => Kind::Partner,
            },
            headers: Cell::default(),
            stakes: Cell::default(),
            checkpoints: Cell::default(),
            slashing: Cell::default(),
            keys: Cell::default(),
            upkeep: Cell::default(),
        }
    }

    /// What is on it.
    pub fn status(&self) -> ChainStatus {
        let roles = self.roles;
        let (on_babylon, on_partner) = (self.kind == Kind::Babylon, self.kind == Kind::Partner);
        ChainStatus {
            name: self.name.clone(),
            chain_id: self.chain_id.clone(),
            account: self.account.clone(),
            headers: roles.headers.then(|| self.headers.get()),
            stakes: (roles.activation || roles.unbonding).then(|| self.stakes.get()),
            checkpoints: (roles.checkpoints && on_babylon).then(|| self.checkpoints.get()),
            slashing: roles.slashing.then(|| self.slashing.get()),
            keys: roles.keys.then(|| self.keys.get()),
            upkeep: (roles.upkeep && on_partner).then(|| self.upkeep.get()),
        }
    }
}

/// One chain, as `/status` shows it; a role that is switched off is absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ChainStatus {
    /// What the configuration calls it.
    pub name: String,
    /// Its id.
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
    /// The keys that are out.
    pub keys: Option<KeysStatus>,
    /// The upkeep.
    pub upkeep: Option<UpkeepStatus>,
}

/// Everything, as `/status` shows it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// Babylon, where it is served.
    #[serde(flatten)]
    pub babylon: Option<ChainStatus>,
    /// The partner chains.
    pub chains: Vec<ChainStatus>,
    /// Items that were given up on; `parked list` shows them.
    pub parked: usize,
}

impl Status {
    /// Of all chains.
    pub fn of(chains: impl IntoIterator<Item = ChainStatus>, parked: usize) -> Self {
        let (mut babylon, chains): (Vec<_>, Vec<_>) = chains
            .into_iter()
            .partition(|chain| chain.name == chain::mesh::BABYLON);
        Self {
            babylon: babylon.pop(),
            chains,
            parked,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chain in self.babylon.iter().chain(&self.chains) {
            chain.fmt(f)?;
        }
        write!(f, "parked       {}", self.parked)
    }
}

impl fmt::Display for ChainStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, chain_id) = (&self.name, &self.chain_id);
        writeln!(f, "chain        {name} ({chain_id}) as {}", self.account)?;
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
        if let Some(keys) = &self.keys {
            for key in &keys.out {
                writeln!(f, "keys         {key} is out")?;
            }
        }
        if let Some(upkeep) = &self.upkeep {
            let UpkeepStatus {
                epoch, next, last, ..
            } = upkeep;
            writeln!(
                f,
                "upkeep       epoch {epoch}, checkpoint {next} is next, {last} the last"
            )?;
            if let Some(reason) = &upkeep.refused {
                writeln!(f, "             refused: {reason}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again_with_babylon_and_without_it() {
        let chain = |name: &str| ChainStatus {
            name: name.to_owned(),
            headers: Some(HeadersStatus::default()),
            ..ChainStatus::default()
        };
        for names in [&["babylon", "x"][..], &["x", "y"], &["babylon"]] {
            let status = Status::of(names.iter().map(|name| chain(name)), 3);
            let shown = serde_json::to_value(&status).unwrap();
            let is_served = names.contains(&"babylon");
            assert_eq!(shown.get("headers").is_some(), is_served, "{shown}");
            let read: Status = serde_json::from_value(shown.clone()).unwrap();
            assert_eq!(read.babylon.is_some(), is_served, "{shown}");
            assert_eq!(read.to_string(), status.to_string());
            for name in names {
                assert!(status.to_string().contains(name), "{status}");
            }
        }
    }
}
