//! What is signed and hashed on partner chains, byte for byte.
//!
//! A [`Domain`] names one instance of the contract and enters everything that is signed for it. A [`table`] says who votes
//! with which weight and randomness; a [`vote`] names the tables, so that it counts under no other, and [`age`] says for how
//! long. [`commit`], [`registration`] and [`consent`] are what providers and stakers sign besides. [`tree`] is the tree
//! over all lists, which is also that of CometBFT's headers.
//!
//! Every message has fixed lengths or length prefixes, so no two things have the same bytes; every digest has its own tag,
//! so a signature of one can be taken for no other, nor for a Bitcoin transaction's. The crate is pure: the contract and
//! all programs use the same one. Numbers are big endian, Bitcoin hashes in internal byte order.

pub mod age;
pub mod commit;
pub mod consent;
mod domain;
mod hash;
pub mod registration;
pub mod table;
pub mod vote;

pub use domain::{Domain, DomainError};
pub use hash::tree;
