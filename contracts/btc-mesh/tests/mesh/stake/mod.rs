//! Stakes: what is taken, how it waits, counts, shrinks, ends and comes back.

mod activation;
mod consent;
mod expiry;
mod gas;
mod malformed;
mod model;
mod reorg;
pub(crate) mod scene;
mod spend;
