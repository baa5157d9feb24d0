//! What all chains say at the end, as one table.

use std::fmt;

use anyhow::Context as _;
use bitcoin::Amount;
use chain::Chain as _;
use serde_json::Value;
use staking::keys::FinalityProviderKey;

use super::{Burnt, Powered};
use crate::Wasmd;
use crate::network::{Network, Partner, Provider};
use crate::partner_chain::number;

/// What became of a provider's stake and power, and of finality, chain by chain.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whose power.
    pub provider: FinalityProviderKey,
    /// Bitcoin, Babylon, and the partner chains in their order.
    pub rows: Vec<Row>,
}

/// What one chain says.
#[derive(Clone, Debug)]
pub struct Row {
    /// The chain.
    pub chain: String,
    /// What it counted of the provider's stake before the second vote; on Bitcoin, the staking output.
    pub before: Amount,
    /// What it counts now; on Bitcoin, what is left to the staker.
    pub after: Amount,
    /// What is final now.
    pub newest_final: String,
    /// What it has paid in rewards.
    pub rewards: String,
    /// What took the power: the transaction with the key, on Bitcoin the slashing transaction.
    pub ended_in: String,
}

/// Where a chain has nothing to say.
const NOTHING: &str = "-";

impl Network {
    /// Asks all chains.
    pub(super) async fn outcome(
        &self,
        provider: &Provider,
        powered: &[Powered],
        burnt: &Burnt,
    ) -> anyhow::Result<Outcome> {
        let before = |chain: &str| {
            let powered = powered.iter().find(|powered| powered.chain == chain)?;
            let mut powers = powered.powers.iter();
            powers.find_map(|(key, power)| (*key == provider.key).then_some(*power))
        };
        let bitcoin = Row {
            chain: "Bitcoin".to_owned(),
            before: burnt.staked,
            after: burnt.change,
            newest_final: format!("block {}", self.bitcoind.height()?),
            rewards: NOTHING.to_owned(),
            ended_in: self.mined(burnt.mined.txid)?.txid.to_string(),
        };
        let height = self.chain_height().await?;
        let newest_final = self.chain.last_finalized_block().await?;
        let babylon = Row {
            chain: "Babylon".to_owned(),
            before: before("Babylon").context("no power on Babylon")?,
            after: self.voting_power(provider.key, height).await?,
            newest_final: format!("block {}", newest_final.context("nothing is final")?),
            rewards: NOTHING.to_owned(),
            ended_in: self.key_shown().await?.hash,
        };
        let mut rows = vec![bitcoin, babylon];
        for partner in &self.partners {
            let before = before(partner.name).context("no power on a partner chain")?;
            rows.push(partner.outcome(provider.key, before).await?);
        }
        Ok(Outcome {
            provider: provider.key,
            rows,
        })
    }
}

impl Partner {
    async fn outcome(&self, provider: FinalityProviderKey, before: Amount) -> anyhow::Result<Row> {
        let newest: Value = self.newest_final().await?;
        let (checkpoint, height) = (number(&newest, "k")?, number(&newest, "height")?);
        Ok(Row {
            chain: self.name.to_owned(),
            before,
            after: self.power(provider).await?,
            newest_final: format!("block {height} (checkpoint {checkpoint})"),
            rewards: format!("{} {}", self.rewards_paid().await?, Wasmd::DENOMINATION),
            ended_in: self.slashed_in(provider).await?.hash,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = [
            "chain",
            "before",
            "after",
            "newest final",
            "rewards paid",
            "ended in",
        ];
        let heads = heads.map(str::to_owned);
        let rows = self.rows.iter().map(|row| {
            let (before, after) = (row.before.to_string(), row.after.to_string());
            let (newest_final, rewards) = (row.newest_final.clone(), row.rewards.clone());
            let (chain, ended_in) = (row.chain.clone(), row.ended_in.to_lowercase());
            [chain, before, after, newest_final, rewards, ended_in]
        });
        let lines: Vec<_> = std::iter::once(heads).chain(rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(String::len).max().unwrap_or_default()
        };
        writeln!(f, "stake and power of finality provider {}", self.provider)?;
        for line in &lines {
            let padded = line
                .iter()
                .enumerate()
                .map(|(column, cell)| format!("  {cell:<width$}", width = width(column)));
            let padded: String = padded.collect();
            write!(f, "\n{}", padded.trim_end())?;
        }
        Ok(())
    }
}
