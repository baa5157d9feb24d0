//! The contract through its entry points, with a real `btc-light` beside it: what it takes, counts, ends and forgets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs
)]

mod examples;
mod rig;
mod scale;
mod schema;
mod soak;
mod stake;
