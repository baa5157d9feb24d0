//! The program anyone runs: it keeps secured chains and Bitcoin informed of each other.
//!
//! | role | what it carries |
//! |---|---|
//! | [`headers`] | Bitcoin headers to each chain's light client |
//! | [`checkpoints`] | Babylon's checkpoints to Bitcoin, and the proof that they are there back to Babylon |
//! | [`stakes`] | proofs that stakes are on Bitcoin (activation), and that they were spent (unbonding) |
//! | [`slashing`] | slashing transactions to Bitcoin, made with the keys that equivocation gave away |
//! | [`revealed`] | those keys, from the chain that they came out on to all others |
//! | [`upkeep`] | what a partner chain needs of anybody: tables, expiry, rewards |
//!
//! Babylon and any number of partner chains ([`chain::SecuredChain`]) are served side by side: each has a connection, tasks and progress
//! of its own, so that one that is down or lies delays no other. They share the Bitcoin node and the keys that are out.
//!
//! Each role is a [`role::Role`] with rounds of its own: it observes both chains, decides with a pure function, notes
//! durably what must not be done twice, acts, and observes again. Roles share the connections ([`startup`]) and
//! nothing else, so one that fails waits and recovers alone. One item's failure is that item's: it is tried again after
//! a pause, and given up on with its reason in the end (`daemon::parked`).

pub mod chains;
pub mod checkpoints;
pub mod cli;
pub mod commands;
pub mod config;
pub mod headers;
pub mod home;
pub mod keys;
pub mod metrics;
pub mod pulse;
pub mod revealed;
pub mod role;
pub mod slashing;
pub mod stakes;
pub mod startup;
pub mod status;
pub mod store;
pub mod upkeep;
