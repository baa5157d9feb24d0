//! Commitments to the public randomness of a range of heights: a Merkle tree, its root, and proofs (spec 3.4).
//!
//! The tree has the shape of RFC 6962: leaf and inner hashes are told apart by a prefix, and an odd node is carried up
//! as it is. Leaves are never stored. A [`Tree`] keeps the roots of [`Block`]s of [`BLOCK_LEAVES`] consecutive leaves;
//! to prove one leaf its block is derived from the secret key again, which takes milliseconds.

mod proof;
mod tree;

pub use proof::{Proof, ProofError};
pub use tree::{BLOCK_LEAVES, Block, Tree, TreeError, block_ranges};

use crate::PublicRandomness;
use crate::encoding::{ParseError, fixed, hex_text};
use crate::hash::sha256;

const COMMITMENT: &str = "commitment";

/// Root of a commitment tree, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// Takes a root as it is.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a root from a slice of 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
        fixed(COMMITMENT, bytes).map(Self)
    }

    /// The root.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The root.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

hex_text!(Commitment, 32, COMMITMENT);

/// What the provider signs (BIP-0340) to commit to `count` heights from `start`:
/// `SHA-256(BE64(start) ‖ BE64(count) ‖ commitment)` (spec 3.5).
pub fn digest(start: u64, count: u64, commitment: &Commitment) -> [u8; 32] {
    sha256(&[
        &start.to_be_bytes(),
        &count.to_be_bytes(),
        commitment.as_bytes(),
    ])
}

/// Hash of a leaf, which a [`Proof`] carries: what it proves is checked anyway.
pub fn leaf_hash(leaf: &PublicRandomness) -> [u8; 32] {
    sha256(&[&[0x00], leaf.as_bytes()])
}

fn inner_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[0x01], left, right])
}
