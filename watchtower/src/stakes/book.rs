//! What is known of the stakes that are watched, in memory. No I/O.
//!
//! Blocks are put in as they are connected, and taken back when they are disconnected: everything concluded from a block
//! is undone with it. Each block is looked through once, against all stakes at a time.

use std::collections::{BTreeMap, HashSet};

use bitcoin::{Block, OutPoint, Txid};
use bitcoin_source::{BlockId, SpendIndex};
use staking::inclusion::{InclusionError, InclusionProof};
use staking::units::BitcoinHeight;

use super::stake::{Inclusion, Spend, Stake};

/// All stakes that are watched, by staking output.
#[derive(Debug, Default)]
pub struct Book {
    stakes: BTreeMap<OutPoint, Stake>,
    outputs: SpendIndex<()>,
    /// Staking transactions that have been seen in no block.
    unseen: HashSet<Txid>,
}

impl Book {
    /// Starts watching a stake; one that is watched already is replaced.
    pub fn insert(&mut self, stake: Stake) {
        let outpoint = stake.outpoint;
        self.outputs.insert(outpoint, ());
        if stake.inclusion.is_none() {
            self.unseen.insert(outpoint.txid);
        }
        self.stakes.insert(outpoint, stake);
    }

    /// Stops watching a stake: nothing that can happen to it concerns the chain.
    pub fn remove(&mut self, output: &OutPoint) {
        self.stakes.remove(output);
        self.outputs.remove(output);
        if self.of(output.txid).next().is_none() {
            self.unseen.remove(&output.txid);
        }
    }

    /// The stakes among the outputs of a transaction.
    fn of(&self, txid: Txid) -> impl Iterator<Item = &Stake> {
        let outputs = OutPoint::new(txid, 0)..=OutPoint::new(txid, u32::MAX);
        self.stakes.range(outputs).map(|(_, stake)| stake)
    }

    /// A stake.
    pub fn get(&self, output: &OutPoint) -> Option<&Stake> {
        self.stakes.get(output)
    }

    /// A stake, to be changed.
    pub fn get_mut(&mut self, output: &OutPoint) -> Option<&mut Stake> {
        self.stakes.get_mut(output)
    }

    /// All stakes, by staking output.
    pub fn stakes(&self) -> impl ExactSizeIterator<Item = (&OutPoint, &Stake)> {
        self.stakes.iter()
    }

    /// All stakes, to be changed.
    pub fn stakes_mut(&mut self) -> impl Iterator<Item = (&OutPoint, &mut Stake)> {
        self.stakes.iter_mut()
    }

    /// Puts a block in; one that was put in before changes nothing.
    ///
    /// # Errors
    ///
    /// Refuses a block that is not the one its header commits to.
    pub fn connect(&mut self, id: BlockId, block: &Block) -> Result<(), InclusionError> {
        self.displace(id);
        if !self.unseen.is_empty() {
            for transaction in &block.txdata {
                let txid = transaction.compute_txid();
                if self.unseen.contains(&txid) {
                    self.include(txid, id, block)?;
                }
            }
        }
        let spends: Vec<_> = self
            .outputs
            .spends_in(block)
            .map(|spend| (spend.outpoint, spend.transaction))
            .collect();
        for (staked, transaction) in spends {
            let proof = InclusionProof::new(block, transaction.compute_txid())?;
            if let Some(stake) = self.stakes.get_mut(&staked) {
                stake.missed_from = None;
                stake.spend.get_or_insert_with(|| Spend {
                    block: id,
                    transaction: transaction.clone(),
                    proof,
                    given_up: false,
                });
            }
        }
        Ok(())
    }

    /// Notes that a staking transaction is in a block.
    ///
    /// # Errors
    ///
    /// Refuses a block that does not have it.
    pub fn include(
        &mut self,
        txid: Txid,
        id: BlockId,
        block: &Block,
    ) -> Result<(), InclusionError> {
        let proof = InclusionProof::new(block, txid)?;
        self.unseen.remove(&txid);
        let outputs = OutPoint::new(txid, 0)..=OutPoint::new(txid, u32::MAX);
        for (_, stake) in self.stakes.range_mut(outputs) {
            stake.inclusion = Some(Inclusion {
                block: id,
                proof: proof.clone(),
                given_up: false,
            });
            stake.is_displaced = false;
        }
        Ok(())
    }

    /// Takes back what was concluded of other blocks at the height of this one, which is read. They were asked for and are not
    /// what is read, so nobody disconnects them.
    pub(super) fn displace(&mut self, read: BlockId) {
        let is_replaced = |it: &Inclusion| it.block.height == read.height && it.block != read;
        for (output, stake) in &mut self.stakes {
            if stake.inclusion.as_ref().is_some_and(is_replaced) {
                stake.inclusion = None;
                stake.is_displaced = true;
                self.unseen.insert(output.txid);
            }
        }
    }

    /// Takes a block back.
    pub fn disconnect(&mut self, id: BlockId) {
        for (output, stake) in &mut self.stakes {
            if stake.inclusion.as_ref().is_some_and(|it| it.block == id) {
                stake.inclusion = None;
                self.unseen.insert(output.txid);
            }
            if stake.spend.as_ref().is_some_and(|it| it.block == id) {
                stake.spend = None;
            }
        }
    }

    /// The lowest height whose block is needed to finish what is under way; everything below was dealt with.
    pub fn unsettled_from(&self) -> Option<BitcoinHeight> {
        self.stakes.values().filter_map(Stake::unsettled_at).min()
    }

    /// The lowest height from which a spend was missed. Asked once for each miss: the caller reads again from there.
    pub fn take_missed(&mut self) -> Option<BitcoinHeight> {
        self.stakes
            .values_mut()
            .filter_map(|stake| stake.missed_from.take())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{BlockHash, Network, Transaction, TxIn, absolute, constants, transaction};
    use chain::{Awaited, DelegationStatus};
    use staking::units::BlockInterval;

    use super::*;

    fn transaction(spends: &[OutPoint], salt: u32) -> Transaction {
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::from_consensus(salt),
            input: spends
                .iter()
                .map(|previous_output| TxIn {
                    previous_output: *previous_output,
                    ..TxIn::default()
                })
                .collect(),
            output: Vec::new(),
        }
    }

    fn block(height: u32, transactions: &[&Transaction]) -> (BlockId, Block) {
        let mut block = constants::genesis_block(Network::Regtest);
        block
            .txdata
            .extend(transactions.iter().map(|it| (*it).clone()));
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        let height = BitcoinHeight(height);
        let hash = block.block_hash();
        (BlockId { height, hash }, block)
    }

    fn block_with_spend_of(output: OutPoint) -> (BlockId, Block) {
        block(12, &[&transaction(&[output], 2)])
    }

    /// A verified stake and its staking transaction.
    fn stake(salt: u32) -> (Stake, Transaction) {
        let staking_tx = transaction(&[], salt);
        let stake = Stake {
            outpoint: OutPoint::new(staking_tx.compute_txid(), 0),
            status: DelegationStatus::Verified,
            awaits: Awaited::Inclusion,
            proven_at: None,
            staking_time: BlockInterval::new(1_000).unwrap(),
            unbonding_time: BlockInterval::new(10).unwrap(),
            is_expansion: false,
            inclusion: None,
            is_displaced: false,
            spend: None,
            missed_from: None,
        };
        (stake, staking_tx)
    }

    #[test]
    fn staking_and_spending_in_one_block_are_both_seen_and_both_undone() {
        let (stake, staking_tx) = stake(1);
        let output = stake.outpoint;
        let spend = transaction(&[stake.outpoint], 2);
        let mut book = Book::default();
        book.insert(stake.clone());
        let (id, block) = block(7, &[&staking_tx, &spend]);
        book.connect(id, &block).unwrap();
        book.connect(id, &block).unwrap();

        let seen = book.get(&output).unwrap();
        assert_eq!(seen.inclusion.as_ref().unwrap().proof.index, 1);
        assert_eq!(seen.spend.as_ref().unwrap().transaction, spend);
        assert!(!seen.is_to_activate(), "there is nothing left to activate");
        assert_eq!(book.unsettled_from(), Some(BitcoinHeight(7)));

        let other = BlockId {
            hash: BlockHash::all_zeros(),
            ..id
        };
        book.disconnect(other);
        assert!(book.get(&output).unwrap().spend.is_some());
        book.disconnect(id);
        assert_eq!(book.get(&output), Some(&stake));
        book.connect(id, &block).unwrap();
        assert!(book.get(&output).unwrap().spend.is_some());
    }

    #[test]
    fn what_was_given_up_on_holds_nothing_back() {
        let (one, staking_tx) = stake(1);
        let output = one.outpoint;
        let mut book = Book::default();
        book.insert(one);
        let (id, block) = block(9, &[&staking_tx]);
        book.connect(id, &block).unwrap();
        assert_eq!(book.unsettled_from(), Some(id.height));
        let inclusion = book.get_mut(&output).unwrap().inclusion.as_mut();
        inclusion.unwrap().given_up = true;
        assert_eq!(book.unsettled_from(), None);

        let (spent, block) = block_with_spend_of(output);
        book.connect(spent, &block).unwrap();
        assert_eq!(book.unsettled_from(), Some(spent.height));
        let spend = book.get_mut(&output).unwrap().spend.as_mut();
        spend.unwrap().given_up = true;
        assert_eq!(book.unsettled_from(), None);
    }

    #[test]
    fn a_larger_share_waits_without_holding_blocks_back() {
        let (mut stake, staking_tx) = stake(1);
        let output = stake.outpoint;
        stake.status = DelegationStatus::Active;
        for (awaits, expected) in [
            (Awaited::Nothing, false),
            (Awaited::Inclusion, false),
            (Awaited::Tip(BitcoinHeight(9)), true),
        ] {
            stake.awaits = awaits;
            assert_eq!(stake.is_to_activate(), expected, "{awaits:?}");
        }
        let mut book = Book::default();
        book.insert(stake);
        let (staked, its_block) = block(7, &[&staking_tx]);
        book.connect(staked, &its_block).unwrap();
        assert_eq!(book.unsettled_from(), None);
        // Once it is spent there is nothing left to let count.
        let (spent, its_block) = block(8, &[&transaction(&[output], 2)]);
        book.connect(spent, &its_block).unwrap();
        assert!(!book.get(&output).unwrap().is_to_activate());
        assert_eq!(book.unsettled_from(), Some(spent.height));
    }

    #[test]
    fn a_stake_that_was_undone_is_looked_up_until_its_block_or_its_spend_is_known() {
        let (mut stake, staking_tx) = stake(1);
        let output = stake.outpoint;
        for awaits in [Awaited::Nothing, Awaited::Inclusion] {
            stake.awaits = awaits;
            assert!(!stake.is_to_be_found(), "{awaits:?}");
        }
        stake.awaits = Awaited::Registration;
        let mut book = Book::default();
        book.insert(stake);
        let is_to_be_found = |book: &Book| book.get(&output).unwrap().is_to_be_found();
        assert!(is_to_be_found(&book));
        let (staked, its_block) = block(7, &[&staking_tx]);
        book.include(output.txid, staked, &its_block).unwrap();
        assert!(!is_to_be_found(&book));
        book.disconnect(staked);
        assert!(is_to_be_found(&book));
        let (spent, its_block) = block_with_spend_of(output);
        book.connect(spent, &its_block).unwrap();
        assert!(!is_to_be_found(&book));
    }

    #[test]
    fn an_inclusion_that_was_asked_for_ahead_is_looked_up_anew_once_another_block_is_read_in_its_place()
     {
        let (stake, staking_tx) = stake(1);
        let output = stake.outpoint;
        let mut book = Book::default();
        book.insert(stake);
        let known = |book: &Book| {
            let stake = book.get(&output).unwrap();
            let inclusion = stake.inclusion.as_ref();
            (inclusion.map(|it| it.block), stake.is_to_be_found())
        };
        let (ahead, its_block) = block(9, &[&staking_tx]);
        book.include(output.txid, ahead, &its_block).unwrap();
        // The blocks on the way to it, and it itself.
        for height in [8, 10] {
            let (id, other) = block(height, &[]);
            book.connect(id, &other).unwrap();
        }
        book.connect(ahead, &its_block).unwrap();
        assert_eq!(known(&book), (Some(ahead), false));

        // Another block, without the transaction: whatever was read below it may have had it.
        let (empty, its_block) = block(9, &[]);
        book.connect(empty, &its_block).unwrap();
        assert_eq!(known(&book), (None, true));
        assert_eq!(book.unsettled_from(), None);
        // It is found, by asking or by reading on, and looked up no more.
        let (later, its_block) = block(11, &[&staking_tx]);
        book.connect(later, &its_block).unwrap();
        assert_eq!(known(&book), (Some(later), false));
        book.disconnect(later);
        assert_eq!(known(&book), (None, false));

        // Another block than what was read at its height already.
        let (aside, its_block) = block(10, &[&staking_tx]);
        book.include(output.txid, aside, &its_block).unwrap();
        book.displace(aside);
        assert_eq!(known(&book), (Some(aside), false));
        let (read, _) = block(10, &[]);
        book.displace(read);
        assert_eq!(known(&book), (None, true));

        // Another block with the transaction.
        let (ahead, its_block) = block(12, &[&staking_tx]);
        book.include(output.txid, ahead, &its_block).unwrap();
        let (instead, its_block) = block(12, &[&transaction(&[], 3), &staking_tx]);
        book.connect(instead, &its_block).unwrap();
        assert_eq!(known(&book), (Some(instead), false));
    }

    #[test]
    fn two_outputs_of_one_transaction_are_two_stakes() {
        let (one, staking_tx) = stake(1);
        let txid = one.outpoint.txid;
        let other = Stake {
            outpoint: OutPoint::new(txid, 1),
            ..one.clone()
        };
        let spend = transaction(&[other.outpoint], 2);
        let mut book = Book::default();
        book.insert(one.clone());
        book.insert(other.clone());
        let (id, block) = block(7, &[&staking_tx, &spend]);
        book.connect(id, &block).unwrap();
        let is_spent = |book: &Book, stake: &Stake| {
            let stake = book.get(&stake.outpoint).unwrap();
            assert!(stake.inclusion.is_some());
            stake.spend.is_some()
        };
        assert!(!is_spent(&book, &one) && is_spent(&book, &other));
        book.disconnect(id);
        book.remove(&other.outpoint);
        book.connect(id, &block).unwrap();
        assert!(!is_spent(&book, &one));
    }

    #[test]
    fn a_missed_spend_is_asked_for_once_and_from_the_lowest_height() {
        let mut book = Book::default();
        for (salt, height) in [(1, 50), (2, 40), (3, 60)] {
            let (mut missed, _) = stake(salt);
            missed.missed_from = Some(BitcoinHeight(height));
            book.insert(missed);
        }
        assert_eq!(book.take_missed(), Some(BitcoinHeight(40)));
        assert_eq!(book.take_missed(), None);
    }

    #[test]
    fn a_stake_that_is_not_watched_any_more_is_not_seen() {
        let (stake, staking_tx) = stake(1);
        let mut book = Book::default();
        book.insert(stake.clone());
        book.remove(&stake.outpoint);
        let (id, block) = block(7, &[&staking_tx, &transaction(&[stake.outpoint], 2)]);
        book.connect(id, &block).unwrap();
        assert_eq!(book.stakes().len(), 0);
    }

    #[test]
    fn a_block_that_contradicts_its_header_is_refused() {
        let (stake, staking_tx) = stake(1);
        let mut book = Book::default();
        book.insert(stake);
        let (id, mut block) = block(7, &[&staking_tx]);
        block.txdata.push(transaction(&[], 99));
        assert!(book.connect(id, &block).is_err());
    }
}
