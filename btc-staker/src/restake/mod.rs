//! Stakes that are there already, shown to partner chains without moving a coin.
//!
//! ```text
//!  wish ──> list ──┐
//!  Babylon: the delegation and its signatures ──> plan ──decide──> number ──agreed──> sign ──> record ──> deliver
//!  partner chains: what they take, what they were shown ──┘         (pure)                  (synced)
//! ```
//!
//! A staker's consent is a numbered list of chains and shares. Two lists under one number make the stake worthless for
//! ever, so [`number`] decides from everything that is known, and `record` is durable before a signature leaves. What
//! was signed is shown as often as it takes: a chain that was silent hears of it when the command is run again.

mod deliver;
mod error;
mod instances;
pub mod number;
mod plan;
mod record;
pub mod revocation;
pub mod spelling;
mod summary;
mod taken;

pub use deliver::{Inclusion, Showing, Told};
pub use error::RestakeError;
pub use instances::{Instance, KnownStake, Look, PartnerChains};
pub use plan::{Asked, Plan, Wish};
pub(crate) use plan::{is_as_shown, sign_list};
pub use record::{ConsentRecord, RecordError};
pub use summary::{ShareSummary, Summary};
pub use taken::{Judged, Offer};
