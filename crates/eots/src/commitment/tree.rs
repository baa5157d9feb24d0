//! The tree as its owner keeps it: small, with proofs made from leaves that are derived again.

use core::ops::Range;

use super::{Commitment, Proof, inner_hash, leaf_hash};
use crate::PublicRandomness;

/// Number of leaves in each block but the last: 256, a power of two so that a block is a subtree.
pub const BLOCK_LEAVES: u64 = BLOCK_CAPACITY as u64;

const BLOCK_CAPACITY: usize = 256;

/// The subtree over up to [`BLOCK_LEAVES`] consecutive leaves. Blocks of one tree can be made by several threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    root: [u8; 32],
    leaves: u64,
}

/// A commitment tree of which the upper levels are kept: 32 bytes for each 256 leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    total: u64,
    root: [u8; 32],
    block_roots: Vec<[u8; 32]>,
}

/// Why a tree or a proof cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A tree needs leaves.
    #[error("a commitment needs at least one height")]
    Empty,
    /// A block has an upper limit, and all but the last must reach it.
    #[error(
        "a block of {found} leaves does not fit its place: each has {BLOCK_LEAVES}, only the last may have fewer"
    )]
    BlockLength {
        /// How many leaves it has.
        found: u64,
    },
    /// There is no such leaf.
    #[error("leaf {index} cannot be proven: the commitment has {total}")]
    Index {
        /// The leaf asked for, from 0.
        index: u64,
        /// The number of leaves.
        total: u64,
    },
    /// The leaves given for a proof were not those committed to: another key, chain id or range.
    #[error("the leaves given for the proof of leaf {index} are not those that were committed to")]
    OtherLeaves {
        /// The leaf to be proven, from 0.
        index: u64,
    },
}

/// The ranges of leaf indexes, one for each block, of a tree of `total` leaves.
pub fn block_ranges(total: u64) -> impl Iterator<Item = Range<u64>> {
    (0..total.div_ceil(BLOCK_LEAVES)).map(move |block| block_range(block, total))
}

impl Block {
    /// The subtree over 1 to [`BLOCK_LEAVES`] leaves.
    pub fn new(leaves: &[PublicRandomness]) -> Result<Self, TreeError> {
        let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        if count > BLOCK_LEAVES {
            return Err(TreeError::BlockLength { found: count });
        }
        let (root, _) = climb(leaves.iter().map(leaf_hash).collect(), 0).ok_or(TreeError::Empty)?;
        Ok(Self {
            root,
            leaves: count,
        })
    }
}

impl Tree {
    /// The tree over these leaves, in the order of their heights.
    pub fn from_leaves(
        leaves: impl IntoIterator<Item = PublicRandomness>,
    ) -> Result<Self, TreeError> {
        let mut leaves = leaves.into_iter();
        let mut blocks = Vec::new();
        loop {
            let block: Vec<_> = leaves.by_ref().take(BLOCK_CAPACITY).collect();
            if block.is_empty() {
                return Self::from_blocks(blocks);
            }
            blocks.push(Block::new(&block)?);
        }
    }

    /// The tree over these blocks, in order; each but the last must be full.
    pub fn from_blocks(blocks: impl IntoIterator<Item = Block>) -> Result<Self, TreeError> {
        let mut total: u64 = 0;
        let mut block_roots = Vec::new();
        for block in blocks {
            if total % BLOCK_LEAVES != 0 {
                return Err(TreeError::BlockLength {
                    found: total % BLOCK_LEAVES,
                });
            }
            total += block.leaves;
            block_roots.push(block.root);
        }
        let (root, _) = climb(block_roots.clone(), 0).ok_or(TreeError::Empty)?;
        Ok(Self {
            total,
            root,
            block_roots,
        })
    }

    /// Number of leaves.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The root.
    pub const fn commitment(&self) -> Commitment {
        Commitment::from_bytes(self.root)
    }

    /// Indexes of the leaves that [`Self::prove`] needs for this one.
    pub fn block_of(&self, index: u64) -> Result<Range<u64>, TreeError> {
        if index < self.total {
            Ok(block_range(index / BLOCK_LEAVES, self.total))
        } else {
            Err(TreeError::Index {
                index,
                total: self.total,
            })
        }
    }

    /// Proves the leaf at `index`, given all the leaves of [`Self::block_of`] it.
    ///
    /// Leaves other than those committed to are refused, so that a proof always holds.
    pub fn prove(&self, index: u64, block: &[PublicRandomness]) -> Result<Proof, TreeError> {
        let range = self.block_of(index)?;
        let other_leaves = TreeError::OtherLeaves { index };
        let in_block = usize::try_from(index - range.start).map_err(|_| other_leaves)?;
        let block_index = usize::try_from(index / BLOCK_LEAVES).map_err(|_| other_leaves)?;
        let leaf_hash = leaf_hash(block.get(in_block).ok_or(other_leaves)?);

        let (block_root, mut aunts) =
            climb(block.iter().map(super::leaf_hash).collect(), in_block).ok_or(other_leaves)?;
        if self.block_roots.get(block_index) != Some(&block_root) {
            return Err(other_leaves);
        }
        let (_, upper) = climb(self.block_roots.clone(), block_index).ok_or(other_leaves)?;
        aunts.extend(upper);
        Ok(Proof {
            total: self.total,
            index,
            leaf_hash,
            aunts,
        })
    }
}

fn block_range(block: u64, total: u64) -> Range<u64> {
    let start = block * BLOCK_LEAVES;
    start..total.min(start.saturating_add(BLOCK_LEAVES))
}

/// From the nodes of one level to the root, and the siblings met on the way up from `position`; `None` without nodes.
fn climb(mut level: Vec<[u8; 32]>, mut position: usize) -> Option<([u8; 32], Vec<[u8; 32]>)> {
    let mut aunts = Vec::new();
    while level.len() > 1 {
        aunts.extend(level.get(position ^ 1));
        position >>= 1;
        level = level
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(inner_hash(left, right)),
                [odd] => Some(*odd),
                _ => None,
            })
            .collect();
    }
    level.first().map(|root| (*root, aunts))
}
