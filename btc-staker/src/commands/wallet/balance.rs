//! `wallet balance`: what wallet and account have.

use std::fmt;

use bitcoin::Amount;
use chain::mesh::BABYLON;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use crate::error::Error;
use crate::printable::Printable;
use crate::seed::SeedError;
use crate::staker::{Connected, Staker};

/// Bitcoin in satoshi; gas as text, because it can be larger than what JSON readers keep exactly.
#[derive(Debug, Serialize)]
struct Balances {
    confirmed_sat: u64,
    unconfirmed_change_sat: u64,
    incoming_sat: u64,
    immature_sat: u64,
    reserved_sat: u64,
    /// Coins for gas, of Babylon first where it is configured.
    accounts: Vec<Gas>,
}

/// What the seed's account on one chain has.
#[derive(Debug, Serialize)]
struct Gas {
    chain: String,
    account: String,
    /// `None` where the chain does not answer.
    amount: Option<String>,
    denomination: String,
    /// Why it does not.
    error: Option<String>,
}

/// Reads new blocks and asks the chain.
pub(super) async fn execute(context: &Context) -> Result<Answer, CommandError> {
    let staker = Staker::of(context)?;
    let connected = staker.watch().await?;
    let mut ledger = staker.ledger().await?;
    connected.sync(&mut ledger.wallet).await?;
    let balance = ledger.wallet.balance();
    let accounts = accounts(&connected).await?;
    Ok(Balances {
        confirmed_sat: balance.confirmed.to_sat(),
        unconfirmed_change_sat: balance.unconfirmed_change.to_sat(),
        incoming_sat: balance.incoming.to_sat(),
        immature_sat: balance.immature.to_sat(),
        reserved_sat: balance.reserved.to_sat(),
        accounts,
    }
    .into())
}

async fn accounts(connected: &Connected) -> Result<Vec<Gas>, Error> {
    let (config, own) = (&connected.staker.config, &connected.identity.account);
    let mut accounts = Vec::new();
    if let (Some(babylon), Some(node)) = (&config.babylon, &connected.nodes.babylon) {
        accounts.push(Gas {
            chain: BABYLON.to_owned(),
            account: own.to_string(),
            amount: Some(node.balance().await?.to_string()),
            denomination: babylon.fee_denomination.clone(),
            error: None,
        });
    }
    let instances = connected.partners.instances().await?;
    for (chain, instance) in config.chains.iter().zip(instances) {
        let account = instance.own_address(own).map_err(SeedError::from)?;
        let amount = match &instance.mesh {
            Ok(mesh) => mesh.balance_of(&account).await,
            Err(error) => Err(error.clone()),
        };
        accounts.push(Gas {
            chain: chain.name.clone(),
            account: account.to_string(),
            amount: amount.as_ref().ok().map(ToString::to_string),
            denomination: chain.node.fee_denomination.clone(),
            error: amount.err().map(|error| error.to_string()),
        });
    }
    Ok(accounts)
}

impl fmt::Display for Balances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "can be staked  {}", Amount::from_sat(self.confirmed_sat))?;
        for (name, satoshi) in [
            ("change", self.unconfirmed_change_sat),
            ("incoming", self.incoming_sat),
            ("immature", self.immature_sat),
            ("reserved", self.reserved_sat),
        ] {
            if satoshi > 0 {
                writeln!(f, "{name:<14} {}", Amount::from_sat(satoshi))?;
            }
        }
        for gas in &self.accounts {
            let error = Printable(gas.error.as_deref().unwrap_or_default());
            match &gas.amount {
                Some(amount) => writeln!(
                    f,
                    "gas            {amount} {} in {} on {}",
                    gas.denomination, gas.account, gas.chain
                )?,
                None => writeln!(f, "gas            {} does not say: {error}", gas.chain)?,
            }
        }
        Ok(())
    }
}
