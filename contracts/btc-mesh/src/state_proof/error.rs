//! Why a record is not shown to be in a final state.

use super::HEADER_FIELDS;
use super::existence::MAX_DEPTH;
use crate::msg::Bytes32;

/// Why a record is not shown to be in the state of a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateProofError {
    /// Not the fields of a header.
    #[error("the header has {0} fields, it must have {HEADER_FIELDS}")]
    FieldCount(usize),
    /// Longer than is judged.
    #[error("{what} is {found} bytes long, at most {max} are judged")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its length, bytes.
        found: usize,
        /// Longest, bytes.
        max: usize,
    },
    /// A contract stores no empty value, so no record is one.
    #[error("the value is empty; absence cannot be proven here")]
    EmptyValue,
    /// Another header than the final one.
    #[error("the header's hash is {found}, final is {expected}")]
    HeaderHash {
        /// Hash of the fields given.
        found: Bytes32,
        /// Hash that is final.
        expected: Bytes32,
    },
    /// A header of another chain.
    #[error(
        "field 1 of the header is {found} in hex, which is not the encoded chain id {expected:?}"
    )]
    ChainId {
        /// The field, at most [`MAX_HEADER_FIELD`](super::MAX_HEADER_FIELD) bytes, in hex.
        found: String,
        /// The chain id.
        expected: String,
    },
    /// A header of another height.
    #[error("field 2 of the header is {found} in hex, which is not the encoded height {expected}")]
    Height {
        /// The field, at most [`MAX_HEADER_FIELD`](super::MAX_HEADER_FIELD) bytes, in hex.
        found: String,
        /// The height.
        expected: u64,
    },
    /// A header without a hash of the state.
    #[error("field 10 of the header is {0} in hex, which is not an encoded hash of 32 bytes")]
    AppHash(String),
    /// The proof that the store of contracts holds the record.
    #[error("store_proof: {0}")]
    Store(#[source] ExistenceError),
    /// The proof that the application's state holds that store.
    #[error("root_proof: {0}")]
    Root(#[source] ExistenceError),
    /// The record is not in this state.
    #[error(
        "the proofs lead to the application hash {found}, the header has {app_hash}; header H needs proofs of the state after \
         H - 1, of exactly this record"
    )]
    NotInState {
        /// Where the proofs lead.
        found: Bytes32,
        /// What the header says.
        app_hash: Bytes32,
    },
}

/// Why bytes are no ICS-23 proof that something exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExistenceError {
    /// A proof of absence, a batch or a compressed batch.
    #[error("it is a proof of absence, a batch or compressed; one existence proof is needed")]
    Kind,
    /// Not what an encoder of protobuf writes.
    #[error("it is no canonical protobuf of an existence proof up to its last byte")]
    Encoding,
    /// A proof of something else.
    #[error("it proves another key")]
    Key,
    /// A proof of another value.
    #[error("it proves another value")]
    Value,
    /// A leaf that is not hashed as the store does it.
    #[error("its leaf is not hashed as the store's specification says")]
    Leaf,
    /// An inner node that is not hashed as the store does it.
    #[error(
        "its inner node {0}, counted from the leaf, is not hashed as the store's specification says"
    )]
    Inner(usize),
    /// More inner nodes than a tree has.
    #[error("it has more than {MAX_DEPTH} inner nodes")]
    Depth,
}
