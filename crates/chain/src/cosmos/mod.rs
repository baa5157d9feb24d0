//! What chains of the Cosmos SDK have in common: accounts, fees, a node to ask, and transactions.
//!
//! An account's messages become transactions in `sender`, which works through a `node`; what a message is, and what a
//! node is asked besides, is each chain's own ([`babylon`](crate::babylon), [`wasm`](crate::wasm)).

mod account;
mod config;
mod decimal;
pub(crate) mod effects;
pub(crate) mod message;
pub(crate) mod node;
pub(crate) mod sender;

pub use account::{AccountKey, AccountKeyError};
pub(crate) use config::default;
pub use config::{Config, GasAdjustment, GasAdjustmentError};
pub use decimal::{Decimal, DecimalError};
pub use effects::Event;
pub use proto::grpc_url::{GrpcUrl, GrpcUrlError};
