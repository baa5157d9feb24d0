//! What every chain does about a key that came out on one of them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chain::Chain as _;
use serde_json::json;
use staking::keys::FinalityProviderKey;

use super::DoubleVoted;
use crate::network::audience::{told, wait};
use crate::network::story::DEADLINE;
use crate::network::{Audience, ChainTransaction, Fact, Network, Partner, Provider};
use crate::partner_chain::number;

/// A provider has no power on a chain any more.
#[derive(Clone, Debug)]
pub struct Powerless {
    /// The chain.
    pub chain: String,
    /// Whose.
    pub provider: FinalityProviderKey,
    /// The transaction that showed its key, or gave it away.
    pub transaction: ChainTransaction,
    /// How long after the second vote was sent its power was seen to be gone, at most: chains are looked at one after the
    /// other.
    pub after: Duration,
}

impl Network {
    /// Waits until no chain counts a provider's stakes: on partner chains, until a table without it is in force.
    pub(super) async fn see_power_gone(
        &self,
        provider: &Provider,
        double_voted: &DoubleVoted,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Vec<Powerless>> {
        let what = format!("Babylon to take the power of {}", provider.name);
        let after = wait(audience, DEADLINE, &what, || async {
            let known = self.chain.finality_provider(&provider.key).await?;
            let slashed_at = known.and_then(|known| known.slashed_at);
            slashed_at.context("it is not slashed")?;
            let height = self.chain_height().await?;
            let power = self.chain.voting_power(&provider.key, height).await?;
            ensure!(power == 0, "it has {power} sat at height {height}");
            anyhow::Ok(double_voted.sent.elapsed())
        })
        .await?;
        let babylon = Powerless {
            chain: "Babylon".to_owned(),
            provider: provider.key,
            transaction: self.key_shown().await?,
            after,
        };
        let mut powerless = vec![told(audience, babylon)];
        for partner in &self.partners {
            let after = self
                .see_out_of_the_table(partner, provider, double_voted, audience)
                .await?;
            let powerless_here = Powerless {
                chain: partner.name.to_owned(),
                provider: provider.key,
                transaction: partner.slashed_in(provider.key).await?,
                after,
            };
            powerless.push(told(audience, powerless_here));
        }
        Ok(powerless)
    }

    async fn see_out_of_the_table(
        &self,
        partner: &Partner,
        provider: &Provider,
        double_voted: &DoubleVoted,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Duration> {
        let mesh = partner.mesh().await?;
        let (name, chain) = (provider.name, partner.name);
        let what = format!("a table without {name} to be in force on {chain}");
        let question = json!({ "slashed": { "pk": provider.key.to_string() } });
        wait(audience, DEADLINE, &what, || async {
            mesh.query(question.clone()).await?;
            let status = mesh.status().await?;
            let table = mesh.table(number(&status, "epoch")?).await?;
            let key = provider.key.into();
            let found = table.entries().iter().any(|entry| entry.provider == key);
            ensure!(!found, "it is in the table in force: {status}");
            anyhow::Ok(double_voted.sent.elapsed())
        })
        .await
    }
}

impl Fact for Powerless {
    fn headline(&self) -> String {
        format!("the provider has no power on {} any more", self.chain)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("finality provider", self.provider.to_string()),
            ("its key came in", self.transaction.to_string()),
            (
                "after the 2nd vote",
                format!("{:.1} s", self.after.as_secs_f64()),
            ),
        ]
    }
}
