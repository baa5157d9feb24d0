//! How stored records look, byte by byte: a test beside each of them compares key and value with what they were.
//!
//! Other contracts read some of them straight from storage. Where such a test fails, undo the change, or mean it: there is no
//! `migrate`, instances begin without an admin and keep their code for ever, so a new layout is for new instances, and for
//! contracts made with it, only. Should an instance have to go on with a new layout, then first write a `migrate` that reads
//! every record as it was and writes it as it will be, test it with what stands here, and only then change it.

use cosmwasm_std::testing::MockStorage;
use cosmwasm_std::{HexBinary, Order, Storage};

/// Checks the one record that is stored: its key as text with escapes, its value as the text that it is, or in hex.
pub(crate) fn assert_stored(save: impl FnOnce(&mut dyn Storage), key: &str, value: &str) {
    let mut storage = MockStorage::new();
    save(&mut storage);
    let text = |value| {
        String::from_utf8(value)
            .unwrap_or_else(|error| HexBinary::from(error.into_bytes()).to_hex())
    };
    let stored: Vec<_> = storage
        .range(None, None, Order::Ascending)
        .map(|(key, value)| (key.escape_ascii().to_string(), text(value)))
        .collect();
    assert_eq!(stored, [(key.to_owned(), value.to_owned())]);
}
