//! Bitcoin's headers as `btc-light` takes them.

use std::ops::RangeInclusive;

use bitcoin::block::Header;
use bitcoin::consensus::serialize;
use bitcoin::hex::DisplayHex as _;
use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};

use super::encoding::base64;
use crate::Bitcoind;

/// Height at which the contract begins: the eleven headers that it needs go back to the genesis block.
pub(super) const BASE: u64 = 10;

/// Deepest reorganisation that is followed.
const MAX_REORG: u64 = 20;

/// The message that begins at [`BASE`].
pub(super) fn beginning(bitcoind: &Bitcoind) -> anyhow::Result<Value> {
    let rpc = bitcoind.rpc();
    let info = |height| rpc.get_block_header_info(&rpc.get_block_hash(height)?);
    let headers: Vec<String> = (0..=BASE)
        .map(|height| Ok(base64(serialize(&header(bitcoind, height)?))))
        .collect::<anyhow::Result<_>>()?;
    Ok(json!({
        "network": "regtest",
        "test_only": true,
        "height": BASE,
        "headers": headers,
        "epoch_start_time": info(0)?.time,
        "chainwork": info(BASE)?.chainwork.to_lower_hex_string(),
        "max_reorg": MAX_REORG,
    }))
}

/// The message that brings the headers at these heights.
///
/// # Errors
///
/// When Bitcoin has no such blocks.
pub fn headers_message(bitcoind: &Bitcoind, heights: RangeInclusive<u64>) -> anyhow::Result<Value> {
    let parent_height = heights.start().saturating_sub(1);
    let raw: Vec<u8> = heights
        .map(|height| Ok(serialize(&header(bitcoind, height)?)))
        .collect::<anyhow::Result<Vec<_>>>()?
        .concat();
    Ok(json!({ "headers": { "parent_height": parent_height, "raw": base64(raw) } }))
}

fn header(bitcoind: &Bitcoind, height: u64) -> anyhow::Result<Header> {
    let rpc = bitcoind.rpc();
    Ok(rpc.get_block_header(&rpc.get_block_hash(height)?)?)
}
