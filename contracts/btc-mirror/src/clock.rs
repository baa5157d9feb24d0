//! Where the mirror stands.

use btc_mesh::Record;
use btc_mesh::finality::tables;
use btc_mesh::msg::Bytes32;
use cosmwasm_std::Storage;
use mesh_core::table::TableHead;
use serde::{Deserialize, Serialize};

use crate::ContractError;

const CLOCK: Record<Clock> = Record::new("clock");

/// Where the mirror stands. Era, epoch and next only grow; next by one, but for a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) era: u32,
    /// The epoch whose table is in force.
    pub(crate) epoch: u64,
    /// The epoch whose table governance pinned. What was in force before it is not looked at any more.
    pub(crate) pinned: u64,
    /// The checkpoint that becomes final next.
    pub(crate) next: u64,
    /// Root of the next table, once the last checkpoint of the one in force is final.
    pub(crate) next_root: Option<Bytes32>,
    /// Weight in the table in force of keys that are out, sat.
    pub(crate) slashed: u64,
    /// The same of the table before.
    pub(crate) slashed_before: u64,
}

impl Clock {
    /// The table in force.
    pub(crate) fn in_force(&self, storage: &dyn Storage) -> Result<TableHead, ContractError> {
        head(storage, self.epoch)
    }

    /// The epoch whose table signed the one in force; `None` where that was pinned.
    pub(crate) fn epoch_before(&self) -> Option<u64> {
        self.epoch
            .checked_sub(1)
            .filter(|_| self.epoch > self.pinned)
    }

    /// The table that signed the one in force.
    pub(crate) fn before(&self, storage: &dyn Storage) -> Result<Option<TableHead>, ContractError> {
        self.epoch_before()
            .map(|epoch| head(storage, epoch))
            .transpose()
    }
}

/// The last checkpoint of a stored table.
pub(crate) fn last_checkpoint(head: &TableHead) -> Result<u64, ContractError> {
    let epoch = head.term.epoch;
    let last = head.term.last_checkpoint();
    Ok(last.ok_or(btc_mesh::ContractError::CorruptTable(epoch))?)
}

/// The clock; `None` before the first table.
pub(crate) fn find(storage: &dyn Storage) -> Result<Option<Clock>, ContractError> {
    Ok(CLOCK.may_load(storage)?)
}

pub(crate) fn load(storage: &dyn Storage) -> Result<Clock, ContractError> {
    Ok(CLOCK.load(storage)?)
}

pub(crate) fn save(storage: &mut dyn Storage, clock: &Clock) -> Result<(), ContractError> {
    Ok(CLOCK.save(storage, clock)?)
}

fn head(storage: &dyn Storage, epoch: u64) -> Result<TableHead, ContractError> {
    let head = tables::head_of_epoch(storage, epoch)?;
    Ok(head.ok_or(btc_mesh::ContractError::CorruptTable(epoch))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_the_clock_is_what_instances_have() {
        let clock = Clock {
            era: 1,
            epoch: 2,
            pinned: 3,
            next: 4,
            next_root: Some(Bytes32([5; 32])),
            slashed: 6,
            slashed_before: 7,
        };
        assert_stored(
            |storage| save(storage, &clock).unwrap(),
            "clock",
            "010203040105050505050505050505050505050505050505050505050505050505050505050607",
        );
    }
}
