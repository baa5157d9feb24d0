//! A partner chain that the test secures itself: real nodes, the contracts on them, and everybody's keys in this process.
//!
//! A [`PartnerChain`] is a `wasmd` with `btc-light`, which [`PartnerChain::mine`] keeps at the tip of a regtest `bitcoind`.
//! A [`Mesh`] is one instance of `btc-mesh` on it; several of them are as good as several chains, since each has a domain
//! of its own. A [`Stake`] is funded and signed, and can leave in every way that its staker has; a [`Provider`] commits and
//! votes for a [`Checkpoint`], and [`PartnerChain::state_proof`] shows what a contract stores. All messages are JSON as the manual has it: no type of the
//! contracts' is used. What is signed comes from `mesh-core`, whose bytes have tests of their own.

mod encoding;
mod exits;
mod headers;
mod light;
mod mesh;
mod nodes;
mod provider;
mod stake;
mod state_proof;
mod table;
mod template;
mod terms;

use std::time::Duration;

pub use encoding::base64;
pub(crate) use encoding::number;
pub use headers::{Beginning, ancestors_message, headers_message, message_of_headers};
pub use light::inclusion;
pub use mesh::{Checkpoint, Mesh};
pub use nodes::{PartnerChain, bitcoin_with_coins};
pub use provider::Provider;
pub use stake::Stake;
pub use state_proof::{StoreAnswer, stored_key};
pub use terms::{
    CHALLENGE, CONSENT_DELAY, DEPTH, GRACE, MAX_AGE, THAW, UNBONDING, params, staking_params,
};

/// How long anything on these small chains may take.
pub const DEADLINE: Duration = Duration::from_mins(3);
