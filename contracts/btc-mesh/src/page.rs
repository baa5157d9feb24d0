//! How many items one message or answer has, so that its work is bounded.

use crate::ContractError;

/// Most items of a page.
const MAX: u32 = 100;

/// The number of items asked for; refuses none and too many.
pub(crate) fn size(limit: u32) -> Result<usize, ContractError> {
    usize::try_from(limit)
        .ok()
        .filter(|_| (1..=MAX).contains(&limit))
        .ok_or(ContractError::Limit {
            found: limit,
            max: MAX,
        })
}
