//! Proofs that a record is in the state of a final header: which are taken, and every way to forge one that is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs
)]

mod chain;
mod existence;
mod headers;
mod hostile;
mod node;
mod records;
