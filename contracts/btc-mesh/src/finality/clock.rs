//! Where finality stands.

use cosmwasm_std::Storage;
use serde::{Deserialize, Serialize};

use crate::ContractError;
use crate::store::Record;

const CLOCK: Record<Clock> = Record::new("clock");

/// Where finality stands. Era, epoch and next only grow, next by one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) era: u32,
    /// The epoch whose table is in force.
    pub(crate) epoch: u64,
    /// The checkpoint that becomes final next.
    pub(crate) next: u64,
    /// Whether the table of the next epoch is ready.
    pub(crate) ready: bool,
    /// Height of this chain at which the epoch began.
    pub(crate) epoch_began: u64,
    /// Bitcoin's tip when the last checkpoint became final, or when this era began.
    pub(crate) last_final_tip: u32,
}

/// The clock; `None` before the first table.
pub(crate) fn find(storage: &dyn Storage) -> Result<Option<Clock>, ContractError> {
    Ok(CLOCK.may_load(storage)?)
}

/// The clock of an instance that must have started.
pub(crate) fn started(storage: &dyn Storage) -> Result<Clock, ContractError> {
    find(storage)?.ok_or(ContractError::NotStarted)
}

pub(super) fn save(storage: &mut dyn Storage, clock: &Clock) -> Result<(), ContractError> {
    Ok(CLOCK.save(storage, clock)?)
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
            next: 3,
            ready: true,
            epoch_began: 4,
            last_final_tip: 5,
        };
        assert_stored(
            |storage| save(storage, &clock).unwrap(),
            "clock",
            "010203010405",
        );
    }
}
