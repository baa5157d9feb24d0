//! All that is shown on real nodes, in one program: most of a scenario is waiting for blocks, so scenarios wait side by
//! side, and what they share is compiled and linked once.
//!
//! One module for each part of the system; `cargo test --package e2e --test scenarios watchtower` runs one of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod bitcoin_source;
mod captured_output;
mod chain;
mod committee;
mod contracts;
mod covenant;
mod finality;
mod hubless;
mod localnet;
mod mesh_fork;
mod mesh_network;
mod mesh_provider;
mod mesh_watchtower;
mod network;
mod nodes;
mod partner_chain;
mod program;
mod reporting;
mod resilience;
mod spend_paths;
mod staking;
mod under_way;
mod wallet;
mod wasm;
mod wasmd;
mod watchtower;
