//! Finality: tables, votes, evidence, and what becomes final.
//!
//! `snapshot` cuts a table from the ranking; `tables` keeps the last three. `votes` counts what was signed under them,
//! `checkpoints` makes final what has a quorum, in sequence, and brings the next table into force at an epoch's end.
//! `evidence` gets a key out of two signatures or takes it as it is shown; `governance` begins, and begins anew after a
//! stall. No decision looks at which fork of this chain it runs on: that is what the signed table roots are for.

mod checkpoints;
pub(crate) mod clock;
mod evidence;
mod governance;
mod roll;
mod snapshot;
mod tables;
mod tally;
mod votes;

pub(crate) use checkpoints::{at_height, final_at, finalise, halted, in_force, last_final};
pub use evidence::EvidenceError;
pub(crate) use evidence::{Evidence, evidence, is_slashed, slash_with_key, slashed_key};
pub use governance::GovernanceError;
pub(crate) use governance::{Decision, resume, resumes, start};
pub use roll::RollError;
pub(crate) use roll::roll;
pub(crate) use tables::{entries, head_of_epoch};
pub(crate) use tally::tallies;
pub use votes::VoteRefusal;
pub(crate) use votes::cast;

#[cfg(test)]
pub(crate) mod tests;
