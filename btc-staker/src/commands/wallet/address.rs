//! `wallet address`: where to send coins of both chains.

use std::fmt;

use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::StakerKey;

use crate::error::Error;
use crate::staker::Staker;

#[derive(Debug, Serialize)]
struct Addresses {
    bitcoin_address: String,
    account: String,
    staker_key: StakerKey,
}

/// Carries it out.
pub(super) async fn execute(context: &Context) -> Result<Answer, CommandError> {
    let staker = Staker::of(context)?;
    let identity = staker.identity()?;
    let mut ledger = staker.ledger().await?;
    Ok(Addresses {
        bitcoin_address: ledger
            .wallet
            .next_address()
            .map_err(Error::from)?
            .to_string(),
        account: identity.account.to_string(),
        staker_key: identity.staker,
    }
    .into())
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bitcoin address  {}", self.bitcoin_address)?;
        writeln!(f, "account for gas  {}", self.account)?;
        write!(f, "staker key       {}", self.staker_key)
    }
}
