//! What `btc-light` is told, in its JSON.

use std::ops::RangeInclusive;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bitcoin::consensus::serialize;
use bitcoincore_rpc::RpcApi as _;
use chain::wasm::Execution;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::Bitcoind;

/// Height at which the contract begins: the eleven headers that it needs go back to the genesis block.
pub(crate) const BASE: u64 = 10;

/// The contract.
pub(crate) struct Light {
    pub(crate) address: AccountAddress,
}

impl Light {
    pub(crate) fn execution(&self, msg: &Value) -> Execution {
        Execution::new(self.address.clone(), msg).unwrap()
    }

    /// Brings the headers at these heights.
    pub(crate) fn bring(&self, bitcoind: &Bitcoind, heights: RangeInclusive<u64>) -> Execution {
        let parent_height = heights.start() - 1;
        let raw: Vec<u8> = heights
            .flat_map(|height| header(bitcoind, height))
            .collect();
        self.execution(&json!({"headers": {"parent_height": parent_height, "raw": base64(&raw)}}))
    }

    /// Brings a header to a height at which there is none to build on.
    pub(crate) fn bring_nowhere(&self, parent_height: u64) -> Execution {
        let raw = base64(&[0; 80]);
        self.execution(&json!({"headers": {"parent_height": parent_height, "raw": raw}}))
    }
}

/// The message that begins at [`BASE`].
pub(crate) fn beginning(bitcoind: &Bitcoind) -> Value {
    let rpc = bitcoind.rpc();
    let info = |height| {
        let hash = rpc.get_block_hash(height).unwrap();
        rpc.get_block_header_info(&hash).unwrap()
    };
    let headers: Vec<_> = (0..=BASE)
        .map(|height| base64(&header(bitcoind, height)))
        .collect();
    json!({
        "network": "regtest",
        "test_only": true,
        "height": BASE,
        "headers": headers,
        "epoch_start_time": info(0).time,
        "chainwork": hex::encode(info(BASE).chainwork),
        "max_reorg": 20,
    })
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn header(bitcoind: &Bitcoind, height: u64) -> Vec<u8> {
    let rpc = bitcoind.rpc();
    let hash = rpc.get_block_hash(height).unwrap();
    serialize(&rpc.get_block_header(&hash).unwrap())
}
