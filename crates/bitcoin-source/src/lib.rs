//! Where Bitcoin data comes from: blocks, reorgs, fee rates, broadcast.
//!
//! Programs hold an `Arc<dyn `[`BitcoinSource`]`>` and do not know what answers. [`Bitcoind`] asks a node over JSON-RPC
//! and needs neither its wallet nor a transaction index. The trait asks nothing that only a node can answer, so an
//! Esplora or Electrum server fits behind it as another implementation.
//!
//! ```text
//!  Config ──> Bitcoind ──(BitcoinSource)──> Follower ──ChainEvent──> SpendIndex ──Spend──> program
//! ```
//!
//! [`Follower`] turns "what is your tip?" into an ordered sequence of connected and disconnected blocks, and
//! [`SpendIndex`] finds in each of them, in one pass, the inputs that spend a watched output.

mod bitcoind;
mod block_id;
mod config;
mod error;
mod fees;
mod follower;
mod rejection;
mod source;
mod spend_index;

pub use bitcoind::{Bitcoind, RpcClient};
pub use block_id::BlockId;
pub use config::{Config, ConfigError};
pub use error::SourceError;
pub use fees::{FeeEstimate, FeeOrigin, FeePolicy, FeePolicyError, sat_per_vb};
pub use follower::{
    ChainEvent, Checkpoints, CheckpointsError, FollowError, Follower, FollowerConfig, Start,
};
pub use rejection::{Rejection, RejectionKind};
pub use source::{
    BitcoinSource, ConfirmedOutput, FoundTransaction, Location, MempoolAcceptance, NodeStatus,
    UnspentOutput,
};
pub use spend_index::{Spend, SpendIndex};
