//! SHA-256 with a tag (BIP-0340), the RFC 6962 tree, and text with its length.

use sha2::{Digest, Sha256};

/// SHA-256 of the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = Sha256::new();
    for part in parts {
        engine.update(part);
    }
    engine.finalize().into()
}

/// `H(H(name) ‖ H(name) ‖ x)`.
pub(crate) fn tagged(name: &str, x: &[u8]) -> [u8; 32] {
    let tag = sha256(&[name.as_bytes()]);
    sha256(&[&tag, &tag, x])
}

/// Root of the RFC 6962 tree; leaves and nodes have different prefixes, so neither can be taken for the other.
pub fn tree<L: AsRef<[u8]>>(leaves: &[L]) -> [u8; 32] {
    match leaves {
        [] => sha256(&[]),
        [leaf] => sha256(&[&[0], leaf.as_ref()]),
        _ => {
            // The largest power of two below the number of leaves.
            let half = leaves.len().div_ceil(2).next_power_of_two();
            let (left, right) = leaves.split_at(half);
            sha256(&[&[1], &tree(left), &tree(right)])
        }
    }
}

/// One byte of length, then the text; `None` above 255 bytes.
pub(crate) fn short_text(text: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(text.len()).ok()?;
    let mut bytes = vec![length];
    bytes.extend_from_slice(text.as_bytes());
    Some(bytes)
}
