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

/// A beginning of `btc-light`: the trusted header, and what cannot be seen from the eleven that end with it.
pub struct Beginning<'a> {
    /// `bitcoin` or `regtest`.
    pub network: &'a str,
    /// Height of the last header.
    pub height: u64,
    /// Eleven headers, the oldest first.
    pub headers: &'a [Header],
    /// Time of the header with which the period of the last one began, seconds since 1970.
    pub epoch_start_time: u64,
    /// Work of the chain up to the last header, big endian.
    pub chainwork: &'a [u8],
}

impl Beginning<'_> {
    /// The message.
    pub fn message(&self) -> Value {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers.map(|header| base64(serialize(header))).collect();
        json!({
            "network": self.network,
            "test_only": self.network != "bitcoin",
            "height": self.height,
            "headers": headers,
            "epoch_start_time": self.epoch_start_time,
            "chainwork": self.chainwork.to_lower_hex_string(),
            "max_reorg": MAX_REORG,
        })
    }
}

/// The message that begins at [`BASE`].
pub(super) fn beginning(bitcoind: &Bitcoind) -> anyhow::Result<Value> {
    let rpc = bitcoind.rpc();
    let info = |height| rpc.get_block_header_info(&rpc.get_block_hash(height)?);
    let headers = (0..=BASE)
        .map(|height| header(bitcoind, height))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let beginning = Beginning {
        network: "regtest",
        height: BASE,
        headers: &headers,
        epoch_start_time: info(0)?.time.try_into()?,
        chainwork: &info(BASE)?.chainwork,
    };
    Ok(beginning.message())
}

/// The message that brings the headers at these heights.
///
/// # Errors
///
/// When Bitcoin has no such blocks.
pub fn headers_message(bitcoind: &Bitcoind, heights: RangeInclusive<u64>) -> anyhow::Result<Value> {
    let parent_height = heights.start().saturating_sub(1);
    let headers = heights
        .map(|height| header(bitcoind, height))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(message_of_headers(parent_height, &headers))
}

/// The message that brings these headers, the first of which follows the one at `parent_height`.
pub fn message_of_headers(parent_height: u64, headers: &[Header]) -> Value {
    let raw: Vec<u8> = headers.iter().flat_map(serialize).collect();
    json!({ "headers": { "parent_height": parent_height, "raw": base64(raw) } })
}

/// The message that brings headers which were forgotten, down from the one above them.
///
/// # Errors
///
/// When the node does not have them.
pub fn ancestors_message(
    bitcoind: &Bitcoind,
    heights: RangeInclusive<u64>,
) -> anyhow::Result<Value> {
    let child_height = heights.end() + 1;
    let headers = heights
        .rev()
        .map(|height| header(bitcoind, height))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let raw: Vec<u8> = headers.iter().flat_map(serialize).collect();
    Ok(json!({ "ancestor": { "child_height": child_height, "raw": base64(raw) } }))
}

fn header(bitcoind: &Bitcoind, height: u64) -> anyhow::Result<Header> {
    let rpc = bitcoind.rpc();
    Ok(rpc.get_block_header(&rpc.get_block_hash(height)?)?)
}
