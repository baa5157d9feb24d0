//! Finality providers: who they are, what they committed to, and what stands behind them.
//!
//! Registrations and commits are signed, so anybody relays them and nobody can change them. `record` holds a provider,
//! `rank` orders those that may be in the next table by weight.

mod rank;
mod record;
mod register;
mod unjail;

pub(crate) use rank::top;
pub(crate) use record::{Changes, Participation, Provider, find, get, list, retire, save};
pub use register::ProviderError;
pub(crate) use register::{Registration, commit, register};
pub(crate) use unjail::unjail;
