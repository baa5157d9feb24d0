//! Contract: Bitcoin's headers on any CosmWasm chain, and proofs that a transaction is in one of their blocks.
//!
//! Whoever instantiates it trusts eleven linked headers; from there on everybody may bring headers ([`msg::ExecuteMsg`])
//! and nobody is believed: `chain` applies Bitcoin's rules (the `staking` crate, as the programs run them) and follows the
//! chain with most work, back over a bounded number of blocks. `store` keeps the last four weeks in a ring and every
//! 144th header for good; `ancestors` walks down to an older one by hashes alone. `proof` and `health` answer other
//! contracts: is this transaction in that block, and is what this contract sees fresh and of the usual pace? Those that ask
//! often use [`Reader`], which spares them the query.
//!
//! What it cannot see: whether a block's transactions are valid, and whether a proven output was spent since.

mod ancestors;
mod chain;
pub mod contract;
mod error;
mod health;
mod instantiate;
#[cfg(test)]
mod layout;
pub mod msg;
mod proof;
mod reader;
mod reorgs;
mod store;

pub use error::ContractError;
pub use reader::Reader;
pub use reorgs::Reorg;
