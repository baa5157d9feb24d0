//! The log of reorganisations, from which another contract learns what it has to prove anew.
//!
//! It may ask seldom, so several reorganisations may lie between two of its looks. Kept are the last ones, each by its
//! number, and what is worst of all before them.

use cosmwasm_schema::cw_serde;
use cosmwasm_std::{Addr, QuerierWrapper, Storage, from_json};
use cw_storage_plus::Item;

use crate::ContractError;

/// How many reorganisations are kept one by one.
const KEPT: usize = 32;

const LOG: Item<Log> = Item::new("reorgs");

/// Blocks that were undone.
#[cw_serde]
#[derive(Copy, Eq)]
pub struct Reorg {
    /// Height of the last block that stayed.
    pub fork_height: u32,
    /// Number of blocks undone.
    pub depth: u32,
}

impl Reorg {
    /// One that stands for both: the lower fork, the greater depth.
    fn worst(self, other: Self) -> Self {
        Self {
            fork_height: self.fork_height.min(other.fork_height),
            depth: self.depth.max(other.depth),
        }
    }
}

#[cw_serde]
#[derive(Default)]
struct Log {
    /// Number of reorganisations so far.
    seq: u64,
    /// The last ones, oldest first.
    kept: Vec<Reorg>,
    /// The worst of those before.
    before: Option<Reorg>,
}

/// Adds a reorganisation.
pub(crate) fn record(storage: &mut dyn Storage, reorg: Reorg) -> Result<(), ContractError> {
    let mut log = LOG.may_load(storage)?.unwrap_or_default();
    log.seq = log.seq.saturating_add(1);
    log.kept.push(reorg);
    if log.kept.len() > KEPT {
        let oldest = log.kept.remove(0);
        log.before = Some(log.before.map_or(oldest, |before| before.worst(oldest)));
    }
    Ok(LOG.save(storage, &log)?)
}

/// The number of reorganisations so far, and the worst of those after number `seen`.
pub(crate) fn since(
    storage: &dyn Storage,
    seen: u64,
) -> Result<(u64, Option<Reorg>), ContractError> {
    Ok(LOG.may_load(storage)?.unwrap_or_default().since(seen))
}

/// The same of another contract of this kind.
pub(crate) fn query_since(
    querier: QuerierWrapper<'_>,
    contract: &Addr,
    seen: u64,
) -> Result<(u64, Option<Reorg>), ContractError> {
    let log = querier.query_wasm_raw(contract.as_str(), LOG.as_slice())?;
    let log: Log = log.map(from_json).transpose()?.unwrap_or_default();
    Ok(log.since(seen))
}

impl Log {
    fn since(self, seen: u64) -> (u64, Option<Reorg>) {
        let unseen = usize::try_from(self.seq.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skipped = self.kept.len().saturating_sub(unseen);
        let forgotten = self.before.filter(|_| unseen > self.kept.len());
        let worst = self
            .kept
            .into_iter()
            .skip(skipped)
            .chain(forgotten)
            .reduce(Reorg::worst);
        (self.seq, worst)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_the_log_is_what_instances_have() {
        let reorg = |fork_height| Reorg {
            fork_height,
            depth: 1,
        };
        let log = Log {
            seq: 2,
            kept: vec![reorg(3)],
            before: Some(reorg(4)),
        };
        assert_stored(
            |storage| LOG.save(storage, &log).unwrap(),
            "reorgs",
            r#"{"seq":2,"kept":[{"fork_height":3,"depth":1}],"before":{"fork_height":4,"depth":1}}"#,
        );
    }
}
