//! From a stake of Babylon's to power on partner chains.

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, OutPoint, Txid};
use chain::Chain as _;
use serde_json::json;
use staking::keys::FinalityProviderKey;

use crate::network::audience::{told, wait};
use crate::network::story::errand::Errand;
use crate::network::story::{DEADLINE, Stake};
use crate::network::{Audience, Fact, Network, Partner};
use crate::partner_chain::DEPTH;
use crate::partner_chain::number;

/// Rewards that somebody pays in on each partner chain.
const REWARDS: u128 = 10_000_000;

/// A stake was shown to the partner chains.
#[derive(Clone, Debug)]
pub struct Restaked {
    /// The stake.
    pub staking_txid: Txid,
    /// Number of the staker's signed list of shares.
    pub consent_number: u64,
    /// Each chain's share, as it was asked for.
    pub shares: Vec<String>,
}

/// What a chain counts of the stakes of each provider.
#[derive(Clone, Debug)]
pub struct Powered {
    /// The chain.
    pub chain: String,
    /// The providers, in their order, and what is counted.
    pub powers: Vec<(FinalityProviderKey, Amount)>,
}

impl Network {
    /// Shows a stake to the partner chains with `btc-staker restake`, in equal shares.
    pub(super) async fn restake(
        &self,
        stake: &Stake,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Restaked> {
        let staking_txid = stake.txid();
        self.see_buried(stake, audience).await?;
        let share = 100_usize.checked_div(self.partners.len());
        let share = share.context("no partner chains")?;
        let partners = self.partners.iter();
        let shares: Vec<_> = partners
            .map(|partner| format!("{}={share}%", partner.name))
            .collect();
        let txid = staking_txid.to_string();
        let mut arguments = vec!["restake", &txid];
        for share in &shares {
            arguments.extend(["--share", share]);
        }
        arguments.push("--yes");
        let restaked = Errand::start(self, &arguments, audience)?.end().await?;
        Ok(told(
            audience,
            Restaked {
                staking_txid,
                consent_number: number(&restaked, "consent_number")?,
                shares,
            },
        ))
    }

    /// Waits until every partner chain sees enough blocks on top of a stake.
    async fn see_buried(&self, stake: &Stake, audience: &mut dyn Audience) -> anyhow::Result<()> {
        let height = u64::from(stake.broadcast.0.height.0);
        let what = "the partner chains to see enough blocks on top of the stake";
        wait(audience, DEADLINE, what, || async {
            for partner in &self.partners {
                let (name, tip) = (partner.name, partner.bitcoin_tip().await?);
                ensure!(
                    tip >= height + DEPTH,
                    "{name} knows Bitcoin up to {tip}, the stake is at {height}"
                );
            }
            anyhow::Ok(())
        })
        .await
    }

    /// Waits until the watchtower has activated all stakes on a partner chain; then somebody pays rewards in, and
    /// governance lets finality begin.
    pub(super) async fn begin_finality(
        &self,
        partner: &Partner,
        stakes: &[Stake],
        audience: &mut dyn Audience,
    ) -> anyhow::Result<()> {
        let (name, mesh) = (partner.name, partner.mesh().await?);
        let mut outpoints: Vec<OutPoint> = Vec::new();
        for stake in stakes {
            outpoints.push(self.delegation(stake.txid()).await?.staking_outpoint());
        }
        let what = format!("the watchtower to activate the stakes on {name}");
        let active = json!({ "active": {} });
        wait(audience, DEADLINE, &what, || async {
            for outpoint in &outpoints {
                let question = json!({ "stake": { "outpoint": outpoint.to_string() } });
                let known = mesh.query(question).await?;
                ensure!(known.get("status") == Some(&active), "{known}");
            }
            anyhow::Ok(())
        })
        .await?;
        audience.progress(&format!(
            "{name}: somebody pays in rewards, and governance starts finality"
        ));
        mesh.fund(REWARDS).await?;
        mesh.govern(json!({ "start": {} })).await?;
        Ok(())
    }

    /// Waits until every chain counts a stake of every provider.
    pub(super) async fn see_power(
        &self,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Vec<Powered>> {
        let what = "every provider to have voting power on Babylon";
        let height = wait(audience, DEADLINE, what, || async {
            let height = self.chain_height().await?;
            for provider in &self.providers {
                let power = self.chain.voting_power(&provider.key, height).await?;
                ensure!(power > 0, "{} has none at {height}", provider.name);
            }
            anyhow::Ok(height)
        })
        .await?;
        let mut powers = Vec::new();
        for provider in &self.providers {
            let power = self.voting_power(provider.key, height).await?;
            powers.push((provider.key, power));
        }
        let chain = "Babylon".to_owned();
        let mut powered = vec![told(audience, Powered { chain, powers })];
        for partner in &self.partners {
            let mut powers = Vec::new();
            for provider in &self.providers {
                powers.push((provider.key, partner.power(provider.key).await?));
            }
            let chain = partner.name.to_owned();
            powered.push(told(audience, Powered { chain, powers }));
        }
        Ok(powered)
    }
}

impl Fact for Restaked {
    fn headline(&self) -> String {
        "the stake is shared out to the partner chains".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("staking transaction", self.staking_txid.to_string()),
            ("consent", self.consent_number.to_string()),
            ("shares", self.shares.join(", ")),
        ]
    }
}

impl Fact for Powered {
    fn headline(&self) -> String {
        format!("power of the providers on {}", self.chain)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let powers = self.powers.iter();
        powers
            .map(|(provider, power)| ("finality provider", format!("{provider}: {power}")))
            .collect()
    }
}
