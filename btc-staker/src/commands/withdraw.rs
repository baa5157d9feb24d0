//! `withdraw`: taking a stake's coins back after a timelock.

use std::fmt;

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, FeeRate, Txid};
use bitcoin_source::sat_per_vb;
use clap::Args;
use daemon::consent::Consent;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use super::arguments::{Stay, Unlock, fee_rate};
use super::report::Report;
use super::resume::{follow, until};
use crate::error::Error;
use crate::journal::Withdrawal;
use crate::life::act::broadcast;
use crate::life::{Place, Seen};
use crate::staker::{Connected, Staker};
use crate::withdrawal::{Source, Unsigned, WithdrawalError};

/// Arguments of `withdraw`.
#[derive(Debug, Args)]
pub struct Withdraw {
    /// Id of the staking transaction
    #[arg(value_name = "STAKING TXID")]
    txid: Txid,

    /// Where the coins go; to the own wallet where absent
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address<NetworkUnchecked>>,

    /// Fee rate in sat/vB; estimated where absent. With a higher one than before, a withdrawal that waits in the
    /// mempool is replaced
    #[arg(long, value_name = "SAT/VB", value_parser = fee_rate)]
    fee_rate: Option<FeeRate>,

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

/// What is taken back. Amounts in satoshi.
#[derive(Debug, Serialize)]
struct Summary {
    output: &'static str,
    amount_sat: u64,
    address: String,
    fee_sat: u64,
    fee_sat_per_vb: f64,
}

#[derive(Debug, Serialize)]
struct Withdrawn {
    /// `None` where nothing new had to be sent.
    summary: Option<Summary>,
    /// `None` where nothing was done.
    stake: Option<Report>,
}

impl Withdraw {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let destination = self.destination(&staker)?;
        let watching = staker.watch().await?;
        let seen = watching.look(self.txid).await?;
        let Some(source) = self.source(&seen)? else {
            return self.wait(&watching, None).await;
        };
        let fee_rate = watching.fee_rate(self.fee_rate).await?;
        let address = if let Some(address) = destination {
            address
        } else {
            staker
                .ledger()
                .await?
                .wallet
                .next_address()
                .map_err(Error::from)?
        };
        let limit = staker.config.fee_limit();
        let unsigned = source
            .withdraw(address.script_pubkey(), fee_rate, limit)
            .map_err(Error::from)?;
        let summary = Summary::new(&unsigned, &address, fee_rate);
        if self.dry_run {
            return Ok(Withdrawn {
                summary: Some(summary),
                stake: None,
            }
            .into());
        }
        let question = format!("withdraw stake {}\n{summary}\nWithdraw?", self.txid);
        context.progress().aside(|| self.consent.ask(&question))?;
        let keys =
            staker.unlock(&staker.passphrase_source(self.unlock.passphrase_source.as_ref()))?;
        let connected = staker.connect(keys).await?;
        connected.send_withdrawal(self.txid, &unsigned).await?;
        self.wait(&connected, Some(summary)).await
    }

    /// The output to spend; `None` where that has happened and there is nothing to replace.
    fn source(&self, seen: &Seen) -> Result<Option<Source>, Error> {
        let signed = seen.stake.entry.withdrawal.as_ref();
        match (signed, seen.observation.withdrawal) {
            (Some(withdrawal), _) if withdrawal.buried => return Ok(None),
            (Some(_), Some(Place::Block(_))) => return Ok(None),
            (Some(withdrawal), Some(Place::Mempool)) => {
                let wanted = self.fee_rate.is_some() || self.to.is_some();
                let source = Source::of_withdrawal(&seen.stake, &withdrawal.transaction);
                return Ok(source.filter(|_| wanted));
            }
            _ => {}
        }
        let txid = self.txid;
        let (source, place) = Source::current(&seen.stake, &seen.observation).ok_or_else(|| {
            WithdrawalError::Nothing {
                txid,
                state: seen.step.to_string(),
            }
        })?;
        match place.remaining(source.leaf.timelock(), seen.observation.tip) {
            0 => Ok(Some(source)),
            blocks => Err(WithdrawalError::TooEarly {
                txid,
                output: source.name,
                blocks,
            }
            .into()),
        }
    }

    fn destination(&self, staker: &Staker) -> Result<Option<Address>, CommandError> {
        let network = staker.config.bitcoin.network;
        self.to
            .clone()
            .map(|address| {
                address.require_network(network).map_err(|error| {
                    CommandError::caused_by(Exit::Usage, "wrong-network-address", &error)
                })
            })
            .transpose()
    }

    async fn wait(
        &self,
        connected: &Connected,
        summary: Option<Summary>,
    ) -> Result<Answer, CommandError> {
        let until = until(self.stay)?;
        let followed = follow(connected, self.txid, &until).await?;
        let stake = Some(Report::from(&followed.seen));
        let withdrawn = Withdrawn { summary, stake };
        Ok(if followed.interrupted {
            Answer::pending(withdrawn)
        } else {
            withdrawn.into()
        })
    }
}

impl Connected {
    /// Signs a withdrawal, writes it down and sends it.
    async fn send_withdrawal(&self, txid: Txid, unsigned: &Unsigned) -> Result<(), Error> {
        let signature = self.keys()?.sign_as_staker(unsigned.sighash().to_bytes())?;
        let transaction = unsigned.sign(&signature);
        let mut ledger = self.staker.ledger().await?;
        let mut entry = ledger
            .journal
            .get(txid)?
            .ok_or(crate::life::LifeError::UnknownStake(txid))?;
        let before = entry.withdrawal.take();
        entry.withdrawal = Some(Withdrawal::replacing(before.clone(), transaction.clone()));
        ledger.journal.put(&entry)?;
        match broadcast(&self.nodes, &transaction).await {
            Ok(()) => Ok(ledger.wallet.record_broadcast(&transaction)?),
            Err(error) if error.is_transient() => Err(error),
            // Refused for good: only what was made before can be out there.
            Err(error) => {
                entry.withdrawal = before;
                ledger.journal.put(&entry)?;
                Err(error)
            }
        }
    }
}

impl Summary {
    fn new(unsigned: &Unsigned, address: &Address, fee_rate: FeeRate) -> Self {
        Self {
            output: unsigned.source().name,
            amount_sat: unsigned.value().to_sat(),
            address: address.to_string(),
            fee_sat: unsigned.fee().to_sat(),
            fee_sat_per_vb: sat_per_vb::from_rate(fee_rate),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = Amount::from_sat;
        writeln!(f, "  {} to {}", amount(self.amount_sat), self.address)?;
        write!(
            f,
            "  from the {} output, fee {} ({} sat/vB)",
            self.output,
            amount(self.fee_sat),
            self.fee_sat_per_vb
        )
    }
}

impl fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.stake, &self.summary) {
            (Some(report), _) => report.fmt(f),
            (None, Some(summary)) => write!(f, "{summary}\nNothing was done (--dry-run)."),
            (None, None) => Ok(()),
        }
    }
}
