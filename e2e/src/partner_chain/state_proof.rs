//! That a contract's record is in the state that a header of the chain commits to.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;

use super::PartnerChain;
use super::encoding::{base64, bytes32, text};

/// What wasmd puts before everything that a contract stores, with the contract's address.
const CONTRACT_STORE: u8 = 3;

/// What a store of the application's state says about a key, with the proofs of it.
pub struct StoreAnswer {
    /// What is stored there, in base64; `None` where nothing is.
    pub value: Option<String>,
    /// The proof that the store says so, in base64.
    pub store_proof: String,
    /// The proof that the state holds this store, in base64.
    pub root_proof: String,
}

/// The key in the store `wasm` of what a contract stores under `key`.
pub fn stored_key(contract: &AccountAddress, key: &[u8]) -> Vec<u8> {
    [&[CONTRACT_STORE], contract.bytes(), key].concat()
}

impl PartnerChain {
    /// The header at `height`, and the proofs of what a contract stores under `key` in the state after `state_height`:
    /// `header`, `store_proof` and `root_proof`. A header commits to the state after the height before its own.
    ///
    /// # Errors
    ///
    /// When a height is not there yet, or the contract stores nothing under the key.
    pub async fn state_proof(
        &self,
        height: u64,
        state_height: u64,
        contract: &AccountAddress,
        key: &[u8],
    ) -> anyhow::Result<Value> {
        let header = self.header_fields(height).await?;
        let answer = self.store_answer("wasm", &stored_key(contract, key), state_height)?;
        ensure!(answer.value.is_some(), "nothing is stored there");
        Ok(json!({
            "header": header,
            "store_proof": answer.store_proof,
            "root_proof": answer.root_proof,
        }))
    }

    /// What a store says about a key in the state after `height`.
    ///
    /// # Errors
    ///
    /// When the height is not there yet, or there is no such store.
    pub fn store_answer(
        &self,
        store: &str,
        key: &[u8],
        height: u64,
    ) -> anyhow::Result<StoreAnswer> {
        let answer = self.wasmd.abci_query(store, key, height)?;
        let operation = |number: usize| {
            let proof = answer.pointer(&format!("/proofOps/ops/{number}/data"));
            let proof = proof
                .and_then(Value::as_str)
                .context("a proof is missing")?;
            anyhow::Ok(proof.to_owned())
        };
        let value = answer.get("value").and_then(Value::as_str);
        Ok(StoreAnswer {
            value: value.map(str::to_owned),
            store_proof: operation(0)?,
            root_proof: operation(1)?,
        })
    }

    /// The 14 encoded fields of a header; their tree has the header's hash.
    async fn header_fields(&self, height: u64) -> anyhow::Result<Vec<String>> {
        let hash = self.header_hash(height).await?;
        let fields = encoded_fields(&self.wasmd.header(height)?)?;
        ensure!(
            mesh_core::tree(&fields) == hash,
            "the encoded fields have another hash than the header"
        );
        Ok(fields.iter().map(base64).collect())
    }
}

/// The fields of a CometBFT header as protobuf, in their order.
fn encoded_fields(header: &Value) -> anyhow::Result<[Vec<u8>; 14]> {
    let member = |pointer: &str| {
        let member = header.pointer(pointer);
        member.with_context(|| format!("the header has no {pointer}"))
    };
    let at = |pointer: &str| {
        let text = member(pointer)?.as_str();
        text.with_context(|| format!("{pointer} of the header is no text"))
    };
    let hash = |pointer: &str| anyhow::Ok(bytes(0x0a, &bytes32(at(pointer)?)?));
    let number = |pointer: &str| anyhow::Ok([vec![0x08], varint(at(pointer)?.parse()?)].concat());
    let parts = member("/last_block_id/parts/total")?.as_u64();
    let parts = [
        vec![0x08],
        varint(parts.context("no number of parts")?),
        bytes(0x12, &bytes32(at("/last_block_id/parts/hash")?)?),
    ]
    .concat();
    let proposer: [u8; 20] = bitcoin::hex::FromHex::from_hex(at("/proposer_address")?)?;
    Ok([
        number("/version/block")?,
        bytes(0x0a, text(header, "chain_id")?.as_bytes()),
        number("/height")?,
        timestamp(text(header, "time")?)?,
        [hash("/last_block_id/hash")?, bytes(0x12, &parts)].concat(),
        hash("/last_commit_hash")?,
        hash("/data_hash")?,
        hash("/validators_hash")?,
        hash("/next_validators_hash")?,
        hash("/consensus_hash")?,
        hash("/app_hash")?,
        hash("/last_results_hash")?,
        hash("/evidence_hash")?,
        bytes(0x0a, &proposer),
    ])
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A field of bytes below 128.
fn bytes(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag], varint(content.len() as u64).as_slice(), content].concat()
}

/// Seconds and nanoseconds since 1970 of a time like `2025-11-30T07:20:00.5Z`.
fn timestamp(text: &str) -> anyhow::Result<Vec<u8>> {
    let (whole, fraction) = text
        .trim_end_matches('Z')
        .split_once('.')
        .unwrap_or((text.trim_end_matches('Z'), "0"));
    let numbers = whole
        .split(['-', 'T', ':'])
        .map(str::parse)
        .collect::<Result<Vec<u64>, _>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else {
        anyhow::bail!("`{text}` is no time")
    };
    // Days since March 1st of the year 0, of which 719,468 were before 1970.
    let year = if month <= 2 { year - 1 } else { year };
    let days = 365 * year + year / 4 - year / 100 + year / 400;
    let days = days + (153 * ((month + 9) % 12) + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let nanoseconds: u64 = format!("{fraction:0<9}").parse()?;
    let mut encoded = [vec![0x08], varint(seconds)].concat();
    if nanoseconds != 0 {
        encoded.extend([vec![0x10], varint(nanoseconds)].concat());
    }
    Ok(encoded)
}
