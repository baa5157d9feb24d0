//! The life of a stake: observe, decide, act, until what its owner wants has happened.
//!
//! ```text
//!  journal: what the owner wants ──┐
//!  Bitcoin: where the coins are ───┼──> Observation ──decide──> Step ─┬─ Act: do it, observe again
//!  chain: what is registered ──────┘       (pure)                     ├─ Wait: observe again later
//!                                                                     └─ Rest, Stuck: tell the owner
//! ```
//!
//! Every action may be repeated without harm, so a process that ends anywhere is gone on with by the next one.

mod decide;
mod observation;
mod step;

pub use decide::{Withdrawn, decide};
pub use observation::{Observation, Place, Position, ProviderState, Registration, Terms};
pub use step::{Action, Obstacle, Rest, Step, Waiting};
