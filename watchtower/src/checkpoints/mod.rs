//! The checkpoint submitter: puts the chain's sealed checkpoints on Bitcoin and shows the chain that they are there.
//!
//! Epochs go in order, each into later blocks than the one before it, as the chain demands (spec 5.8). An epoch takes
//! two transactions of the [`purse::Purse`]; each is in the journal before it is sent, and where it is now is asked
//! of the wallet, so after a kill at any moment the decision goes on where it stopped. Epochs that somebody else reports
//! are not sealed any more and so none of ours.

mod data;
mod decision;
mod journal;
mod proof;
pub mod purse;

use std::sync::Arc;
use std::time::Duration;

use bitcoin::{Amount, Transaction};
use bitcoin_source::{BitcoinSource, Bitcoind, BlockId, Location, RejectionKind, SourceError};
use chain::babylon::Babylon;
use chain::babylon::checkpoint::{CheckpointStatus, RawCheckpoint};
use chain::{Chain, ChainError};
use daemon::output::CommandError;
use tokio::time::Instant;
use wallet::FeeLimit;

use crate::config::{CheckpointsConfig, Config};
use crate::metrics;
use crate::role::{Role, RoundError};
use crate::status::{Cell, CheckpointsStatus};

use decision::{Place, Step, decide};
use journal::{Entry, Journal};
use proof::Proved;
use purse::{Payment, Purse, wallet_error};

/// How often to look at the wallet while there is nothing to pay for.
const IDLE_SYNC_INTERVAL: Duration = Duration::from_mins(5);

/// Puts checkpoints on Bitcoin.
pub struct CheckpointSubmitter {
    bitcoin: Arc<Bitcoind>,
    chain: Arc<Babylon>,
    purse: Purse,
    journal: Journal,
    config: CheckpointsConfig,
    fee_limit: FeeLimit,
    /// Account that is rewarded.
    submitter: [u8; 20],
    synced: Option<Instant>,
    status: Cell<CheckpointsStatus>,
}

/// How far an epoch is.
enum Progress {
    /// A block must come first.
    Waits,
    /// Both transactions are in blocks.
    Mined(Entry, [BlockId; 2]),
}

/// What the node made of a transaction.
enum Sent {
    /// It is on the network.
    Yes,
    /// It is, but the wallet has something else in its place; the next sync tells.
    Unseen,
    /// One of its coins is gone, so it can never be mined.
    Never,
}

impl CheckpointSubmitter {
    /// Puts the role together.
    ///
    /// # Errors
    ///
    /// Fails where the journal or the wallet cannot be used.
    pub fn new(
        bitcoin: Arc<Bitcoind>,
        chain: Arc<Babylon>,
        mut purse: Purse,
        database: &sled::Db,
        config: &Config,
        status: Cell<CheckpointsStatus>,
    ) -> Result<Self, CommandError> {
        let journal = Journal::open(database)?;
        purse
            .release_all_but(&journal.coins()?)
            .map_err(wallet_error)?;
        let address = purse.address().map_err(wallet_error)?.to_string();
        status.update(|status| status.address = Some(address));
        let bytes = chain.account_address().bytes();
        let submitter = bytes.try_into().map_err(|_| {
            let reason = format!("the account has {} bytes, a key's has 20", bytes.len());
            ChainError::InvalidMessage { reason }
        })?;
        Ok(Self {
            bitcoin,
            chain,
            purse,
            journal,
            config: config.checkpoints.clone(),
            fee_limit: config.fee_limit(),
            submitter,
            synced: None,
            status,
        })
    }

    /// Does what can be done for an epoch without a new block.
    async fn advance(&mut self, raw: &RawCheckpoint) -> Result<Progress, RoundError> {
        loop {
            let entry = self.journal.get(raw.epoch)?;
            let location = |transaction: &Transaction| self.purse.location(transaction);
            let first = entry.as_ref().map(|entry| location(&entry.first));
            let second = entry
                .as_ref()
                .and_then(|entry| entry.second.as_ref().map(location));
            match (decide(first.map(place), second.map(place)), entry) {
                (Step::MakeFirst, _) | (_, None) => {
                    let first = self.make(raw, 0).await?;
                    let second = None;
                    self.journal.put(raw.epoch, &Entry { first, second })?;
                }
                (Step::MakeSecond, Some(mut entry)) => {
                    entry.second = Some(self.make(raw, 1).await?);
                    self.journal.put(raw.epoch, &entry)?;
                }
                (Step::SendFirst, Some(entry)) => match self.send(raw.epoch, &entry.first).await? {
                    Sent::Yes => {}
                    Sent::Unseen => return Ok(Progress::Waits),
                    Sent::Never => {
                        self.forget(raw.epoch, &entry)?;
                        return Ok(Progress::Waits);
                    }
                },
                (Step::SendSecond, Some(mut entry)) => {
                    let Some(second) = entry.second.take() else {
                        return Ok(Progress::Waits);
                    };
                    match self.send(raw.epoch, &second).await? {
                        Sent::Yes => {}
                        Sent::Unseen => return Ok(Progress::Waits),
                        Sent::Never => {
                            self.purse.release(&second)?;
                            self.journal.put(raw.epoch, &entry)?;
                            return Ok(Progress::Waits);
                        }
                    }
                }
                (Step::Wait, _) => return Ok(Progress::Waits),
                (Step::Prove, Some(entry)) => {
                    if let (Some(first), Some(second)) =
                        (first.and_then(block), second.and_then(block))
                    {
                        return Ok(Progress::Mined(entry, [first, second]));
                    }
                    return Ok(Progress::Waits);
                }
            }
        }
    }

    /// Makes and signs the transaction with a part; its coins are set aside.
    async fn make(&mut self, raw: &RawCheckpoint, part: usize) -> Result<Transaction, RoundError> {
        let tag = self.chain.light_client_params().await?.checkpoint_tag;
        let [first, second] = data::scripts(raw, tag, self.submitter);
        let script = if part == 0 { first } else { second };
        let rate = self.bitcoin.fee_rate(self.config.fee_target_blocks).await?;
        let Payment { transaction, fee } = self.purse.pay(script, rate.rate, self.fee_limit)?;
        let txid = transaction.compute_txid();
        tracing::info!(epoch = raw.epoch, part, %txid, %fee, "made a checkpoint transaction");
        metrics::FEES.add(fee.to_sat());
        Ok(transaction)
    }

    /// Sends a transaction.
    async fn send(&mut self, epoch: u64, transaction: &Transaction) -> Result<Sent, RoundError> {
        match self.bitcoin.broadcast(transaction, Amount::ZERO).await {
            Ok(txid) => {
                tracing::info!(epoch, %txid, "sent a checkpoint transaction");
                self.purse.sent(transaction)?;
                let seen = self.purse.location(transaction).is_some();
                Ok(if seen { Sent::Yes } else { Sent::Unseen })
            }
            Err(SourceError::Rejected(rejection))
                if matches!(
                    rejection.kind(),
                    RejectionKind::MissingInputs | RejectionKind::ReplacementRefused
                ) =>
            {
                tracing::warn!(epoch, %rejection, "a checkpoint transaction can never be mined; it is made again");
                Ok(Sent::Never)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn forget(&mut self, epoch: u64, entry: &Entry) -> Result<(), RoundError> {
        for transaction in entry.transactions() {
            self.purse.release(transaction)?;
        }
        Ok(self.journal.remove(epoch)?)
    }

    /// Forgets the epochs that no reorg brings back. Whoever submitted them, ours may be in a block, and may wait for
    /// one; the coins of those that are not out are free again.
    fn forget_final(&mut self, last: u64) -> Result<(), RoundError> {
        for (epoch, entry) in self.journal.up_to(last)? {
            for transaction in entry.transactions() {
                if self.purse.location(transaction).is_none() {
                    self.purse.release(transaction)?;
                }
            }
            self.journal.remove(epoch)?;
        }
        Ok(())
    }

    /// Shows the chain where both transactions are.
    async fn prove(
        &self,
        epoch: u64,
        entry: &Entry,
        [first, second]: [BlockId; 2],
    ) -> Result<Proved, RoundError> {
        let Some(second_transaction) = &entry.second else {
            return Ok(Proved::Useless);
        };
        let parts = [(&entry.first, first), (second_transaction, second)];
        let proved = proof::prove(&*self.bitcoin, &*self.chain, epoch, parts).await?;
        if proved == Proved::Yes {
            self.status.update(|status| status.reported = Some(epoch));
        }
        Ok(proved)
    }

    async fn sync(&mut self) -> Result<(), RoundError> {
        self.purse.sync(&self.bitcoin.rpc_client()).await?;
        self.synced = Some(Instant::now());
        Ok(())
    }

    fn show(&self, sealed: usize, waits_for: Option<(u64, &str)>) {
        let (spendable, balance) = self.purse.balance();
        metrics::SEALED.set(metrics::count(sealed));
        metrics::SPENDABLE.set(metrics::satoshi(spendable));
        self.status.update(|status| {
            (status.spendable, status.balance) = (spendable, balance);
            status.sealed = sealed;
            status.epoch = waits_for.map(|(epoch, _)| epoch);
            status.waits_for = waits_for.map(|(_, what)| what.to_owned());
        });
    }

    /// Carries all sealed epochs as far as they go; returns the first that waits, and for what.
    async fn carry(
        &mut self,
        sealed: &[RawCheckpoint],
    ) -> Result<Option<(u64, &'static str)>, RoundError> {
        let mut waiting = None;
        for raw in sealed {
            match self.advance(raw).await? {
                Progress::Waits => return Ok(waiting.or(Some((raw.epoch, "a bitcoin block")))),
                // Its blocks are known, so the next epoch can go into later ones; proofs keep their order.
                Progress::Mined(..) if waiting.is_some() => {}
                Progress::Mined(entry, blocks) => {
                    match self.prove(raw.epoch, &entry, blocks).await? {
                        Proved::Yes => {}
                        Proved::Later(what) => waiting = Some((raw.epoch, what)),
                        Proved::Useless => {
                            self.forget(raw.epoch, &entry)?;
                            return Ok(Some((raw.epoch, "new transactions")));
                        }
                    }
                }
            }
        }
        Ok(waiting)
    }
}

impl Role for CheckpointSubmitter {
    fn interval(&self) -> Duration {
        self.config.check_interval()
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        let mut sealed: Vec<_> = self
            .chain
            .checkpoints(CheckpointStatus::Sealed)
            .await?
            .into_iter()
            .map(|checkpoint| checkpoint.raw)
            .collect();
        sealed.sort_unstable_by_key(|raw| raw.epoch);
        let idle = self
            .synced
            .is_some_and(|synced| synced.elapsed() < IDLE_SYNC_INTERVAL);
        if sealed.is_empty() && idle {
            self.show(0, None);
            return Ok(());
        }
        self.sync().await?;
        self.show(sealed.len(), None);
        self.forget_final(self.chain.last_finalized_epoch().await?)?;
        let waiting = self.carry(&sealed).await?;
        self.show(sealed.len(), waiting);
        Ok(())
    }
}

fn place(location: Option<Location>) -> Place {
    match location {
        None => Place::Nowhere,
        Some(Location::Mempool) => Place::Mempool,
        Some(Location::Block { .. }) => Place::Mined,
    }
}

fn block(location: Option<Location>) -> Option<BlockId> {
    match location? {
        Location::Block { block, .. } => Some(block),
        Location::Mempool => None,
    }
}
