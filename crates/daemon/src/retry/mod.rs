//! When to try again what can heal: after pauses that grow.
//!
//! Both types are pure: the time and the jitter are arguments. [`Backoff`] turns a number of failures into a pause;
//! [`Schedule`] keeps that number for each item of a queue, so that one bad item never holds up the others.

mod backoff;
mod schedule;

pub use backoff::Backoff;
pub use schedule::{Schedule, Waiting};
