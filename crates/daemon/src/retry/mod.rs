//! When to try again: growing pauses for what can heal, a parking place for what cannot.
//!
//! Both types are pure: the time and the jitter are arguments. [`Backoff`] turns a number of failures into a pause;
//! [`Schedule`] keeps that number for each item of a queue, so that one bad item never holds up the others.

mod backoff;
mod schedule;

pub use backoff::Backoff;
pub use schedule::{Parked, Schedule, Waiting};
