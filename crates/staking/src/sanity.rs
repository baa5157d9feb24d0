//! Rules that every Bitcoin transaction must keep without looking at what it spends.
//!
//! The secured chain applies them to each transaction it is given, before its own rules (spec 1.6); they are those of
//! btcd's `CheckTransactionSanity`.

use std::collections::HashSet;

use bitcoin::{Amount, OutPoint, Transaction};

/// Largest size of a transaction without its witness, in bytes.
const MAX_STRIPPED_SIZE: usize = 1_000_000;

/// A transaction that no Bitcoin block can contain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SanityError {
    /// It spends nothing.
    #[error("it has no inputs")]
    NoInputs,
    /// It creates nothing.
    #[error("it has no outputs")]
    NoOutputs,
    /// It does not fit a block.
    #[error("it is {0} bytes without its witness; at most {MAX_STRIPPED_SIZE} fit a block")]
    TooLarge(usize),
    /// An output, or all together, is worth more than all bitcoin.
    #[error("its outputs up to number {0} are worth more than 21 million bitcoin")]
    TooValuable(usize),
    /// Two inputs spend the same output.
    #[error("it spends {0} twice")]
    DuplicateInput(OutPoint),
    /// An input names no output, although this is no coinbase.
    #[error("its input {0} names no output")]
    NullInput(usize),
    /// The coinbase script has a forbidden length.
    #[error("its coinbase script is {0} bytes; it must be 2 to 100")]
    CoinbaseScript(usize),
}

/// Checks the rules that hold for a transaction on its own.
pub fn check(tx: &Transaction) -> Result<(), SanityError> {
    if tx.input.is_empty() {
        return Err(SanityError::NoInputs);
    }
    if tx.output.is_empty() {
        return Err(SanityError::NoOutputs);
    }
    if tx.base_size() > MAX_STRIPPED_SIZE {
        return Err(SanityError::TooLarge(tx.base_size()));
    }
    let mut total = Amount::ZERO;
    for (index, output) in tx.output.iter().enumerate() {
        total = total
            .checked_add(output.value)
            .filter(|total| *total <= Amount::MAX_MONEY)
            .ok_or(SanityError::TooValuable(index))?;
    }
    let mut spent = HashSet::with_capacity(tx.input.len());
    if let Some(input) = tx
        .input
        .iter()
        .find(|input| !spent.insert(input.previous_output))
    {
        return Err(SanityError::DuplicateInput(input.previous_output));
    }
    match tx.input.as_slice() {
        [input] if tx.is_coinbase() => {
            let size = input.script_sig.len();
            if (2..=100).contains(&size) {
                Ok(())
            } else {
                Err(SanityError::CoinbaseScript(size))
            }
        }
        inputs => match inputs
            .iter()
            .position(|input| input.previous_output.is_null())
        {
            Some(index) => Err(SanityError::NullInput(index)),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash;
    use bitcoin::transaction::Version;
    use bitcoin::{ScriptBuf, TxIn, TxOut, Txid};

    use super::*;

    fn outpoint(vout: u32) -> OutPoint {
        OutPoint {
            txid: Txid::from_byte_array([1; 32]),
            vout,
        }
    }

    fn spending(outpoints: &[OutPoint]) -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: outpoints
                .iter()
                .map(|previous_output| TxIn {
                    previous_output: *previous_output,
                    ..TxIn::default()
                })
                .collect(),
            output: vec![TxOut {
                value: Amount::ONE_BTC,
                script_pubkey: ScriptBuf::new(),
            }],
        }
    }

    #[test]
    fn each_rule_refuses_what_breaks_it() {
        let good = spending(&[outpoint(0), outpoint(1)]);
        assert_eq!(check(&good), Ok(()));

        assert_eq!(check(&spending(&[])), Err(SanityError::NoInputs));
        assert_eq!(
            check(&spending(&[outpoint(1), outpoint(1)])),
            Err(SanityError::DuplicateInput(outpoint(1)))
        );
        assert_eq!(
            check(&spending(&[outpoint(1), OutPoint::null()])),
            Err(SanityError::NullInput(1))
        );
        // A single null input makes a coinbase, whose script has its own rule.
        assert_eq!(
            check(&spending(&[OutPoint::null()])),
            Err(SanityError::CoinbaseScript(0))
        );

        let mut no_outputs = good.clone();
        no_outputs.output.clear();
        assert_eq!(check(&no_outputs), Err(SanityError::NoOutputs));

        let mut too_large = good.clone();
        too_large.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; MAX_STRIPPED_SIZE]);
        assert!(matches!(check(&too_large), Err(SanityError::TooLarge(_))));

        let mut too_valuable = good.clone();
        too_valuable.output[0].value = Amount::MAX_MONEY;
        assert_eq!(check(&too_valuable), Ok(()));
        too_valuable.output.push(good.output[0].clone());
        assert_eq!(check(&too_valuable), Err(SanityError::TooValuable(1)));
        too_valuable.output[1].value = Amount::MAX;
        assert_eq!(check(&too_valuable), Err(SanityError::TooValuable(1)));
    }
}
