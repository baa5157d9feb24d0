//! The contract through its entry points: what it takes, refuses, answers and forgets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs
)]

mod ancestors;
mod beginning;
mod contract;
mod headers;
mod health;
mod mainnet;
mod miner;
mod model;
mod proofs;
mod schema;
