//! `stake`: a new stake, from the summary to its voting power: on Babylon, or on partner chains alone.

use std::fmt;

use bitcoin::{Amount, FeeRate};
use clap::Args;
use daemon::consent::Consent;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::FinalityProviderKey;
use staking::units::BlockInterval;
use wallet::WalletError;

use super::arguments::{Stay, Unlock, amount, fee_rate};
use super::report::Report;
use super::resume::{follow, until};
use crate::error::Error;
use crate::journal::Entry;
use crate::ledger::LedgerError;
use crate::proposal::{Proposal, Summary, Wish};
use crate::restake;
use crate::restake::spelling::{NamedAddress, NamedShare, reward_address, share, whole};
use crate::staker::{Connected, Staker};

/// Arguments that say on which partner chains.
const PARTNERS: &str = "partners";

/// Arguments of `stake`.
#[derive(Debug, Args)]
pub struct Stake {
    /// How much: satoshi, or with a unit such as `0.01 BTC`
    #[arg(long, value_parser = amount)]
    amount: Amount,

    /// With whom: the provider's key in hex, as `providers` lists it
    #[arg(long, value_name = "KEY")]
    finality_provider: FinalityProviderKey,

    /// For how long, in Bitcoin blocks
    #[arg(long, value_name = "BLOCKS", value_parser = staking_time)]
    staking_time: BlockInterval,

    /// Stake on partner chains alone, without Babylon: a chain's share, such as x=0.6 or x=60%; once for each chain. The
    /// members of their covenant committee are asked for signatures directly
    #[arg(long = "share", value_name = "CHAIN=SHARE", value_parser = share, group = PARTNERS)]
    shares: Vec<NamedShare>,

    /// Stake on this partner chain alone, without Babylon: the same as --share CHAIN=1
    #[arg(long, value_name = "CHAIN", value_parser = whole, group = PARTNERS)]
    chain: Option<NamedShare>,

    /// Where a chain's rewards go, such as x=wasm1…; to the seed's own account there where absent
    #[arg(long = "reward-address", value_name = "CHAIN=ADDRESS", value_parser = reward_address, requires = PARTNERS)]
    addresses: Vec<NamedAddress>,

    /// Fee rate of the staking transaction in sat/vB; estimated where absent
    #[arg(long, value_name = "SAT/VB", value_parser = fee_rate)]
    fee_rate: Option<FeeRate>,

    /// Refuse to stake under another version of Babylon's parameters than --dry-run has shown
    #[arg(long, value_name = "VERSION", conflicts_with = PARTNERS)]
    params_version: Option<u32>,

    /// Show the summary and stop there
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    consent: Consent,

    #[command(flatten)]
    stay: Stay,

    #[command(flatten)]
    unlock: Unlock,
}

/// A planned stake, with what was shown before.
#[derive(Debug, Serialize)]
struct Planned {
    summary: Summary,
    /// `None` where nothing was done.
    stake: Option<Report>,
}

impl Stake {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let wish = Wish {
            amount: self.amount,
            finality_provider: self.finality_provider,
            staking_time: self.staking_time,
            fee_rate: self.fee_rate,
            params_version: self.params_version,
        };
        let watching = staker.watch().await?;
        if self.dry_run {
            let proposal = self.propose(&watching, &wish).await?;
            let summary = Summary::new(&proposal, staker.config.bitcoin.network);
            return Ok(Planned {
                summary,
                stake: None,
            }
            .into());
        }
        if !self.is_without_hub() {
            watching.check_account().await?;
        }
        let (connected, summary, entry) = self.agree(context, &watching, &wish).await?;
        let until = until(self.stay)?;
        let txid = entry.staking_txid();
        let followed = follow(&connected, txid, &until).await?;
        let planned = Planned {
            summary,
            stake: Some(Report::from(&followed.seen)),
        };
        Ok(followed.completion().answer(planned))
    }

    /// Plans the stake, asks for consent and commits to it; once more where another command took the coins meanwhile.
    ///
    /// Each time that happens, coins have become fewer, so it ends with a stake or with too few of them.
    async fn agree(
        &self,
        context: &Context,
        watching: &Connected,
        wish: &Wish,
    ) -> Result<(Connected, Summary, Entry), CommandError> {
        let staker = &watching.staker;
        let mut unlocked = None;
        loop {
            let proposal = self.propose(watching, wish).await?;
            if let Some(without_hub) = &proposal.without_hub {
                watching.check_accounts(without_hub).await?;
            }
            let summary = Summary::new(&proposal, staker.config.bitcoin.network);
            let question = format!("{summary}\nStake?");
            context.progress().aside(|| self.consent.ask(&question))?;
            let connected = if let Some(connected) = unlocked.take() {
                connected
            } else {
                let source = staker.passphrase_source(self.unlock.passphrase_source.as_ref());
                staker.connect(staker.unlock(&source)?).await?
            };
            match connected.commit(&proposal).await {
                Err(Error::Ledger(LedgerError::Wallet(WalletError::UnknownCoin(coin)))) => {
                    tracing::info!(%coin, "taken by another command; planning again");
                    unlocked = Some(connected);
                }
                outcome => return Ok((connected, summary, outcome?)),
            }
        }
    }
}

impl Stake {
    /// Whether it is for partner chains alone.
    fn is_without_hub(&self) -> bool {
        self.chain.is_some() || !self.shares.is_empty()
    }

    /// Plans the stake: on Babylon, or where chains have shares on those alone.
    async fn propose(&self, watching: &Connected, wish: &Wish) -> Result<Proposal, Error> {
        if !self.is_without_hub() {
            return watching.propose(wish).await;
        }
        let list = restake::Wish {
            shares: self.chain.iter().chain(&self.shares).cloned().collect(),
            addresses: self.addresses.clone(),
        };
        watching.propose_without_hub(wish, &list).await
    }
}

fn staking_time(text: &str) -> Result<BlockInterval, String> {
    let blocks: u32 = text
        .parse()
        .map_err(|_| "it is a number of blocks, 1 to 65535".to_owned())?;
    BlockInterval::try_from(blocks).map_err(|error| error.to_string())
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stake {
            None => write!(f, "{}\nNothing was done (--dry-run).", self.summary),
            Some(report) => report.fmt(f),
        }
    }
}
