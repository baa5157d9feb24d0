//! `exposure`: what partner chains count of stakes, and with whom they are shared.

use std::fmt;

use bitcoin::{Amount, OutPoint, Txid};
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use super::standing::{ConfiguredChains, Standing};
use crate::error::Error;
use crate::journal::Entry;
use crate::life::LifeError;
use crate::printable::Printable;
use crate::restake::spelling::percent;
use crate::restake::{ConsentRecord, RestakeError};
use crate::staker::Staker;

/// Arguments of `exposure`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Exposure {
    /// Id of the staking transaction; all stakes where absent
    #[arg(value_name = "STAKING TXID")]
    txid: Option<Txid>,
}

#[derive(Debug, Serialize)]
struct Exposures {
    stakes: Vec<StakeExposure>,
}

#[derive(Debug, Serialize)]
struct StakeExposure {
    staking_txid: Txid,
    amount_sat: u64,
    /// Whether Babylon counts all of it.
    counted_by_babylon: bool,
    /// Number of the newest consent that this home signed.
    signed_consent: Option<u32>,
    chains: Vec<Standing>,
}

impl Exposure {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let entries = entries(&staker, self.txid).await?;
        if staker.config.chains.is_empty() {
            return Err(RestakeError::NoChains.into());
        }
        let partners = ConfiguredChains::of(&staker).await?;
        let mut stakes = Vec::new();
        for entry in entries {
            let outpoint = outpoint(&entry);
            let record = ConsentRecord::open(&staker.home)
                .await
                .map_err(Error::from)?;
            let signed = record.newest(outpoint).map_err(Error::from)?;
            drop(record);
            stakes.push(StakeExposure {
                staking_txid: outpoint.txid,
                amount_sat: entry.staking_value.to_sat(),
                counted_by_babylon: entry.hubless.is_none(),
                signed_consent: signed.map(|signed| signed.number),
                chains: partners.standings(outpoint).await,
            });
        }
        let mut chains = stakes.iter().flat_map(|stake| &stake.chains);
        let silent = chains.any(|standing| standing.error.is_some());
        let exposures = Exposures { stakes };
        Ok(if silent {
            Answer::partial(exposures)
        } else {
            exposures.into()
        })
    }
}

/// One stake of the journal, or all.
pub(super) async fn entries(staker: &Staker, txid: Option<Txid>) -> Result<Vec<Entry>, Error> {
    match txid {
        None => staker.entries().await,
        Some(txid) => {
            let entry = staker.entry(txid).await?;
            Ok(vec![entry.ok_or(LifeError::UnknownStake(txid))?])
        }
    }
}

/// The staking output of a stake of the journal.
pub(super) fn outpoint(entry: &Entry) -> OutPoint {
    OutPoint {
        txid: entry.staking_txid(),
        vout: entry.staking_output_index,
    }
}

impl fmt::Display for Exposures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stakes.is_empty() {
            return f.write_str("no stakes yet");
        }
        self.stakes
            .iter()
            .try_for_each(|stake| writeln!(f, "{stake}"))
    }
}

impl fmt::Display for StakeExposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stake {}\n  {}, {} of it counted by babylon",
            self.staking_txid,
            Amount::from_sat(self.amount_sat),
            if self.counted_by_babylon {
                "all"
            } else {
                "nothing"
            }
        )?;
        for standing in &self.chains {
            write!(f, "\n{standing}")?;
            let Some(known) = &standing.known else {
                continue;
            };
            if let Some(penalty) = known.penalty_sat {
                write!(
                    f,
                    "\n            {} are burned if the provider equivocates, once for all chains together",
                    Amount::from_sat(penalty)
                )?;
            }
            for share in known.shared_with.iter().flatten() {
                write!(
                    f,
                    "\n            shared: {} to {}, rewards to {}",
                    percent(share.basis_points),
                    share.chain,
                    Printable(&share.reward_address)
                )?;
            }
        }
        Ok(())
    }
}
