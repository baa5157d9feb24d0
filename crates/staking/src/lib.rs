//! Bitcoin staking protocol: scripts, transactions, delegation rules, proofs.
//!
//! Keys and parameters ([`keys`], [`params`]) make scripts, and scripts make outputs ([`scripts`], [`outputs`]). On a
//! staking transaction follow the pre-signed transactions and what is signed of them ([`transactions`], [`sighash`]).
//! [`delegation`] judges the whole, whoever made it, and finishes it with signatures ([`quorum`], [`witness`]);
//! [`expansion`] adds what ties a stake to a previous one. [`recognise`] goes the other way, from any transaction to
//! what it is. [`inclusion`] and [`header`] prove that it is on Bitcoin, [`proof_of_possession`] who owns a key.
//!
//! The crate is pure: no I/O, clock, randomness or floats; everything from outside is taken as hostile. It is as strict
//! as the node of Babylon, and no stricter where that would refuse what the chain holds. "spec" in the docs are the
//! protocol notes in docs/protocol.

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
