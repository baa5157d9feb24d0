//! What the partner chains pay for security.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::Wasmd;
use crate::network::audience::{told, wait};
use crate::network::story::DEADLINE;
use crate::network::story::errand::Errand;
use crate::network::{Audience, Fact, Network, Partner};
use crate::partner_chain::PartnerChain;

/// Blocks of Bitcoin in which rewards vest before they are claimed.
const VESTING: u64 = 5;

/// Rewards arrived on a staker's account.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The chain.
    pub chain: &'static str,
    /// The account, which the staker's consents name.
    pub account: String,
    /// What `btc-staker` says was paid.
    pub paid: u128,
    /// What the account had before, and has now.
    pub balances: (u128, u128),
}

impl Network {
    /// Claims with `btc-staker rewards --claim` on all partner chains, once to have rewards vest and once to be paid.
    pub(super) async fn claim(&self, audience: &mut dyn Audience) -> anyhow::Result<Vec<Claimed>> {
        let account = self.staker.account().await?;
        let mut before = Vec::new();
        for partner in &self.partners {
            self.see_credited(partner, audience).await?;
            let account = PartnerChain::account(&account)?;
            before.push(partner.balance(account.text()).await?);
        }
        let first = self.claim_now(audience).await?;
        let from = self.bitcoind.height()?;
        let what = format!("{VESTING} Bitcoin blocks, in which rewards vest");
        wait(audience, DEADLINE, &what, || async {
            for partner in &self.partners {
                let (name, tip) = (partner.name, partner.bitcoin_tip().await?);
                ensure!(tip >= from + VESTING, "{name} knows Bitcoin up to {tip}");
            }
            anyhow::Ok(())
        })
        .await?;
        let second = self.claim_now(audience).await?;

        let mut claimed = Vec::new();
        for (partner, before) in self.partners.iter().zip(before) {
            let chain = partner.name;
            let account = PartnerChain::account(&account)?.text().to_owned();
            let paid = paid_on(chain, &first)? + paid_on(chain, &second)?;
            ensure!(paid > 0, "{chain} has paid nothing: {second}");
            let balances = (before, partner.balance(&account).await?);
            claimed.push(told(
                audience,
                Claimed {
                    chain,
                    account,
                    paid,
                    balances,
                },
            ));
        }
        Ok(claimed)
    }

    /// Waits until the watchtower has settled an epoch of a partner chain.
    async fn see_credited(
        &self,
        partner: &Partner,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<()> {
        let mesh = partner.mesh().await?;
        let what = format!("the watchtower to settle an epoch of {}", partner.name);
        wait(audience, DEADLINE, &what, || async {
            let rewards = mesh.query(json!({ "rewards": {} })).await?;
            ensure!(rewards.get("owed") != Some(&"0".into()), "{rewards}");
            anyhow::Ok(())
        })
        .await
    }

    async fn claim_now(&self, audience: &mut dyn Audience) -> anyhow::Result<Value> {
        let arguments = ["rewards", "--claim"];
        Errand::start(self, &arguments, audience)?.end().await
    }
}

/// What `btc-staker rewards --claim` says a chain paid for all stakes together.
fn paid_on(chain: &str, claimed: &Value) -> anyhow::Result<u128> {
    let name = Value::from(chain);
    let chains = claimed.get("chains").and_then(Value::as_array);
    let found = chains
        .context("no chains")?
        .iter()
        .find(|found| found.get("chain") == Some(&name));
    let stakes = found.and_then(|found| found.get("stakes")?.as_array());
    let paid = stakes
        .with_context(|| format!("nothing of {chain} in {claimed}"))?
        .iter()
        .map(|stake| stake.get("paid").and_then(Value::as_str));
    paid.map(|paid| Ok(paid.context("no answer to the claim")?.parse::<u128>()?))
        .sum()
}

impl Fact for Claimed {
    fn headline(&self) -> String {
        format!("rewards arrived on {}", self.chain)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let (before, now) = self.balances;
        vec![
            ("account", self.account.clone()),
            ("paid", format!("{} {}", self.paid, Wasmd::DENOMINATION)),
            ("balance", format!("{before}, now {now}")),
        ]
    }
}
