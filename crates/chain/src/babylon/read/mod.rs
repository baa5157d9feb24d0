//! What the node answers, read into domain types.
//!
//! Everything here is hostile: every length, number and text is checked once, and an error names the field as the
//! chain's `.proto` files do. Reading is as lenient as the chain itself (spec 6.10): bytes after a transaction are
//! ignored, both lengths of adaptor signatures are read, fields that we do not know are skipped.

mod bitcoin;
mod checkpoint;
mod delegation;
mod finality;
mod params;
mod rewards;

pub(super) use self::bitcoin::header;
pub(super) use checkpoint::{checkpoint, checkpoint_status, submission};
pub(super) use delegation::{delegation, page};
pub(super) use finality::{
    active_provider, block, commits, evidence, finality_params, finality_provider, provider_key,
    signing_info,
};
pub(super) use params::{light_client_params, staking_params};
pub(super) use rewards::rewards;
