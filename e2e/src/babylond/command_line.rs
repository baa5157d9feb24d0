//! The node's own command line: queries that no code of ours decodes, and transfers that fund
//! accounts.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Babylond;
use crate::poll_until;

const TRANSACTION_DEADLINE: Duration = Duration::from_mins(1);
/// The name of the funded account in the node's keyring (spec 5.10).
const FUNDED_ACCOUNT: &str = "test-spending-key";
/// More than any transfer uses.
const TRANSFER_GAS: &str = "300000";
/// The chain's lowest gas price (spec 2.14).
const GAS_PRICE: &str = "0.002ubbn";

impl Babylond {
    /// Asks the node with its own command line: `query(&["btclightclient", "tip"])`.
    ///
    /// This is the neutral witness: it decodes what the chain says without any code of ours.
    ///
    /// # Errors
    ///
    /// When the query fails or prints no JSON.
    pub async fn query(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.node.query(arguments).await
    }

    /// Sends `amount` (in ubbn, 10⁻⁶ BABY) from the funded account to `address` and waits until it
    /// has arrived.
    ///
    /// # Errors
    ///
    /// When the transfer is refused or does not get into a block.
    pub async fn fund(&self, address: &str, amount: u64) -> anyhow::Result<()> {
        let _one_at_a_time = self.transfer.lock().await;
        let node = self.rpc_url();
        let coins = format!("{amount}ubbn");
        let transaction = self
            .node
            .command_line(&[
                "tx",
                "bank",
                "send",
                FUNDED_ACCOUNT,
                address,
                &coins,
                "--from",
                FUNDED_ACCOUNT,
                "--keyring-backend",
                "test",
                "--chain-id",
                self.chain_id(),
                "--node",
                &node,
                "--gas",
                TRANSFER_GAS,
                "--gas-prices",
                GAS_PRICE,
                "--output",
                "json",
                "--yes",
            ])
            .await?;
        ensure_accepted(&transaction)?;
        let hash = transaction
            .get("txhash")
            .and_then(Value::as_str)
            .context("no txhash")?;
        let what = format!("the transfer to {address} to be in a block");
        let lookup = ["tx", hash];
        let included = poll_until(TRANSACTION_DEADLINE, &what, || self.query(&lookup)).await?;
        ensure_accepted(&included)
    }
}

fn ensure_accepted(transaction: &Value) -> anyhow::Result<()> {
    ensure!(
        transaction.get("code").and_then(Value::as_u64) == Some(0),
        "the chain refused the transaction: {}",
        transaction.get("raw_log").unwrap_or(transaction)
    );
    Ok(())
}
