//! Which watched outputs does a block spend?
//!
//! Every block is read once and each of its inputs is looked up in memory, so the cost depends on the block and not on
//! how much is watched.

use std::collections::HashMap;

use bitcoin::{Block, OutPoint, Transaction};

/// Outputs that somebody waits to see spent, each with what the caller wants to be told about it.
#[derive(Debug, Clone)]
pub struct SpendIndex<T> {
    watched: HashMap<OutPoint, T>,
}

/// A watched output was spent.
#[derive(Debug, PartialEq, Eq)]
pub struct Spend<'a, T> {
    /// The output.
    pub outpoint: OutPoint,
    /// What the caller stored with it.
    pub watched: &'a T,
    /// The transaction that spends it.
    pub transaction: &'a Transaction,
    /// Place of the transaction in its block, as an inclusion proof needs it.
    pub transaction_index: usize,
    /// Which of the transaction's inputs spends it.
    pub input_index: usize,
}

impl<T> SpendIndex<T> {
    /// Creates an index that watches nothing.
    pub fn new() -> Self {
        Self {
            watched: HashMap::new(),
        }
    }

    /// Watches an output; returns what was stored with it before.
    pub fn insert(&mut self, outpoint: OutPoint, watched: T) -> Option<T> {
        self.watched.insert(outpoint, watched)
    }

    /// Stops watching an output; returns what was stored with it.
    pub fn remove(&mut self, outpoint: &OutPoint) -> Option<T> {
        self.watched.remove(outpoint)
    }

    /// What is stored with an output.
    pub fn get(&self, outpoint: &OutPoint) -> Option<&T> {
        self.watched.get(outpoint)
    }

    /// How many outputs are watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether nothing is watched.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// The inputs of a block that spend watched outputs, in the block's order.
    ///
    /// An output created and spent in the same block is found only if it is watched already: whoever starts to watch
    /// outputs of a transaction in this block asks once more for this block.
    pub fn spends_in<'a>(&'a self, block: &'a Block) -> impl Iterator<Item = Spend<'a, T>> {
        block
            .txdata
            .iter()
            .enumerate()
            .flat_map(move |(transaction_index, transaction)| {
                transaction
                    .input
                    .iter()
                    .enumerate()
                    .filter_map(move |(input_index, input)| {
                        let (outpoint, watched) =
                            self.watched.get_key_value(&input.previous_output)?;
                        let outpoint = *outpoint;
                        Some(Spend {
                            outpoint,
                            watched,
                            transaction,
                            transaction_index,
                            input_index,
                        })
                    })
            })
    }
}

impl<T> Default for SpendIndex<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> FromIterator<(OutPoint, T)> for SpendIndex<T> {
    fn from_iter<I: IntoIterator<Item = (OutPoint, T)>>(outputs: I) -> Self {
        Self {
            watched: outputs.into_iter().collect(),
        }
    }
}

impl<T> Extend<(OutPoint, T)> for SpendIndex<T> {
    fn extend<I: IntoIterator<Item = (OutPoint, T)>>(&mut self, outputs: I) {
        self.watched.extend(outputs);
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Network, TxIn, Txid, absolute, constants, transaction};

    use super::*;

    fn outpoint(number: u8) -> OutPoint {
        OutPoint::new(Txid::from_byte_array([number; 32]), number.into())
    }

    fn spending(outpoints: &[OutPoint]) -> Transaction {
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: outpoints
                .iter()
                .map(|previous_output| TxIn {
                    previous_output: *previous_output,
                    ..TxIn::default()
                })
                .collect(),
            output: Vec::new(),
        }
    }

    #[test]
    fn every_watched_input_of_a_block_is_found_with_its_place() {
        let mut block = constants::genesis_block(Network::Regtest);
        block.txdata.push(spending(&[outpoint(1)]));
        block
            .txdata
            .push(spending(&[outpoint(9), outpoint(2), outpoint(3)]));

        let mut index: SpendIndex<&str> = [
            (outpoint(2), "two"),
            (outpoint(3), "three"),
            (outpoint(7), "seven"),
        ]
        .into_iter()
        .collect();
        let found: Vec<_> = index
            .spends_in(&block)
            .map(|spend| {
                (
                    *spend.watched,
                    spend.outpoint,
                    spend.transaction_index,
                    spend.input_index,
                )
            })
            .collect();
        assert_eq!(
            found,
            [("two", outpoint(2), 2, 1), ("three", outpoint(3), 2, 2)]
        );

        assert_eq!(index.remove(&outpoint(2)), Some("two"));
        assert_eq!(index.insert(outpoint(1), "one"), None);
        let found: Vec<_> = index
            .spends_in(&block)
            .map(|spend| *spend.watched)
            .collect();
        assert_eq!(found, ["one", "three"]);
    }
}
