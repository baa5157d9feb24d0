//! `wallet sync`: coins from Bitcoin's blocks, stakes from the chain.

use std::fmt;

use bitcoin::{Amount, Txid};
use bitcoin_source::{Bitcoind, BlockId};
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use crate::error::Error;
use crate::staker::Staker;

/// Arguments of `wallet sync`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Sync {
    /// Look through all stakes of the chain for those of this seed, as after a restore
    #[arg(long)]
    find_stakes: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    /// The newest block that was read.
    tip: BlockId,
    /// Blocks that were read.
    blocks: u32,
    /// What the wallet owns in all, in satoshi.
    balance_sat: u64,
    /// Stakes that the journal did not have; `None` where they were not looked for.
    new_stakes: Option<Vec<Txid>>,
}

impl Sync {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let found = if self.find_stakes {
            sync_all(&staker).await?
        } else {
            sync_coins(&staker).await?
        };
        Ok(found.into())
    }
}

/// Coins and stakes.
pub(super) async fn sync_all(staker: &Staker) -> Result<Found, Error> {
    let found = sync_coins(staker).await?;
    let stakes = staker.watch().await?.find_stakes().await?;
    Ok(Found {
        new_stakes: Some(stakes),
        ..found
    })
}

async fn sync_coins(staker: &Staker) -> Result<Found, Error> {
    let bitcoin = Bitcoind::connect(&staker.config.bitcoin).await?;
    let mut ledger = staker.ledger().await?;
    let summary = staker.sync(&mut ledger.wallet, &bitcoin).await?;
    Ok(Found {
        tip: summary.tip,
        blocks: summary.blocks,
        balance_sat: ledger.wallet.balance().total().to_sat(),
        new_stakes: None,
    })
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "read {} blocks, up to {}", self.blocks, self.tip)?;
        write!(f, "the wallet has {}", Amount::from_sat(self.balance_sat))?;
        match self.new_stakes.as_deref() {
            None => Ok(()),
            Some([]) => f.write_str("\nno stakes that the journal did not have"),
            Some(stakes) => stakes
                .iter()
                .try_for_each(|txid| write!(f, "\nfound stake {txid}")),
        }
    }
}
