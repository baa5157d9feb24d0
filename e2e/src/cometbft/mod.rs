//! What the nodes of all our chains have in common: they are CometBFT with an application of the
//! Cosmos SDK.
//!
//! The chain's own program writes a node folder; `files` moves it to the test's ports and genesis;
//! `node` runs the node and asks it things. What the chains differ in is left to
//! [`Babylond`](crate::Babylond) and [`Wasmd`](crate::Wasmd).

mod files;
mod fork;
mod node;
mod ports;

pub use self::files::GenesisEdit;
pub(crate) use self::files::{edit_genesis, initialise, listen_on, read_json, set_block_interval};
pub(crate) use self::node::{Node, Setup};
pub(crate) use self::ports::Ports;

/// An id that no other chain has.
///
/// A provider's key used again on a new chain of the same name would disclose itself (spec 3.14).
pub(crate) fn fresh_chain_id() -> String {
    format!("test-{:016x}", rand::random::<u64>())
}
