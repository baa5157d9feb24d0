//! A picture of the service, for people and scripts.

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bitcoin::{Network, Txid};
use serde::{Deserialize, Serialize};
use staking::keys::CovenantKey;

use super::Memory;
use crate::signer::Identity;

/// Most delegations listed as retrying: the picture stays small whatever the chain holds.
const MAX_RETRYING: usize = 100;

/// What the service is and does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Key of the member.
    pub key: CovenantKey,
    /// Its Bitcoin network.
    pub bitcoin_network: Network,
    /// The secured chain.
    pub chain_id: String,
    /// Account that pays the fees.
    pub account: String,
    /// Its balance in the smallest unit of the fee denomination; text, because JSON readers lose digits.
    pub balance: Option<String>,
    /// The newest look at all pending delegations; `None` before the first.
    pub last_pass: Option<LastPass>,
    /// Delegations whose signatures the chain took since the start.
    pub landed: u64,
    /// Delegations being signed or submitted.
    pub busy: usize,
    /// Delegations that are not signed; `covenant parked list` shows them.
    pub parked: usize,
    /// How long the delegation that has waited longest for us has waited.
    pub longest_wait_seconds: u64,
    /// Delegations that are tried again after a failure, at most 100.
    pub retrying: Vec<Retrying>,
}

/// One look at all pending delegations of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPass {
    /// When it began, in seconds since 1970.
    pub at: u64,
    /// Delegations that the chain listed.
    pub pending: u64,
    /// Those that have our signatures and wait for other members.
    pub signed: u64,
    /// Those that could not be read.
    pub unreadable: u64,
}

/// A delegation that is tried again after a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrying {
    /// Its staking transaction.
    pub staking_txid: Txid,
    /// What went wrong last.
    pub reason: String,
}

impl LastPass {
    pub(super) fn at(now: SystemTime) -> Self {
        let at = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        Self {
            at,
            pending: 0,
            signed: 0,
            unreadable: 0,
        }
    }
}

impl Status {
    pub(super) fn new(identity: Identity, chain_id: &str, account: &str) -> Self {
        Self {
            key: identity.key,
            bitcoin_network: identity.network,
            chain_id: chain_id.to_owned(),
            account: account.to_owned(),
            balance: None,
            last_pass: None,
            landed: 0,
            busy: 0,
            parked: 0,
            longest_wait_seconds: 0,
            retrying: Vec::new(),
        }
    }

    pub(super) fn observe(&mut self, memory: &Memory, now: Instant) {
        self.busy = memory.busy();
        self.parked = memory.parked();
        self.longest_wait_seconds = memory.longest_wait(now).as_secs();
        self.retrying = memory
            .retrying()
            .take(MAX_RETRYING)
            .map(|(staking_txid, reason)| Retrying {
                staking_txid: *staking_txid,
                reason: reason.to_owned(),
            })
            .collect();
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "covenant key  {} ({})", self.key, self.bitcoin_network)?;
        writeln!(f, "chain         {}", self.chain_id)?;
        let balance = self.balance.as_deref().unwrap_or("unknown");
        writeln!(f, "fee account   {}, balance {balance}", self.account)?;
        match self.last_pass {
            Some(pass) => writeln!(
                f,
                "pending       {} on the chain, {} of them signed by us, {} unreadable",
                pass.pending, pass.signed, pass.unreadable
            )?,
            None => writeln!(f, "pending       not looked yet")?,
        }
        writeln!(
            f,
            "work          {} landed since the start, {} under way, longest wait {} s",
            self.landed, self.busy, self.longest_wait_seconds
        )?;
        writeln!(f, "parked        {}", self.parked)?;
        for retrying in &self.retrying {
            writeln!(
                f,
                "retrying      {}: {}",
                retrying.staking_txid, retrying.reason
            )?;
        }
        Ok(())
    }
}
