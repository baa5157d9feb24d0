//! Finality: tables, votes, evidence, and what becomes final.
//!
//! `snapshot` cuts a table from the ranking; [`tables`] keeps the last three. `votes` counts what was signed under them,
//! each judged by a [`ballot`] and added up by [`tally`]; `checkpoints` makes final what has a quorum, in sequence, kept as
//! [`finals`], and brings the next table into force at an epoch's end. [`evidence`] gets a key out of two signatures or
//! takes it as it is shown; `governance` begins, and begins anew after a stall. No decision looks at which fork of this
//! chain it runs on: that is what the signed table roots are for.
//!
//! What is public here is what a mirror of an instance does in the same way.

pub mod ballot;
mod checkpoints;
pub(crate) mod clock;
pub mod evidence;
pub mod finals;
mod governance;
mod roll;
mod snapshot;
pub mod tables;
pub mod tally;
mod votes;

pub use ballot::VoteRefusal;
pub(crate) use checkpoints::{finalise, halted, in_force};
pub use evidence::EvidenceError;
pub(crate) use evidence::{Evidence, evidence, is_slashed, slash_with_key, slashed_key};
pub(crate) use finals::final_at;
pub use governance::GovernanceError;
pub(crate) use governance::{Decision, resume, resumes, start};
pub use roll::RollError;
pub(crate) use roll::roll;
pub(crate) use tables::{entries, head_of_epoch};
pub(crate) use tally::{tallies, votes as kept_votes};
pub(crate) use votes::cast;

#[cfg(test)]
pub(crate) mod tests;
