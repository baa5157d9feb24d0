//! The order in which providers come into a table: by weight, the heaviest first.

use cosmwasm_std::{Order, Storage};
use cw_storage_plus::Map;
use eots::PublicKey;

use crate::ContractError;
use crate::msg::Bytes32;

/// Key: weight, provider. The value means nothing.
const RANK: Map<(u64, &[u8]), ()> = Map::new("rank");

/// Moves a provider from the place of its old weight to that of its new one; `None` where it has no place.
pub(super) fn place(
    storage: &mut dyn Storage,
    pk: &PublicKey,
    before: Option<u64>,
    after: Option<u64>,
) {
    if before == after {
        return;
    }
    if let Some(sats) = before {
        RANK.remove(storage, (sats, pk.as_bytes()));
    }
    if let Some(sats) = after {
        storage.set(&RANK.key((sats, pk.as_bytes())), &[0]);
    }
}

/// The heaviest providers.
pub(crate) fn top(storage: &dyn Storage, count: usize) -> Result<Vec<PublicKey>, ContractError> {
    RANK.keys(storage, None, None, Order::Descending)
        .take(count)
        .map(|key| {
            let (_, pk) = key?;
            Ok(PublicKey::from_checked_bytes(Bytes32::from_slice(&pk)?.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_place_is_what_instances_have() {
        let pk = PublicKey::from_checked_bytes([b'k'; 32]);
        assert_stored(
            |storage| place(storage, &pk, None, Some(0x1234)),
            r"\x00\x04rank\x00\x08\x00\x00\x00\x00\x00\x00\x124kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            "00",
        );
    }
}
