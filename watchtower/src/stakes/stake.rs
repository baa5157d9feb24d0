//! One stake that is watched. No I/O.

use bitcoin::{OutPoint, Transaction};
use bitcoin_source::BlockId;
use chain::{Awaited, Delegation, DelegationStatus};
use staking::inclusion::InclusionProof;
use staking::units::{BitcoinHeight, BlockInterval};

/// A stake that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stake {
    /// The staking output.
    pub outpoint: OutPoint,
    /// Where the chain has the delegation in its life, when it was asked last.
    pub status: DelegationStatus,
    /// What it waits for.
    pub awaits: Awaited,
    /// Height of its inclusion, where the chain has seen it proven.
    pub proven_at: Option<BitcoinHeight>,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// Whether it expands another stake: reporting that one's spend activates it.
    pub is_expansion: bool,
    /// Where the staking transaction is.
    pub inclusion: Option<Inclusion>,
    /// Another block was read in place of that of its inclusion, and none that has it since.
    pub is_displaced: bool,
    /// What spent the staking output.
    pub spend: Option<Spend>,
    /// The staking output is spent at or above this height, in a block that was not read.
    pub missed_from: Option<BitcoinHeight>,
}

/// A staking transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The block.
    pub block: BlockId,
    /// That it is there.
    pub proof: InclusionProof,
    /// Nobody tries any more to tell the chain.
    pub given_up: bool,
}

/// The spend of a staking output in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// The block.
    pub block: BlockId,
    /// The spending transaction, with its witness.
    pub transaction: Transaction,
    /// That it is there.
    pub proof: InclusionProof,
    /// Nobody tries any more to tell the chain.
    pub given_up: bool,
}

impl Stake {
    /// A delegation of the chain of which nothing is known on Bitcoin yet.
    pub fn of(delegation: &Delegation) -> Self {
        Self {
            outpoint: delegation.staking_outpoint(),
            awaits: delegation.awaits,
            status: delegation.status,
            proven_at: delegation.bitcoin_span.map(|(included, _)| included),
            staking_time: delegation.staking_time,
            unbonding_time: delegation.unbonding_time,
            is_expansion: delegation.expansion.is_some(),
            inclusion: None,
            is_displaced: false,
            spend: None,
            missed_from: None,
        }
    }

    /// Notes what the chain says of it now.
    pub fn note(&mut self, delegation: &Delegation) {
        self.status = delegation.status;
        self.awaits = delegation.awaits;
        self.proven_at = delegation.bitcoin_span.map(|(included, _)| included);
    }

    /// Whether it, or more of it, is to be activated.
    pub fn is_to_activate(&self) -> bool {
        let waits = match self.status {
            DelegationStatus::Verified => true,
            DelegationStatus::Active => matches!(self.awaits, Awaited::Tip(_)),
            DelegationStatus::Pending | DelegationStatus::Unbonded | DelegationStatus::Expired => {
                false
            }
        };
        waits && !self.is_expansion && self.spend.is_none()
    }

    /// Whether it must be looked up on Bitcoin again. Whoever learns of a stake that counts does not ask for its block, which
    /// may be below all that will be read; once a reorganisation has undone it, it is proven anew with that block. One that
    /// was displaced may be in a block that was read while its inclusion seemed to be known.
    pub fn is_to_be_found(&self) -> bool {
        let is_sought = self.awaits == Awaited::Registration || self.is_displaced;
        is_sought && self.inclusion.is_none() && self.spend.is_none()
    }

    /// Whether what it waits for rests on the block of its inclusion. A larger share of one that counts does not.
    fn needs_inclusion(&self) -> bool {
        self.is_to_activate() && self.status == DelegationStatus::Verified
    }

    /// Lowest height whose block is needed to finish what was concluded from it.
    pub(super) fn unsettled_at(&self) -> Option<BitcoinHeight> {
        let inclusion = self
            .inclusion
            .as_ref()
            .filter(|inclusion| self.needs_inclusion() && !inclusion.given_up);
        let spend = self.spend.as_ref().filter(|spend| !spend.given_up);
        let inclusion = inclusion.map(|inclusion| inclusion.block.height);
        let spend = spend.map(|spend| spend.block.height);
        match (inclusion, spend) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}
