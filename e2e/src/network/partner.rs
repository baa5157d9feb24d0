//! A partner chain of the network: a stock `wasmd` with an instance of `btc-mesh`, and what the node says of it in its own
//! words.
//!
//! Waiting goes through the programs' own client, because it asks often. What is told is asked of `wasmd`'s command line,
//! whose output is read as it is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bitcoin::Amount;
use serde_json::{Value, json};
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;
use staking::proof_of_possession::AccountAddress;
use staking::units::ChainHeight;

use super::ChainTransaction;
use super::witness::transaction;
use crate::partner_chain::{self, Mesh, PartnerChain, number};
use crate::{Bitcoind, Wasmd};

/// Rest between two blocks.
const BLOCK_INTERVAL: Duration = Duration::from_millis(500);

/// A partner chain with the instance that the network's stakes secure.
pub struct Partner {
    /// What the programs' configurations call it.
    pub name: &'static str,
    /// The chain.
    pub chain: PartnerChain,
    contract: AccountAddress,
}

impl Partner {
    /// Starts a chain whose instance takes the stakes that are made under Babylon's parameters.
    pub(super) async fn launch(
        name: &'static str,
        bitcoind: Arc<Bitcoind>,
        covenant: &StakingParams,
    ) -> anyhow::Result<Self> {
        let chain = PartnerChain::launch_at(bitcoind, BLOCK_INTERVAL).await?;
        let params = params(covenant)?;
        let mesh = chain.begin_mesh_under(&params, covenant).await?;
        let contract = mesh.address().clone();
        Ok(Self {
            name,
            chain,
            contract,
        })
    }

    /// The instance.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub async fn mesh(&self) -> anyhow::Result<Mesh<'_>> {
        self.chain.mesh(self.contract.clone()).await
    }

    /// The address of the instance.
    pub fn contract(&self) -> &AccountAddress {
        &self.contract
    }

    /// The chain as the programs' configuration files have it.
    pub(super) async fn configuration(&self) -> anyhow::Result<String> {
        Ok(self.mesh().await?.configuration(self.name))
    }

    /// Bitcoin's height as the chain knows it.
    pub(super) async fn bitcoin_tip(&self) -> anyhow::Result<u64> {
        let tip = self.chain.ask_light(&json!({ "tip": {} })).await?;
        number(&tip, "height")
    }

    /// Asks the instance something with `wasmd`'s own command line.
    ///
    /// # Errors
    ///
    /// When the contract refuses, or the node does not answer.
    pub async fn ask(&self, question: &Value) -> anyhow::Result<Value> {
        let (contract, question) = (self.contract.text(), question.to_string());
        let query = ["wasm", "contract-state", "smart", contract, &question];
        let mut answer = self.chain.wasmd.query(&query).await?;
        let data = answer.get_mut("data").map(Value::take);
        data.with_context(|| format!("{} answered without data", self.name))
    }

    /// What the table in force counts of a provider's stakes.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or before the instance has begun.
    pub async fn power(&self, provider: FinalityProviderKey) -> anyhow::Result<Amount> {
        let status = self.ask(&json!({ "status": {} })).await?;
        let epoch = number(&status, "epoch")?;
        let table = self.ask(&json!({ "table": { "epoch": epoch } })).await?;
        let entries = table.get("entries").and_then(Value::as_array);
        let key = Value::from(provider.to_string());
        let entry = entries
            .context("a table without entries")?
            .iter()
            .find(|entry| entry.get("pk") == Some(&key));
        let weight = entry.map(|entry| number(entry, "weight")).transpose()?;
        Ok(Amount::from_sat(weight.unwrap_or_default()))
    }

    /// The newest final checkpoint, as the instance's query `finalized` shows it.
    ///
    /// # Errors
    ///
    /// When there is none, or the node does not answer.
    pub async fn newest_final(&self) -> anyhow::Result<Value> {
        let status = self.ask(&json!({ "status": {} })).await?;
        let newest = number(&status, "next")?.checked_sub(1);
        let newest = newest.context("nothing is final yet")?;
        self.ask(&json!({ "finalized": { "k": newest } })).await
    }

    /// What the instance has paid out in rewards.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub async fn rewards_paid(&self) -> anyhow::Result<u128> {
        let rewards = self.ask(&json!({ "rewards": {} })).await?;
        let paid = rewards.get("paid").and_then(Value::as_str);
        Ok(paid.context("no sum of what was paid")?.parse()?)
    }

    /// The coins of an account.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub async fn balance(&self, account: &str) -> anyhow::Result<u128> {
        let query = ["bank", "balance", account, Wasmd::DENOMINATION];
        let answer = self.chain.wasmd.query(&query).await?;
        let amount = answer.pointer("/balance/amount").and_then(Value::as_str);
        Ok(amount.context("no balance")?.parse()?)
    }

    /// The transaction in which a provider's key came out on this chain.
    ///
    /// # Errors
    ///
    /// When it is not out here.
    pub async fn slashed_in(
        &self,
        provider: FinalityProviderKey,
    ) -> anyhow::Result<ChainTransaction> {
        let query = format!("wasm-slashed.pk='{provider}'");
        let answer = self.chain.wasmd.query(&["txs", "--query", &query]).await?;
        transaction(&answer).with_context(|| format!("no key of {provider} on {}", self.name))
    }

    /// The height of the chain's newest block.
    pub(super) fn height(&self) -> anyhow::Result<ChainHeight> {
        Ok(ChainHeight(self.chain.wasmd.height()?))
    }
}

/// What the instance prescribes: epochs of six checkpoints, one in three blocks, so that a change of stake is in force
/// after seconds; and tables as old as the unbonding time allows.
fn params(covenant: &StakingParams) -> anyhow::Result<Value> {
    let mut params = partner_chain::params();
    let unbonding_time = u64::from(covenant.unbonding_time.blocks());
    let margins = number(&params, "report_margin")? + number(&params, "slash_margin")?;
    let max_age = unbonding_time.checked_sub(margins);
    for (name, value) in [
        ("interval", 3),
        ("epoch_len", 6),
        ("margin", 3),
        (
            "max_age",
            max_age.context("unbonding is too fast to slash")?,
        ),
        ("vesting", unbonding_time),
    ] {
        params[name] = value.into();
    }
    Ok(params)
}
