//! What the owner wants of each stake, and what a node may have forgotten: kept across restarts.
//!
//! An [`Entry`] is written before the first step of a stake is taken, so that whatever happens afterwards can be gone
//! on with. Where a stake is in its life is never written down: that is asked of the nodes again each time
//! ([`crate::life`]). All of it can be rebuilt from the seed and the chain, except for stakes that were not registered
//! yet (nothing has happened to their coins) and withdrawals that no node has (they can be made again).

mod entry;
mod store;

pub use entry::{Entry, Intent, Withdrawal};
pub use store::{Journal, JournalError};
