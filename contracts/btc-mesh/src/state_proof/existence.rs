//! ICS-23 existence proofs of the two trees that an application's state is made of.
//!
//! Not the `ics23` crate: it reads unknown fields past, takes batches and compressed proofs, allows a leaf more prefix and an
//! inner node more children than the trees have, bounds no depth, and brings `anyhow` and a second `prost`. What is
//! accepted here is accepted there, and is exactly what the stores of the Cosmos SDK answer.

use bitcoin::hashes::{Hash, HashEngine, sha256};

use super::canonical::{Reader, put_varint};
use super::error::ExistenceError;

/// Most inner nodes of a proof, ICS-23's own bound.
pub(super) const MAX_DEPTH: usize = 128;

/// Longest part of an inner node of IAVL before its first child, bytes; ICS-23's `max_prefix_length`.
const IAVL_PREFIX: usize = 12;

/// IAVL writes a hash with its length.
const HASH_LENGTH: u8 = 32;

/// Keys of the fields of `CommitmentProof`, `ExistenceProof`, `LeafOp` and `InnerOp`.
const EXISTENCE: u8 = 0x0a;
const OTHER_KINDS: [u8; 3] = [0x12, 0x1a, 0x22];
const KEY: u8 = 0x0a;
const VALUE: u8 = 0x12;
const LEAF: u8 = 0x1a;
const PATH: u8 = 0x22;
const LEAF_PREFIX: u8 = 0x2a;
const INNER_PREFIX: u8 = 0x12;
const INNER_SUFFIX: u8 = 0x1a;

/// How both trees hash a leaf: SHA-256 over key and hash of the value, each with its length as a varint.
const LEAF_OPERATION: [u8; 6] = [
    0x08, 1, // hash: SHA256; prehash_key, left out: NO_HASH
    0x18, 1, // prehash_value: SHA256
    0x20, 1, // length: VAR_PROTO
];

/// How both trees hash an inner node: SHA-256.
const INNER_OPERATION: [u8; 2] = [0x08, 1];

/// Which tree a proof is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spec {
    /// One store: ICS-23's `IavlSpec`.
    Iavl,
    /// All stores: ICS-23's `TendermintSpec`, RFC 6962.
    Tendermint,
}

/// The root to which a proof leads from this key and value.
pub(super) fn root(
    spec: Spec,
    proof: &[u8],
    key: &[u8],
    value: &[u8],
) -> Result<[u8; 32], ExistenceError> {
    let mut commitment = Reader::new(proof);
    let existence = commitment.field(EXISTENCE).ok_or_else(|| kind(proof))?;
    if !commitment.is_empty() {
        return Err(ExistenceError::Encoding);
    }
    let mut existence = Reader::new(existence);
    let mut field = |name| existence.field(name).ok_or(ExistenceError::Encoding);
    if field(KEY)? != key {
        return Err(ExistenceError::Key);
    }
    if field(VALUE)? != value {
        return Err(ExistenceError::Value);
    }
    let prefix = leaf_prefix(spec, field(LEAF)?).ok_or(ExistenceError::Leaf)?;
    let mut hash = leaf(prefix, key, value);
    let mut layer = 0_usize;
    while !existence.is_empty() {
        layer = layer.saturating_add(1);
        if layer > MAX_DEPTH {
            return Err(ExistenceError::Depth);
        }
        let operation = existence.field(PATH).ok_or(ExistenceError::Encoding)?;
        let (prefix, suffix) = inner(spec, layer, operation).ok_or(ExistenceError::Inner(layer))?;
        hash = digest(&[prefix, &hash, suffix]);
    }
    Ok(hash)
}

/// Why this begins no existence proof.
fn kind(proof: &[u8]) -> ExistenceError {
    match proof.first() {
        Some(first) if OTHER_KINDS.contains(first) => ExistenceError::Kind,
        _ => ExistenceError::Encoding,
    }
}

/// What precedes the key in the leaf that `operation` describes; `None` where the tree has no such leaf.
fn leaf_prefix(spec: Spec, operation: &[u8]) -> Option<&[u8]> {
    let mut operation = Reader::new(operation);
    operation.exact(&LEAF_OPERATION)?;
    let prefix = operation.field(LEAF_PREFIX)?;
    let fits = match spec {
        Spec::Iavl => iavl_node(prefix)? == (0, 1),
        Spec::Tendermint => prefix == [0],
    };
    (fits && operation.is_empty()).then_some(prefix)
}

/// What stands before and after the child in the inner node that `operation` describes, `layer` nodes above the leaf; `None`
/// where the tree has no such node.
fn inner(spec: Spec, layer: usize, operation: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut operation = Reader::new(operation);
    operation.exact(&INNER_OPERATION)?;
    let prefix = operation.field(INNER_PREFIX)?;
    let suffix = operation.optional_field(INNER_SUFFIX)?;
    let fits = match spec {
        Spec::Iavl => is_iavl_inner(layer, prefix, suffix)?,
        Spec::Tendermint => {
            let sibling = prefix.strip_prefix(&[1])?;
            matches!((sibling.len(), suffix.len()), (0, 32) | (32, 0))
        }
    };
    (fits && operation.is_empty()).then_some((prefix, suffix))
}

/// Height, size and version, and then two children, each 32 bytes with their length: the proof's own and its sibling.
fn is_iavl_inner(layer: usize, prefix: &[u8], suffix: &[u8]) -> Option<bool> {
    let before_own = prefix.strip_suffix(&[HASH_LENGTH])?;
    let (node, sibling) = if suffix.is_empty() {
        before_own.split_at_checked(before_own.len().checked_sub(33)?)?
    } else {
        (before_own, suffix)
    };
    let (height, size) = iavl_node(node)?;
    // A node is at least as high as it is far from a leaf; IAVL stores its height in a signed byte.
    let fits = height >= layer as u64
        && i8::try_from(height).is_ok()
        && size >= 2
        && node.len() < IAVL_PREFIX
        && sibling.len() == 33
        && sibling.first() == Some(&HASH_LENGTH);
    Some(fits)
}

/// Height and size of the node of IAVL that these bytes begin, which end with the version: three numbers that are not
/// negative.
fn iavl_node(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut reader = Reader::new(bytes);
    let mut number = || {
        reader
            .varint()
            .filter(|zigzag| zigzag % 2 == 0)
            .map(|zigzag| zigzag / 2)
    };
    let (height, size, _version) = (number()?, number()?, number()?);
    reader.is_empty().then_some((height, size))
}

fn leaf(prefix: &[u8], key: &[u8], value: &[u8]) -> [u8; 32] {
    let mut length = Vec::new();
    put_varint(&mut length, key.len() as u64);
    digest(&[prefix, &length, key, &[HASH_LENGTH], &digest(&[value])])
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    for part in parts {
        engine.input(part);
    }
    sha256::Hash::from_engine(engine).to_byte_array()
}
