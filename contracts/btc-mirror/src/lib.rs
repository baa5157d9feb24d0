//! Contract: a mirror of another chain's `btc-mesh` instance, its *subject*, that believes nobody on that chain.
//!
//! Governance pins one table of the subject, as a genesis is pinned. From there on everything is signed: whoever brings the
//! providers' votes makes the subject's checkpoints final here, by the subject's own rules and with the same hashes, and
//! the votes for an epoch's last checkpoint name the root of the next table, whose entries anybody may then supply
//! ([`msg::ExecuteMsg`]). There is no stake here, and no reward.
//!
//! `table` rebuilds a table and its root from a message; `pin` brings one into force, signed or pinned. `votes` counts what
//! was signed (`forged` what a key signs that is out), `checkpoints` makes final what has a quorum, `halt` says why nothing
//! becomes final, and `evidence` publishes keys. Judging and keeping votes, tables and final checkpoints is the subject's
//! own code, `btc_mesh::finality`.
//!
//! A mirror differs from its subject in three ways. It counts votes of keys that are out, because the subject may have
//! counted them before, and so stops when they reach a third of a table. A vote for an epoch's last checkpoint says which
//! next root it names, because the mirror cannot know it before. And nothing leads over a resume of the subject, which is a
//! decision of people there: governance here must pin the new table.

mod checkpoints;
mod clock;
mod config;
mod context;
pub mod contract;
mod error;
mod evidence;
mod forged;
mod halt;
#[cfg(test)]
mod layout;
pub mod msg;
mod pin;
mod query;
mod table;
mod votes;

pub use error::ContractError;
pub use halt::Halt;
pub use pin::Bound;
