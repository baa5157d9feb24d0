//! How stored records look, byte by byte: a test beside each of them compares key and value with what they were. The rest of
//! what a mirror keeps is stored, and tested, by `btc_mesh::finality`.
//!
//! What to do where such a test fails stands in the subject's file of this name: undo the change, or keep it for new
//! instances only; one that has to go on needs a `migrate`, which there is none of, before these bytes may change.

use cosmwasm_std::testing::MockStorage;
use cosmwasm_std::{Order, Storage};

/// Checks the one record that is stored: its key as text with escapes, its value in hex.
pub(crate) fn assert_stored(save: impl FnOnce(&mut dyn Storage), key: &str, value: &str) {
    let mut storage = MockStorage::new();
    save(&mut storage);
    let stored: Vec<_> = storage
        .range(None, None, Order::Ascending)
        .map(|(key, value)| (key.escape_ascii().to_string(), hex::encode(value)))
        .collect();
    assert_eq!(stored, [(key.to_owned(), value.to_owned())]);
}
