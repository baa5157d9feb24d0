//! What the nodes say in their own words.
//!
//! `bitcoind` is asked through its RPC and `babylond` through its own command line, whose output is read as it is: no
//! code that our programs share stands between a node and the story.

use std::fmt;

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, BlockHash, OutPoint, Transaction, Txid};
use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};
use staking::keys::FinalityProviderKey;
use staking::units::{BitcoinHeight, ChainHeight};

use super::Network;

/// How babylond says that nobody has voting power at a height.
const NOBODY_HAS_POWER: &str = "voting power table has not been updated";

/// A transaction in a block of Bitcoin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mined {
    /// Its id.
    pub txid: Txid,
    /// Height of its block.
    pub height: BitcoinHeight,
    /// Its block.
    pub block: BlockHash,
    /// What it paid the miner.
    pub fee: Amount,
}

/// A transaction in a block of Babylon or of a partner chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainTransaction {
    /// Its hash.
    pub hash: String,
    /// Height of its block.
    pub height: ChainHeight,
    /// Who paid for it.
    pub sender: String,
}

impl Mined {
    /// Names and values that a person can look up.
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Bitcoin transaction", self.txid.to_string()),
            ("in block", format!("{} {}", self.height, self.block)),
            ("fee", self.fee.to_string()),
        ]
    }
}

impl fmt::Display for ChainTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at height {}", self.hash, self.height)
    }
}

impl Network {
    /// Where bitcoind has a transaction in a block.
    ///
    /// # Errors
    ///
    /// When it is in none, or unknown.
    pub fn mined(&self, txid: Txid) -> anyhow::Result<Mined> {
        let rpc = self.bitcoind.rpc();
        // Verbosity 2 adds the fee.
        let found: Value = rpc.call("getrawtransaction", &[json!(txid), json!(2)])?;
        let block: BlockHash = serde_json::from_value(
            found
                .get("blockhash")
                .cloned()
                .context("it is in no block yet")?,
        )?;
        let height = rpc.get_block_header_info(&block)?.height;
        let fee = found.get("fee").and_then(Value::as_f64).context("no fee")?;
        Ok(Mined {
            txid,
            height: BitcoinHeight(u32::try_from(height)?),
            block,
            fee: Amount::from_btc(fee)?,
        })
    }

    /// The two Bitcoin transactions that carry an epoch's checkpoint, as they were reported to the chain.
    ///
    /// # Errors
    ///
    /// When none were, or bitcoind has no such transactions.
    pub async fn checkpoint_transactions(&self, epoch: u64) -> anyhow::Result<[Mined; 2]> {
        let submissions = self.chain.submissions(epoch).await?;
        let submission = submissions.first().context("no submission")?;
        let [first, second] = submission.parts.map(|(block, position)| {
            let block = self.bitcoind.rpc().get_block(&block)?;
            let found = block.txdata.get(usize::try_from(position)?);
            self.mined(found.context("no such transaction")?.compute_txid())
        });
        Ok([first?, second?])
    }

    /// What babylond calls the state of a delegation: `PENDING`, `VERIFIED`, `ACTIVE`, `UNBONDED`, `EXPIRED`.
    ///
    /// # Errors
    ///
    /// When babylond does not know it.
    pub async fn delegation_state(&self, staking_txid: Txid) -> anyhow::Result<String> {
        let id = staking_txid.to_string();
        let answer = self
            .babylond
            .query(&["btcstaking", "delegation", &id])
            .await?;
        text(&answer, "/btc_delegation/status_desc")
    }

    /// The voting power in satoshi that babylond gives a provider at a height.
    ///
    /// # Errors
    ///
    /// When babylond does not answer.
    pub async fn voting_power(
        &self,
        provider: FinalityProviderKey,
        height: ChainHeight,
    ) -> anyhow::Result<Amount> {
        let (key, height) = (provider.to_string(), height.to_string());
        let command = "finality-provider-power-at-height";
        let arguments = ["finality", command, &key, &height];
        match self.babylond.query(&arguments).await {
            Err(refusal) if format!("{refusal:#}").contains(NOBODY_HAS_POWER) => Ok(Amount::ZERO),
            answer => Ok(Amount::from_sat(text(&answer?, "/voting_power")?.parse()?)),
        }
    }

    /// Whether babylond reports a block as finalised.
    ///
    /// # Errors
    ///
    /// When it does not know the block.
    pub async fn is_finalized(&self, height: ChainHeight) -> anyhow::Result<bool> {
        let answer = self
            .babylond
            .query(&["finality", "block", &height.to_string()])
            .await?;
        let block = answer.get("block").context("no block")?;
        ensure!(
            text(block, "/height")? == height.to_string(),
            "another block: {block}"
        );
        // Its command line leaves out what is false.
        Ok(block
            .get("finalized")
            .and_then(Value::as_bool)
            .unwrap_or(false))
    }

    /// The transaction that spends an output, if a block from height `from` on has it.
    ///
    /// # Errors
    ///
    /// When no block has it yet.
    pub fn spend_of(&self, output: OutPoint, from: BitcoinHeight) -> anyhow::Result<Transaction> {
        let rpc = self.bitcoind.rpc();
        for height in u64::from(from.0)..=self.bitcoind.height()? {
            let block = rpc.get_block(&rpc.get_block_hash(height)?)?;
            let spends =
                |tx: &Transaction| tx.input.iter().any(|input| input.previous_output == output);
            if let Some(spend) = block.txdata.into_iter().find(spends) {
                return Ok(spend);
            }
        }
        anyhow::bail!("no block spends {output} yet")
    }

    /// The first transaction in which babylond raised an event of its staking module with this value in an attribute.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn transaction_with(
        &self,
        event: &str,
        attribute: &str,
        value: &str,
    ) -> anyhow::Result<ChainTransaction> {
        let query = format!("babylon.btcstaking.v1.{event}.{attribute}='\"{value}\"'");
        let answer = self.babylond.query(&["txs", "--query", &query]).await?;
        transaction(&answer).with_context(|| format!("no {event}"))
    }

    /// The first transaction that showed babylond a key which came out on another chain.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn key_shown(&self) -> anyhow::Result<ChainTransaction> {
        let message = "/babylon.btcstaking.v1.MsgSelectiveSlashingEvidence";
        let query = format!("message.action='{message}'");
        let answer = self.babylond.query(&["txs", "--query", &query]).await?;
        transaction(&answer).context("nobody has shown a key")
    }
}

/// The first of the transactions that a node's command line found.
pub(super) fn transaction(found: &Value) -> anyhow::Result<ChainTransaction> {
    let found = found.pointer("/txs/0").context("no such transaction")?;
    Ok(ChainTransaction {
        hash: text(found, "/txhash")?,
        height: ChainHeight(text(found, "/height")?.parse()?),
        sender: fee_payer(found).context("nobody paid for it")?,
    })
}

/// The account that the transaction's events name as the payer of its fee.
fn fee_payer(transaction: &Value) -> Option<String> {
    let events = transaction.get("events")?.as_array()?.iter();
    let attributes = events
        .filter_map(|event| event.get("attributes")?.as_array())
        .flatten();
    attributes
        .filter(|attribute| attribute.get("key").and_then(Value::as_str) == Some("fee_payer"))
        .find_map(|attribute| Some(attribute.get("value")?.as_str()?.to_owned()))
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("the node's answer has no {pointer}"))?
        .to_owned())
}
