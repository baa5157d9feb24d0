//! The life of a stake: observe, decide, act, until what its owner wants has happened.
//!
//! ```text
//!  journal: what the owner wants ──┐
//!  Bitcoin: where the coins are ───┼──> Observation ──decide──> Step ─┬─ Act: do it, observe again
//!  chain: what is registered ──────┘       (pure)                     ├─ Wait: observe again later
//!                                                                     └─ Rest, Stuck: tell the owner
//! ```
//!
//! A stake without a hub has that life on each of its partner chains (`partners`), and one step in common.
//!
//! Every action may be repeated without harm, so a process that ends anywhere is gone on with by the next one.

pub(crate) mod act;
mod decide;
mod drive;
mod error;
mod find;
mod hubless;
mod observation;
mod observe;
mod partners;
mod stake;
mod step;

pub use decide::{Withdrawn, decide};
pub use drive::{OUTAGE_PAUSE, Seen, Until};
pub use error::LifeError;
pub use observation::{Held, Observation, Place, Position, ProviderState, Registration, Terms};
pub use observe::{observe, provider_state};
pub use partners::{OnPartner, Partners, Refusal};
pub use stake::Stake;
pub use step::{Action, Obstacle, Rest, Step, Waiting};
