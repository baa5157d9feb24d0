//! What a log says was signed.

use std::path::Path;

use bitcoin::OutPoint;

use super::{BrokenChain, Event, Recorded, read};
use crate::signer::SignedTransactions;

/// What was signed for a staking output, or where the log does not follow from itself.
type Signed = Result<(OutPoint, SignedTransactions), BrokenChain>;

/// What the log at `path` says was signed for each staking output, oldest first.
pub fn signed(path: &Path) -> Result<impl Iterator<Item = Signed> + use<>, BrokenChain> {
    let transactions = |recorded: Recorded| match recorded.entry.event {
        Event::Signed {
            staking_output,
            unbonding_txid: unbonding,
            slashing_txid: slashing,
            unbonding_slashing_txid: unbonding_slashing,
            ..
        } => {
            let transactions = SignedTransactions {
                unbonding,
                slashing,
                unbonding_slashing,
            };
            Some((staking_output, transactions))
        }
        Event::Started { .. } | Event::Refused { .. } => None,
    };
    Ok(read(path)?.filter_map(move |entry| entry.map(transactions).transpose()))
}
