//! SHA-256 and the tagged hashes of BIP-0340.

use sha2::{Digest, Sha256};

/// SHA-256 of the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    finish(Sha256::new(), parts)
}

/// Tagged hash of BIP-0340 of the parts, one after the other.
pub(crate) fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag.as_bytes());
    finish(Sha256::new().chain_update(tag).chain_update(tag), parts)
}

/// The challenge e of BIP-0340 before it is reduced: nonce point's x, key, message.
pub(crate) fn challenge(nonce_x: &[u8; 32], key: &[u8; 32], message: &[u8; 32]) -> [u8; 32] {
    tagged("BIP0340/challenge", &[nonce_x, key, message])
}

fn finish(mut hasher: Sha256, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
