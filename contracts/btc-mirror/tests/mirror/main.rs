//! A mirror through its entry points, beside the subject that it follows: a real `btc-mesh` with real stakes and votes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs
)]

mod beginning;
mod examples;
mod follow;
mod hostile;
mod mirror;
mod model;
mod pair;
mod repin;
#[allow(
    dead_code,
    unused_imports,
    reason = "the subject's tests need more of it"
)]
#[path = "../../../btc-mesh/tests/mesh/rig/mod.rs"]
mod rig;
mod schema;
mod slashing;
mod subject;
