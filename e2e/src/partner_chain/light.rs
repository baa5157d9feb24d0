//! What the chain is shown of Bitcoin: headers for `btc-light`, and proofs of inclusion under them.

use anyhow::Context as _;
use bitcoin::{Transaction, Txid};
use bitcoincore_rpc::RpcApi as _;
use chain::ChainError;
use chain::wasm::Executed;
use serde_json::{Value, json};
use staking::inclusion::InclusionProof;
use staking::proof_of_possession::AccountAddress;

use super::PartnerChain;
use super::encoding::{base64, number, text};
use super::headers::{BASE, Beginning, headers_message};
use crate::Bitcoind;

impl PartnerChain {
    /// Begins another instance of `btc-light`, which nobody else looks at.
    ///
    /// # Errors
    ///
    /// When the contract refuses the beginning.
    pub async fn begin_light(
        &self,
        beginning: &Beginning<'_>,
    ) -> Result<AccountAddress, ChainError> {
        let message = beginning.message();
        self.anybody
            .instantiate(self.codes.light, &message, "another btc-light", None)
            .await
    }

    /// Tells `btc-light` something from the account of [`Self::anybody`].
    ///
    /// # Errors
    ///
    /// As [`Self::tell`].
    pub async fn tell_light(&self, message: &Value) -> Result<Executed, ChainError> {
        self.tell(&self.anybody, &self.light, message, 0).await
    }

    /// Asks `btc-light` something.
    ///
    /// # Errors
    ///
    /// When the contract refuses, or the node does not answer.
    pub async fn ask_light(&self, question: &Value) -> Result<Value, ChainError> {
        self.anybody.query(&self.light, question).await
    }

    /// Brings all headers up to Bitcoin's tip, from where the chain's view parts from Bitcoin's own.
    ///
    /// # Errors
    ///
    /// When a node does not answer, or the contract refuses them.
    pub async fn bring_headers(&self) -> anyhow::Result<()> {
        let tip = self.bitcoind.height()?;
        let common = self.last_common_height().await?;
        if common < tip {
            let message = headers_message(&self.bitcoind, common + 1..=tip)?;
            self.tell_light(&message).await?;
        }
        Ok(())
    }

    /// Mines, and brings the new headers.
    ///
    /// # Errors
    ///
    /// As [`Self::bring_headers`].
    pub async fn mine(&self, blocks: u64) -> anyhow::Result<()> {
        self.bitcoind.mine(blocks)?;
        self.bring_headers().await
    }

    /// Has Bitcoin confirm transactions in one block with `depth` blocks on top, and brings the headers.
    ///
    /// # Errors
    ///
    /// When Bitcoin refuses one, or as [`Self::bring_headers`].
    pub async fn confirm(&self, transactions: &[&Transaction], depth: u64) -> anyhow::Result<()> {
        for transaction in transactions {
            self.bitcoind.rpc().send_raw_transaction(*transaction)?;
        }
        self.mine(1 + depth).await
    }

    /// The proof that a transaction is in a block, as contracts take it.
    ///
    /// # Errors
    ///
    /// When it is in none.
    pub fn inclusion(&self, txid: Txid) -> anyhow::Result<Value> {
        inclusion(&self.bitcoind, txid)
    }

    /// The newest height at which the chain knows Bitcoin's own header.
    async fn last_common_height(&self) -> anyhow::Result<u64> {
        let tip = self.ask_light(&json!({ "tip": {} })).await?;
        let mut height = number(&tip, "height")?.min(self.bitcoind.height()?);
        while height > BASE {
            let question = json!({ "header": { "height": height } });
            let known = self.ask_light(&question).await?;
            let own = self.bitcoind.rpc().get_block_hash(height)?;
            if text(&known, "hash")? == own.to_string() {
                break;
            }
            height -= 1;
        }
        Ok(height)
    }
}

/// The proof that a transaction is in a block of this node's, as contracts take it.
///
/// # Errors
///
/// When it is in none.
pub fn inclusion(bitcoind: &Bitcoind, txid: Txid) -> anyhow::Result<Value> {
    let rpc = bitcoind.rpc();
    let block = rpc
        .get_raw_transaction_info(&txid, None)?
        .blockhash
        .context("the transaction is in no block")?;
    let proof = InclusionProof::new(&rpc.get_block(&block)?, txid)?;
    Ok(json!({
        "height": rpc.get_block_header_info(&block)?.height,
        "index": proof.index,
        "branch": base64(proof.path_bytes()),
    }))
}
