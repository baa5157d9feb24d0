//! Stakes on Bitcoin: proving that they are there (activation) and that they were spent (unbonding).
//!
//! ```text
//!   chain ──delegations──> Watch ──> Book <── Activation ──inclusion proofs──> chain
//! bitcoin ──blocks───────>   │        ^ └──── Unbonding ───spends────────────> chain
//!                            └─ cursor: every block below was dealt with
//! ```
//!
//! [`Watch`] alone reads: it follows Bitcoin's blocks, each of which it reads once, and asks the chain for delegations.
//! What it finds is in the [`Book`], from which the two roles take what is due and to which they return what is done.

mod activation;
mod book;
mod discovery;
mod stake;
mod unbonding;
mod watch;

pub use activation::Activation;
pub use book::Book;
pub use stake::{Inclusion, Spend, Stake};
pub use unbonding::Unbonding;
pub use watch::Watch;
