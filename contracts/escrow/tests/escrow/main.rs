//! An escrow beside the real `btc-mesh` and `btc-light`, on a chain and on its fork.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs
)]

#[allow(dead_code, reason = "what forgeries are made of is not needed here")]
#[path = "../../../btc-mesh/tests/state_proof/chain.rs"]
mod chain;
mod deposits;
mod fork;
mod forks;
mod schema;
mod setting;
