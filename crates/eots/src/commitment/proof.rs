//! Proof that public randomness was committed to.

use super::{Commitment, inner_hash, leaf_hash};
use crate::PublicRandomness;

/// Shows that public randomness is one leaf of a commitment tree (`tendermint.crypto.Proof`, spec 3.4).
///
/// The fields are as they came; nothing holds before [`Self::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proof {
    /// Number of leaves.
    pub total: u64,
    /// Which leaf, from 0.
    pub index: u64,
    /// Hash of the leaf.
    pub leaf_hash: [u8; 32],
    /// The other child at each inner node on the way, from the leaf upwards.
    pub aunts: Vec<[u8; 32]>,
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no such leaf.
    #[error("the proof is of leaf {index} of a tree of {total}; the index must be below the total")]
    Index {
        /// The index claimed.
        index: u64,
        /// The number of leaves claimed.
        total: u64,
    },
    /// The proof is of another place than the height's in the committed range.
    #[error(
        "the proof is of leaf {index} of {total}, but height {height} in a commitment to {count} heights from {start} \
         needs another one"
    )]
    Position {
        /// The index claimed.
        index: u64,
        /// The number of leaves claimed.
        total: u64,
        /// The height that was to be proven.
        height: u64,
        /// First height committed to.
        start: u64,
        /// Number of heights committed to.
        count: u64,
    },
    /// The way from this leaf to the root has another length.
    #[error("the proof has {found} aunts, which does not fit leaf {index} of {total}")]
    Aunts {
        /// How many there are.
        found: usize,
        /// The index claimed.
        index: u64,
        /// The number of leaves claimed.
        total: u64,
    },
    /// The leaf hash is of another leaf.
    #[error("the proof's leaf hash is not that of the public randomness `{0}`")]
    LeafHash(PublicRandomness),
    /// It leads to another root.
    #[error("the proof does not lead to the commitment `{0}`")]
    Root(Commitment),
}

impl Proof {
    /// Verifies that `leaf` is at [`Self::index`] of the tree with this root and [`Self::total`] leaves.
    ///
    /// That these two are the right ones is not part of it; see [`Self::verify_height`].
    pub fn verify(
        &self,
        commitment: &Commitment,
        leaf: &PublicRandomness,
    ) -> Result<(), ProofError> {
        if self.index >= self.total {
            return Err(ProofError::Index {
                index: self.index,
                total: self.total,
            });
        }
        if self.leaf_hash != leaf_hash(leaf) {
            return Err(ProofError::LeafHash(*leaf));
        }
        if self.root()? == *commitment.as_bytes() {
            Ok(())
        } else {
            Err(ProofError::Root(*commitment))
        }
    }

    /// Verifies that a commitment to `count` heights from `start` is to `leaf` at `height` (spec 3.10, rows 12 and 13).
    pub fn verify_height(
        &self,
        start: u64,
        count: u64,
        commitment: &Commitment,
        height: u64,
        leaf: &PublicRandomness,
    ) -> Result<(), ProofError> {
        if self.total != count || start.checked_add(self.index) != Some(height) {
            let (index, total) = (self.index, self.total);
            return Err(ProofError::Position {
                index,
                total,
                height,
                start,
                count,
            });
        }
        self.verify(commitment, leaf)
    }

    /// The root that the aunts lead to, if there are as many as this place in the tree has.
    fn root(&self) -> Result<[u8; 32], ProofError> {
        let wrong_count = || ProofError::Aunts {
            found: self.aunts.len(),
            index: self.index,
            total: self.total,
        };
        let mut node = self.leaf_hash;
        let mut position = self.index;
        let mut last = self.total.saturating_sub(1);
        for aunt in &self.aunts {
            // A last node without a sibling is carried up until it is somebody's right child.
            while position == last && position & 1 == 0 && last > 0 {
                position >>= 1;
                last >>= 1;
            }
            if last == 0 {
                return Err(wrong_count());
            }
            node = if position & 1 == 1 {
                inner_hash(aunt, &node)
            } else {
                inner_hash(&node, aunt)
            };
            position >>= 1;
            last >>= 1;
        }
        if last == 0 {
            Ok(node)
        } else {
            Err(wrong_count())
        }
    }
}
