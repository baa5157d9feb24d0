//! Contract: bitcoin stake secures this chain, without a hub.
//!
//! Anybody shows a stake ([`msg::StakeMsg`]): `stake` rebuilds its scripts, checks every signature and its place in Bitcoin
//! (through `btc-light`), and counts its weight for a finality provider once it has waited. `finality` cuts tables of
//! providers from those weights, takes their one-time votes for checkpoints of this chain, makes checkpoints final in
//! sequence, and ends a provider's power when its key comes out. `reward` shares what the chain pays among those that
//! voted. `state_proof` lets other contracts ask whether a record is in the state of a final header.
//!
//! A message becomes a [`msg::ExecuteMsg`] in `contract`, which hands it to one of those with a `Context`: the block it is
//! in, Bitcoin as it is known, and the curve. Nobody is believed: whoever brings something brings its proof.
//!
//! What it cannot see: the block hash of its own chain, whether a Bitcoin transaction is valid, and whether an output was
//! spent. docs/partner-chains.md says what follows from that.

mod bytes;
mod config;
mod context;
pub mod contract;
mod error;
pub mod finality;
mod host;
#[cfg(test)]
mod layout;
mod light;
pub mod msg;
mod page;
mod provider;
mod query;
mod reward;
mod stake;
pub mod state_proof;
mod store;

pub use config::ParamsError;
pub use error::ContractError;
pub use finality::{EvidenceError, GovernanceError, RollError, VoteRefusal};
pub use host::Host;
pub use provider::ProviderError;
pub use reward::RewardError;
pub use stake::StakeError;
pub use store::Record;
