//! That a transaction is in a Bitcoin block: Merkle proofs, built from a block and checked against a header.
//!
//! The checks are stricter than the secured chain's (spec 6.9), so that a proof names one position only. What no
//! header can show remains: somebody who grinds a 64-byte transaction whose halves are hashes of their choice can
//! "prove" a transaction below it. That costs about 2^70 work; whoever has a node checks the transaction there, and
//! who has none uses [`InclusionProof::verify_unambiguous`].

use bitcoin::block::Header;
use bitcoin::consensus;
use bitcoin::hashes::{Hash, HashEngine};
use bitcoin::{Block, BlockHash, Transaction, TxMerkleNode, Txid};

/// Deepest tree a block can have: 4,000,000 weight units hold 16,666 transactions of the least weight (240).
pub const MAX_DEPTH: usize = 15;

/// A Merkle proof of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Position of the transaction in its block; 0 is the coinbase.
    pub index: u32,
    /// The transaction.
    pub txid: Txid,
    /// Sibling hashes, leaf level first; on a level of odd length the last node is its own sibling.
    pub siblings: Vec<TxMerkleNode>,
    /// The block.
    pub block_hash: BlockHash,
}

/// Why an inclusion proof cannot be built or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InclusionError {
    /// The block does not have the transaction.
    #[error("block {block_hash} does not contain transaction {txid}")]
    NotInBlock {
        /// The block.
        block_hash: BlockHash,
        /// The transaction looked for.
        txid: Txid,
    },
    /// The transactions of the block are not those its header commits to.
    #[error("the transactions of block {0} do not hash to the Merkle root of its header")]
    BlockRoot(BlockHash),
    /// Bytes that are no sequence of hashes.
    #[error("a Merkle path of {0} bytes is no sequence of 32-byte hashes")]
    PathLength(usize),
    /// More levels than a block can have.
    #[error("a Merkle path of {0} hashes is deeper than any Bitcoin block ({MAX_DEPTH})")]
    Depth(usize),
    /// The proof is about another transaction.
    #[error("the proof is of transaction {proven}, not of {given}")]
    OtherTransaction {
        /// What the proof names.
        proven: Txid,
        /// What was to be proven.
        given: Txid,
    },
    /// The proof is about another block.
    #[error("the proof is for block {proven}, not for {given}")]
    OtherBlock {
        /// What the proof names.
        proven: BlockHash,
        /// The header's hash.
        given: BlockHash,
    },
    /// The transaction is as long as an inner node, so it may be one.
    #[error(
        "transaction {0} has 64 bytes, which cannot be told from an inner node of the Merkle tree"
    )]
    AmbiguousLength(Txid),
    /// The index lies outside a tree of this depth.
    #[error("index {index} is outside a Merkle tree of {depth} levels")]
    Index {
        /// The refused index.
        index: u32,
        /// Number of siblings.
        depth: usize,
    },
    /// The proof points into the duplicate of a level's last node (CVE-2012-2459).
    #[error("index {index} points at the duplicate of the last node on level {level}")]
    Duplicate {
        /// The refused index.
        index: u32,
        /// Level above the leaves, 0 being theirs.
        level: usize,
    },
    /// The path does not lead to the header's root.
    #[error(
        "the Merkle path leads to {computed}, the header of block {block_hash} commits to {expected}"
    )]
    Root {
        /// The block.
        block_hash: BlockHash,
        /// The header's root.
        expected: TxMerkleNode,
        /// Where the path leads.
        computed: TxMerkleNode,
    },
    /// An inner node may be a transaction of 64 bytes, below which anything can be "proven" (CVE-2017-12842).
    #[error("the node on level {level} of the Merkle path reads as a transaction of 64 bytes")]
    HiddenTransaction {
        /// Level above the leaves, 1 being that of their parents.
        level: usize,
    },
    /// The transaction is the coinbase, which can neither stake nor spend a stake.
    #[error("transaction {0} is the coinbase of its block, which cannot stake")]
    Coinbase(Txid),
}

impl InclusionProof {
    /// Builds the proof of the transaction `txid` of `block`.
    ///
    /// # Errors
    ///
    /// Refuses a transaction that the block does not have, and a block whose header commits to others.
    pub fn new(block: &Block, txid: Txid) -> Result<Self, InclusionError> {
        let block_hash = block.block_hash();
        let leaves: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
        let index = leaves
            .iter()
            .position(|leaf| *leaf == txid)
            .and_then(|index| u32::try_from(index).ok())
            .ok_or(InclusionError::NotInBlock { block_hash, txid })?;
        let siblings = siblings_of(leaves.into_iter().map(node).collect(), index);
        let proof = Self {
            index,
            txid,
            siblings,
            block_hash,
        };
        if proof.root()? == block.header.merkle_root {
            Ok(proof)
        } else {
            Err(InclusionError::BlockRoot(block_hash))
        }
    }

    /// Checks that `transaction` is in the block of `header`, at this index and no other.
    ///
    /// Whether the header is on the best chain, and how deep, is for the caller to know.
    ///
    /// # Errors
    ///
    /// Names the first rule broken.
    pub fn verify(&self, transaction: &Transaction, header: &Header) -> Result<(), InclusionError> {
        let given = transaction.compute_txid();
        if given != self.txid {
            return Err(InclusionError::OtherTransaction {
                proven: self.txid,
                given,
            });
        }
        if transaction.base_size() == 64 {
            return Err(InclusionError::AmbiguousLength(given));
        }
        let block_hash = header.block_hash();
        if block_hash != self.block_hash {
            return Err(InclusionError::OtherBlock {
                proven: self.block_hash,
                given: block_hash,
            });
        }
        let computed = self.root()?;
        if computed == header.merkle_root {
            Ok(())
        } else {
            Err(InclusionError::Root {
                block_hash,
                expected: header.merkle_root,
                computed,
            })
        }
    }

    /// Checks as [`Self::verify`] and refuses a path on which a node reads as a transaction, for those who cannot look
    /// the transaction up in a node.
    ///
    /// Such a node is honest by chance about once in 2³⁰: then the proof is refused although it is right.
    ///
    /// # Errors
    ///
    /// Names the first rule broken.
    pub fn verify_unambiguous(
        &self,
        transaction: &Transaction,
        header: &Header,
    ) -> Result<(), InclusionError> {
        self.verify(transaction, header)?;
        let mut nodes = self.pairs()?.into_iter().zip(1..);
        match nodes.find(|((left, right), _)| reads_as_transaction(left, right)) {
            Some((_, level)) => Err(InclusionError::HiddenTransaction { level }),
            None => Ok(()),
        }
    }

    /// Checks as [`Self::verify`] and refuses the coinbase, as the chain does for stakes (spec 2.7).
    ///
    /// # Errors
    ///
    /// Names the first rule broken.
    pub fn verify_not_coinbase(
        &self,
        transaction: &Transaction,
        header: &Header,
    ) -> Result<(), InclusionError> {
        self.verify(transaction, header)?;
        if self.index == 0 {
            Err(InclusionError::Coinbase(self.txid))
        } else {
            Ok(())
        }
    }

    /// The sibling hashes as they travel: one after the other, internal byte order, leaf level first (spec 2.3).
    pub fn path_bytes(&self) -> Vec<u8> {
        self.siblings
            .iter()
            .flat_map(|sibling| sibling.to_byte_array())
            .collect()
    }

    /// Reads the sibling hashes as they travel.
    ///
    /// # Errors
    ///
    /// Refuses a length that is no multiple of 32 and a path longer than any block's.
    pub fn parse_path(bytes: &[u8]) -> Result<Vec<TxMerkleNode>, InclusionError> {
        if bytes.len() / 32 > MAX_DEPTH {
            return Err(InclusionError::Depth(bytes.len() / 32));
        }
        bytes
            .chunks(32)
            .map(TxMerkleNode::from_slice)
            .collect::<Result<_, _>>()
            .map_err(|_| InclusionError::PathLength(bytes.len()))
    }

    /// Where the path leads from the transaction.
    fn root(&self) -> Result<TxMerkleNode, InclusionError> {
        let pairs = self.pairs()?;
        Ok(pairs
            .last()
            .map_or_else(|| node(self.txid), |(left, right)| parent(left, right)))
    }

    /// The children of each inner node on the path, the lowest first.
    fn pairs(&self) -> Result<Vec<(TxMerkleNode, TxMerkleNode)>, InclusionError> {
        let depth = self.siblings.len();
        if depth > MAX_DEPTH {
            return Err(InclusionError::Depth(depth));
        }
        if self.index >> depth != 0 {
            return Err(InclusionError::Index {
                index: self.index,
                depth,
            });
        }
        let mut pairs = Vec::with_capacity(depth);
        let mut current = node(self.txid);
        for (level, sibling) in self.siblings.iter().enumerate() {
            let is_right = self.index >> level & 1 == 1;
            if is_right && *sibling == current {
                return Err(InclusionError::Duplicate {
                    index: self.index,
                    level,
                });
            }
            let (left, right) = if is_right {
                (*sibling, current)
            } else {
                (current, *sibling)
            };
            current = parent(&left, &right);
            pairs.push((left, right));
        }
        Ok(pairs)
    }
}

/// Siblings on the way from the leaf at `index` to the root.
fn siblings_of(mut level: Vec<TxMerkleNode>, index: u32) -> Vec<TxMerkleNode> {
    let mut siblings = Vec::new();
    let mut position = index as usize;
    while level.len() > 1 {
        siblings.extend(level.get(position ^ 1).or(level.get(position)));
        // The last node of an odd level is first and last of its pair: its own sibling.
        level = level
            .chunks(2)
            .filter_map(|pair| Some(parent(pair.first()?, pair.last()?)))
            .collect();
        position /= 2;
    }
    siblings
}

/// Whether the 64 bytes that an inner node hashes are a transaction too, so that the "node" may be a leaf.
fn reads_as_transaction(left: &TxMerkleNode, right: &TxMerkleNode) -> bool {
    let bytes = [left.to_byte_array(), right.to_byte_array()].concat();
    // Ids are hashes of the form without witness, so a form with one is no leaf.
    consensus::deserialize::<Transaction>(&bytes).is_ok_and(|found| found.base_size() == 64)
}

fn node(txid: Txid) -> TxMerkleNode {
    TxMerkleNode::from_raw_hash(txid.to_raw_hash())
}

fn parent(left: &TxMerkleNode, right: &TxMerkleNode) -> TxMerkleNode {
    let mut engine = TxMerkleNode::engine();
    engine.input(left.as_ref());
    engine.input(right.as_ref());
    TxMerkleNode::from_engine(engine)
}
