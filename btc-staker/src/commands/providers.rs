//! `providers`: with whom one can stake.

use std::fmt;

use chain::{Chain as _, FinalityProvider};
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::FinalityProviderKey;

use crate::error::Error;
use crate::life::{ProviderState, provider_state};
use crate::printable::Printable;
use crate::staker::Staker;

/// Arguments of `providers`.
#[derive(Debug, Args)]
pub struct Providers {
    /// List slashed ones too
    #[arg(long)]
    all: bool,

    /// A partner chain of the configuration; Babylon where absent
    #[arg(long, value_name = "CHAIN")]
    chain: Option<String>,
}

#[derive(Debug, Serialize)]
struct List {
    providers: Vec<Provider>,
}

#[derive(Debug, Serialize)]
struct Provider {
    key: FinalityProviderKey,
    moniker: String,
    commission: String,
    state: &'static str,
    address: String,
}

impl Providers {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let all = self.known(&Staker::of(context)?).await?;
        let mut providers: Vec<_> = all
            .into_iter()
            .filter(|provider| self.all || provider.slashed_at.is_none())
            .map(|provider| Provider {
                state: match provider_state(Some(&provider)) {
                    ProviderState::Slashed => "slashed",
                    ProviderState::Jailed => "jailed",
                    ProviderState::Good | ProviderState::Unknown | ProviderState::Silent => "good",
                },
                key: provider.key,
                moniker: provider.moniker,
                commission: provider.commission,
                address: provider.address,
            })
            .collect();
        providers.sort_by(|one, other| one.moniker.cmp(&other.moniker));
        Ok(List { providers }.into())
    }

    async fn known(&self, staker: &Staker) -> Result<Vec<FinalityProvider>, Error> {
        if let Some(name) = &self.chain {
            return Ok(staker.partner(name).await?.finality_providers().await?);
        }
        let nodes = staker.ask().await?;
        Ok(nodes.babylon()?.finality_providers().await?)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.providers.is_empty() {
            return f.write_str("the chain has no finality providers to stake with");
        }
        self.providers.iter().try_for_each(|provider| {
            writeln!(
                f,
                "{}  {:<8} commission {:<8} {}",
                provider.key,
                provider.state,
                Printable(&provider.commission),
                Printable(&provider.moniker)
            )
        })
    }
}
