//! Votes of a key that is out, beside the one that was kept.
//!
//! Whoever has the key can sign anything with it and bring that first, while the subject counted another vote before the
//! key was out. So each of its votes counts, once, where somebody else votes for the same; brought too early, it can be
//! brought again. There are thus never more choices than providers, and no two can have a quorum while less than a third
//! of the table is out; from a third on nothing becomes final.

use btc_mesh::ContractError;
use btc_mesh::finality::tables::Listed;
use btc_mesh::finality::tally::{self, Count};
use cosmwasm_std::{Order, Storage};
use cw_storage_plus::Map;

/// One byte. Key: checkpoint, provider ‖ what it voted for.
const COUNTED: Map<(u64, &[u8]), ()> = Map::new("forged");

/// Counts one more vote of a provider for a checkpoint that is not final, unless it did.
pub(crate) fn count(
    storage: &mut dyn Storage,
    checkpoint: u64,
    choice: &[u8],
    listed: &Listed,
) -> Result<(), ContractError> {
    let vote = [listed.entry.provider.as_bytes().as_slice(), choice].concat();
    let key = COUNTED.key((checkpoint, &vote));
    let choices = tally::choices(storage, checkpoint)?;
    let is_shared = choices.iter().any(|(known, _)| known == choice);
    if is_shared && storage.get(&key).is_none() {
        storage.set(&key, &[1]);
        tally::add(storage, checkpoint, choice, &Count::of(listed))?;
    }
    Ok(())
}

/// Forgets what was counted for a checkpoint.
pub(crate) fn forget(storage: &mut dyn Storage, checkpoint: u64) {
    let votes: Vec<Vec<u8>> = COUNTED
        .prefix(checkpoint)
        .keys_raw(storage, None, None, Order::Ascending)
        .collect();
    for vote in votes {
        storage.remove(&COUNTED.key((checkpoint, &vote)));
    }
}
