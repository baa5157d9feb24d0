//! Bitcoin staking protocol: scripts, transactions, delegation rules, proofs.

pub mod delegation;
mod dust;
pub mod expansion;
pub mod header;
pub mod inclusion;
pub mod keys;
pub mod network;
pub mod outputs;
pub mod params;
pub mod phase1;
pub mod proof_of_possession;
pub mod quorum;
pub mod recognise;
pub mod sanity;
pub mod scripts;
pub mod sighash;
pub mod slashing_rate;
pub mod transactions;
pub mod units;
pub mod witness;
