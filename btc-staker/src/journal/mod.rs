//! What the owner wants of each stake, and what a node may have forgotten: kept across restarts.
//!
//! An [`Entry`] is written before the first step of a stake is taken, so that whatever happens afterwards can be gone
//! on with. Where a stake is in its life is never written down: that is asked of the nodes again each time
//! ([`crate::life`]). All of it can be rebuilt from the seed and the chain, except for stakes that were not registered
//! yet (nothing has happened to their coins) and withdrawals that no node has (they can be made again). A stake without a
//! hub is registered only when it is on Bitcoin: until then nothing else leads to it, so a [`StakeRecord`] has it first.

mod entry;
mod hubless;
mod record;
mod store;

pub use entry::{Entry, Intent, Withdrawal};
pub use hubless::Hubless;
pub use record::StakeRecord;
pub use store::{Journal, JournalError};
