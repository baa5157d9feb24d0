//! One instance of the contract on a chain of its own, with `btc-light` and a regtest Bitcoin that is mined here.
//!
//! [`Rig`] keeps Bitcoin, both contracts and the clock together: what is mined is brought to `btc-light` at once unless a
//! test says otherwise, and the chain's present block is a minute younger than Bitcoin's tip. A refused message leaves
//! nothing behind, as on a chain.

pub(crate) mod bitcoin_chain;
pub(crate) mod examples;
mod instance;
pub(crate) mod light;
mod staker;
pub(crate) mod storage;
mod voter;

pub(crate) use instance::{DENOM, GOVERNANCE, Rig, params, secret};
pub(crate) use staker::{Staking, Terms, covenant_set, funded};
pub(crate) use voter::{Voter, block_hash};
