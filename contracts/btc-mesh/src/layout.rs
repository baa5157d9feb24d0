//! How stored records look, byte by byte: a test beside each of them compares key and value with what they were.
//!
//! A record is encoded by the order of its fields and of its enums' variants, and many of its types are those of messages too, so
//! that a harmless looking change of a message changes what instances keep. Where such a test fails, undo the change, or mean
//! it: there is no `migrate`, instances begin without an admin and keep their code for ever, so a new layout is for new instances
//! only. Should an instance have to go on with a new layout, then first write a `migrate` that reads every record as it was and
//! writes it as it will be, test it with the bytes that stand here, and only then change them.

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
