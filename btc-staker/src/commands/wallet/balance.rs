//! `wallet balance`: what wallet and account have.

use std::fmt;

use bitcoin::Amount;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use crate::error::Error;
use crate::staker::Staker;

/// Bitcoin in satoshi; gas as text, because it can be larger than what JSON readers keep exactly.
#[derive(Debug, Serialize)]
struct Balances {
    confirmed_sat: u64,
    unconfirmed_change_sat: u64,
    incoming_sat: u64,
    immature_sat: u64,
    reserved_sat: u64,
    account: String,
    gas: String,
    gas_denomination: String,
}

/// Reads new blocks and asks the chain.
pub(super) async fn execute(context: &Context) -> Result<Answer, CommandError> {
    let staker = Staker::of(context)?;
    let connected = staker.watch().await?;
    let mut ledger = staker.ledger().await?;
    connected.sync(&mut ledger.wallet).await?;
    let balance = ledger.wallet.balance();
    let gas = connected.nodes.chain.balance().await.map_err(Error::from)?;
    Ok(Balances {
        confirmed_sat: balance.confirmed.to_sat(),
        unconfirmed_change_sat: balance.unconfirmed_change.to_sat(),
        incoming_sat: balance.incoming.to_sat(),
        immature_sat: balance.immature.to_sat(),
        reserved_sat: balance.reserved.to_sat(),
        account: connected.identity.account.to_string(),
        gas: gas.to_string(),
        gas_denomination: staker.config.babylon.fee_denomination,
    }
    .into())
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
        write!(
            f,
            "gas            {} {} in {}",
            self.gas, self.gas_denomination, self.account
        )
    }
}
