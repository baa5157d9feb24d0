//! Example contract: an escrow that pays a deposit only when bitcoin stake made it final.
//!
//! The pattern for every contract that must not act on a block which may yet be undone, or which was shown to it alone: a
//! chain's validators can sign two forks, and a contract cannot see which of them it runs on. So it does not ask "is my
//! height final?", it asks `btc-mesh` "is *this record of mine* in the state of a final header?" If it is, it does not
//! matter which fork asks. What to copy, and why:
//!
//! 1. **Write a record first, act on it in a later message.** The record holds everything that will be done. A fork whose
//!    record says anything else cannot prove it.
//! 2. **Records are appended and never changed or removed**, and ids are never used again: a proof may be old, and what it
//!    shows must still be what is stored.
//! 3. **What was consumed stands elsewhere**, under a key of its own, and is written before anything is paid. A record is
//!    consumed once.
//! 4. **The contract itself says what is to be proven**: its own address, the key of the record and the value as *it* stores
//!    them. The user brings a header and two proofs, nothing else.
//! 5. **Era and decree are looked at.** A decreed checkpoint has no votes behind it, and no guarantee spans two eras: the era
//!    is pinned, and people move the pin.
//! 6. **A refusal costs nothing.** The record waits until a later final header shows it.
//!
//! An escrow for more than an example also compares what it pays with a third of `at_risk` of `finalized{k}`: what reverting
//! the checkpoint costs at least.
//!
//! A proof is the answer to the query `/store/wasm/key` at height H - 1, with proof, where H is the height of checkpoint k;
//! the key is 0x03, this contract's address, and what [`msg::DepositResponse::key`] says.

pub mod contract;
mod error;
pub mod msg;

pub use error::ContractError;
