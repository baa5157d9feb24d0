//! Votes of a key that is out, beside the one that was kept.
//!
//! Whoever has the key can sign anything with it and bring that first, while the subject counted another vote before the
//! key was out. So each of its votes counts, once, where somebody else votes for the same; brought too early, it can be
//! brought again. There are thus never more choices than providers, and no two can have a quorum while less than a third
//! of the table is out; from a third on nothing becomes final.

use btc_mesh::ContractError;
use btc_mesh::finality::tables::Listed;
use btc_mesh::finality::tally::{Additions, Count};
use cosmwasm_std::Storage;

/// Counts one more vote of a provider for a checkpoint that is not final, unless it counts already.
pub(crate) fn count(
    storage: &dyn Storage,
    tallies: &mut Additions,
    checkpoint: u64,
    choice: &[u8],
    listed: &Listed,
) -> Result<(), ContractError> {
    let vote = Count::of(listed);
    let shared = tallies.count(storage, checkpoint, choice)?;
    if shared.is_some_and(|count| count.voters & vote.voters == 0) {
        tallies.add(checkpoint, choice, &vote)?;
    }
    Ok(())
}
