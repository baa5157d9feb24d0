//! The table of an epoch: who votes, with which weight and which committed randomness.
//!
//! Its root is in every vote of the epoch, and the next table's root in the votes for the epoch's last checkpoint; that is
//! how a table comes into force, and how anybody can follow the tables without believing a contract.

use eots::PublicKey;

use crate::Domain;
use crate::commit::Commit;
use crate::hash::{tagged, tree};

/// Most providers of one table.
pub const MAX_ENTRIES: usize = 100;

/// One provider in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The provider.
    pub provider: PublicKey,
    /// Its weight, sat.
    pub weight: u64,
    /// The only randomness that counts in this epoch.
    pub commit: Commit,
}

impl Entry {
    /// The 88 bytes that are a leaf of the table's tree.
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            self.provider.as_bytes().as_slice(),
            &self.weight.to_be_bytes(),
            &self.commit.start().to_be_bytes(),
            &self.commit.checkpoints().to_be_bytes(),
            self.commit.root().as_bytes(),
        ]
        .concat()
    }
}

/// When a table is in force, and the Bitcoin view it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Grows with each human decision that no guarantee spans.
    pub era: u32,
    /// Grows with each table.
    pub epoch: u64,
    /// First checkpoint.
    pub first_checkpoint: u64,
    /// Height of the secured chain at the first checkpoint.
    pub first_height: u64,
    /// Blocks of the secured chain between two checkpoints.
    pub interval: u32,
    /// Number of checkpoints.
    pub checkpoints: u32,
    /// Bitcoin's tip when the table was made.
    pub cut_height: u32,
    /// Its hash, internal byte order.
    pub cut_hash: [u8; 32],
}

impl Term {
    /// Last checkpoint; `None` above 2⁶⁴.
    pub fn last_checkpoint(&self) -> Option<u64> {
        self.first_checkpoint
            .checked_add(u64::from(self.checkpoints).checked_sub(1)?)
    }

    /// Height of the secured chain at a checkpoint; `None` for one of another term.
    pub fn height(&self, checkpoint: u64) -> Option<u64> {
        let number = checkpoint.checked_sub(self.first_checkpoint)?;
        if number >= self.checkpoints.into() {
            return None;
        }
        number
            .checked_mul(self.interval.into())?
            .checked_add(self.first_height)
    }
}

/// What votes and verifiers need of a table: all but its entries.
///
/// Made by [`Table::new`]; whoever takes one from elsewhere vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableHead {
    /// When the table is in force.
    pub term: Term,
    /// Weight of all its providers, sat. It does not change while the table is in force.
    pub total: u64,
    /// What its providers stand to lose together, sat.
    pub at_risk: u64,
    /// What votes name the table by.
    pub root: [u8; 32],
}

impl TableHead {
    /// Whether this weight is more than two thirds of the total; exactly two thirds are not enough.
    pub fn is_quorum(&self, weight: u64) -> bool {
        u128::from(weight).saturating_mul(3) > u128::from(self.total).saturating_mul(2)
    }
}

/// A table that keeps every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    head: TableHead,
    entries: Vec<Entry>,
}

/// What is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// No or too many entries.
    #[error("a table has {0} entries, it must have 1 to {MAX_ENTRIES}")]
    Count(usize),
    /// A key twice, or keys out of order.
    #[error("the providers of a table must be strictly ascending, {0} is not")]
    Order(PublicKey),
    /// A provider that counts for nothing.
    #[error("provider {0} has no weight")]
    Weight(PublicKey),
    /// A provider whose randomness ends too early or begins too late.
    #[error("the commit of provider {0} does not cover every checkpoint of the epoch")]
    Uncovered(PublicKey),
    /// Weights above 2⁶⁴.
    #[error("the weights of the table are too large to add up")]
    Total,
    /// No checkpoints, no blocks between them, or heights above 2⁶⁴.
    #[error("the term of epoch {0} has no checkpoints, no interval, or does not end below 2^64")]
    Term(u64),
}

impl Table {
    /// Checks a table and computes its root; `at_risk` is what its providers stand to lose together, sat.
    ///
    /// # Errors
    ///
    /// Names the first rule broken.
    pub fn new(
        domain: &Domain,
        term: Term,
        at_risk: u64,
        entries: Vec<Entry>,
    ) -> Result<Self, TableError> {
        let count = u32::try_from(entries.len())
            .ok()
            .filter(|_| (1..=MAX_ENTRIES).contains(&entries.len()))
            .ok_or(TableError::Count(entries.len()))?;
        let last = term
            .last_checkpoint()
            .filter(|last| term.interval > 0 && term.height(*last).is_some())
            .ok_or(TableError::Term(term.epoch))?;
        let mut total: u64 = 0;
        let mut before: Option<PublicKey> = None;
        for entry in &entries {
            if before.is_some_and(|before| before >= entry.provider) {
                return Err(TableError::Order(entry.provider));
            }
            before = Some(entry.provider);
            if entry.weight == 0 {
                return Err(TableError::Weight(entry.provider));
            }
            if !entry.commit.covers(term.first_checkpoint, last) {
                return Err(TableError::Uncovered(entry.provider));
            }
            total = total.checked_add(entry.weight).ok_or(TableError::Total)?;
        }
        let leaves: Vec<Vec<u8>> = entries.iter().map(Entry::to_bytes).collect();
        let bytes = [
            domain.as_bytes().as_slice(),
            &term.era.to_be_bytes(),
            &term.epoch.to_be_bytes(),
            &term.first_checkpoint.to_be_bytes(),
            &term.first_height.to_be_bytes(),
            &term.interval.to_be_bytes(),
            &term.checkpoints.to_be_bytes(),
            &term.cut_height.to_be_bytes(),
            &term.cut_hash,
            &total.to_be_bytes(),
            &at_risk.to_be_bytes(),
            &count.to_be_bytes(),
            &tree(&leaves),
        ]
        .concat();
        let head = TableHead {
            term,
            total,
            at_risk,
            root: tagged("btc-mesh/1/table", &bytes),
        };
        Ok(Self { head, entries })
    }

    /// All but its entries.
    pub const fn head(&self) -> &TableHead {
        &self.head
    }

    /// Its providers, ascending by key.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A provider's entry.
    pub fn entry(&self, provider: &PublicKey) -> Option<&Entry> {
        self.entries
            .binary_search_by(|entry| entry.provider.cmp(provider))
            .ok()
            .and_then(|position| self.entries.get(position))
    }
}
