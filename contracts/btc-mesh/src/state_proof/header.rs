//! From the fields of a header to the application's hash.

use cosmwasm_std::Binary;
use mesh_core::tree;

use super::canonical::put_varint;
use super::error::StateProofError;

/// Field number of protobuf 1 with a length, and with a varint.
const BYTES: u8 = 0x0a;
const VARINT: u8 = 0x08;

/// Length of a hash.
const HASH: u8 = 32;

/// The application's hash in the header of this hash, chain and height.
pub(super) fn app_hash(
    fields: &[Binary],
    chain_id: &str,
    height: u64,
    hash: &[u8; 32],
) -> Result<[u8; 32], StateProofError> {
    let found = tree(fields);
    if found != *hash {
        return Err(StateProofError::HeaderHash {
            found: found.into(),
            expected: (*hash).into(),
        });
    }
    let [_, chain, at, _, _, _, _, _, _, _, app_hash, _, _, _] = fields else {
        return Err(StateProofError::FieldCount(fields.len()));
    };
    if encoded_text(chain_id).as_deref() != Some(chain.as_slice()) {
        return Err(StateProofError::ChainId {
            found: hex::encode(chain),
            expected: chain_id.to_owned(),
        });
    }
    if encoded_number(height) != at.as_slice() {
        return Err(StateProofError::Height {
            found: hex::encode(at),
            expected: height,
        });
    }
    app_hash
        .strip_prefix(&[BYTES, HASH])
        .and_then(|hash| hash.try_into().ok())
        .ok_or_else(|| StateProofError::AppHash(hex::encode(app_hash)))
}

/// A text with one byte of length; CometBFT's chain ids have at most 50.
fn encoded_text(text: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(text.len()).ok()?;
    Some([&[BYTES, length], text.as_bytes()].concat())
}

fn encoded_number(number: u64) -> Vec<u8> {
    let mut bytes = vec![VARINT];
    put_varint(&mut bytes, number);
    bytes
}
