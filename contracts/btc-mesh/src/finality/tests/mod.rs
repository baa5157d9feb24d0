//! Finality's transitions without a chain around them: storage in memory, Bitcoin as told, the curve by libsecp256k1.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod finals;
pub(crate) mod fork;
mod model;
mod rules;
