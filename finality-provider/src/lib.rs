//! The program of finality providers.
//!
//! A provider does two things, for ever: it commits to public randomness ahead of time, and it votes for every block
//! of the chain for which it has voting power. [`startup`] brings each provider of the configuration to work on its own;
//! [`provider`] observes the chain, decides with the pure functions of [`randomness`] and [`votes`], and acts;
//! everything that touches a key goes through [`signer`], whose [`record`] (`sign-guard`) is durable before a signature
//! exists. [`reporting`] shows the provider's stakes to the partner chains that may count them.
//! On partner chains [`tables`] compares each next table with our own Bitcoin node before a vote hands over to it.
//! Providers of one process share nothing but the process and that record.

pub mod chains;
pub mod cli;
pub mod commands;
pub mod config;
pub mod extract_key;
pub mod keys;
pub mod metrics;
pub mod provider;
pub mod randomness;
pub mod record;
pub mod reporting;
pub mod signer;
pub mod startup;
pub mod tables;
pub mod upkeep;
pub mod votes;
