//! What a light client of the chain verifies, as CometBFT's RPC gives it.

use anyhow::{Context as _, ensure};
use bitcoin::hex::DisplayHex as _;
use serde_json::{Value, json};

use super::Wasmd;

impl Wasmd {
    /// The header of the block at `height`: the object with `chain_id`, `height`, `app_hash`, ….
    ///
    /// # Errors
    ///
    /// When there is no such block yet, or the node does not answer.
    pub fn header(&self, height: u64) -> anyhow::Result<Value> {
        let answer = self.rpc("header", &json!({ "height": height.to_string() }))?;
        member(answer, "header")
    }

    /// The header of the block at `height` with the validator's signature: the object with `header`
    /// and `commit`.
    ///
    /// # Errors
    ///
    /// As [`Wasmd::header`].
    pub fn commit(&self, height: u64) -> anyhow::Result<Value> {
        let answer = self.rpc("commit", &json!({ "height": height.to_string() }))?;
        member(answer, "signed_header")
    }

    /// What the application holds under `key` in `store` ("wasm", "bank", …) after the block at
    /// `height`, with its proof: the object with `value` (base64, null if there is none) and
    /// `proofOps`.
    ///
    /// The proof leads to the `app_hash` of the header at `height` *plus one*.
    ///
    /// # Errors
    ///
    /// When the state at that height is not there, or the node does not answer.
    pub fn abci_query(&self, store: &str, key: &[u8], height: u64) -> anyhow::Result<Value> {
        let query = json!({
            "path": format!("/store/{store}/key"),
            "data": key.to_lower_hex_string(),
            "height": height.to_string(),
            "prove": true,
        });
        let response = member(self.rpc("abci_query", &query)?, "response")?;
        let code = response.get("code").and_then(Value::as_u64);
        ensure!(
            code.unwrap_or_default() == 0,
            "the application answers no query of {store} at height {height}: {}",
            response.get("log").unwrap_or(&response)
        );
        Ok(response)
    }
}

/// Takes one member out of an answer.
fn member(mut answer: Value, name: &str) -> anyhow::Result<Value> {
    let value = answer.get_mut(name).map(Value::take);
    value.with_context(|| format!("the answer has no {name}: {answer}"))
}
