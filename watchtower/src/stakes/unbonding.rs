//! Unbonding: reports staking outputs that were spent, by whichever of their scripts (spec 2.11).

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::{OutPoint, Transaction, Txid};
use bitcoin_source::{BitcoinSource, BlockId, SourceError};
use chain::{
    Chain, DelegationStatus, Message, Receipt, ReportSpend, SpendLimits, Unreportable, knows_block,
};
use daemon::attempts::{Attempts, Reason};

use super::book::Book;
use super::stake::Spend;
use super::watch::note_status;
use crate::metrics;
use crate::role::{Role, RoundError};
use crate::startup::Link;
use crate::status::{Cell, StakesStatus};

/// Most reports in one submission.
const BATCH: usize = 50;

/// Reports spends for everybody.
pub struct Unbonding {
    bitcoin: Arc<dyn BitcoinSource>,
    chain: Arc<dyn Chain>,
    /// What metrics call the chain.
    name: String,
    book: Cell<Book>,
    attempts: Attempts,
    interval: Duration,
    status: Cell<StakesStatus>,
}

/// What is known of a spend when it is to be reported.
enum Report {
    /// Everything that the chain asks for.
    Ready(Box<ReportSpend>),
    /// Later: the chain does not know the block, or an expansion is not deep enough.
    Wait,
    /// Not now, and perhaps never.
    Failed(Reason),
    /// Never: the chain does not take it in any form.
    Impossible(Reason),
}

impl Unbonding {
    /// Puts the role together; it looks into the book every `interval`.
    pub fn new(
        link: Link,
        book: Cell<Book>,
        attempts: Attempts,
        interval: Duration,
        status: Cell<StakesStatus>,
    ) -> Self {
        Self {
            bitcoin: link.bitcoin,
            chain: link.chain,
            name: link.name,
            book,
            attempts,
            interval,
            status,
        }
    }

    /// The spends that the chain does not know of. What was given up on is marked so in the book.
    fn candidates(&self) -> Vec<(OutPoint, Spend)> {
        let attempts = &self.attempts;
        self.book.update(|book| {
            book.stakes_mut()
                .filter_map(|(output, stake)| {
                    let spend = stake.spend.as_mut()?;
                    spend.given_up = attempts.is_parked(output);
                    (!spend.given_up).then(|| (*output, spend.clone()))
                })
                .collect()
        })
    }

    async fn prepare(&self, staking_output: OutPoint, spend: Spend) -> Result<Report, RoundError> {
        let headers = |from, count| self.bitcoin.headers(from, count);
        let BlockId { height, hash } = spend.block;
        match knows_block(&*self.chain, height, &hash, u32::MAX, headers).await {
            Ok(true) => {}
            Ok(false) => return Ok(Report::Wait),
            Err(error) => return Reason::of_ancestors(error).map(Report::Failed),
        }
        let params = self.chain.light_client_params().await?;
        let mut required = params.spends.depth;
        let spending_txid = spend.transaction.compute_txid();
        if self.chain.delegation(spending_txid).await?.is_some() {
            // The chain counts the new stake from this report on, so it asks for as much depth as of any stake.
            required = required.max(params.confirmation_depth);
        }
        if required > 0 {
            let tip = self.chain.light_client_tip().await?.height;
            let deep = spend.block.height.depth_below(tip);
            if deep.is_none_or(|depth| depth < required) {
                return Ok(Report::Wait);
            }
        }
        if let Some(limits) = params.spends.limits
            && let Some(report) = self.limited(&spend, limits).await?
        {
            return Ok(report);
        }
        let mut funding_txs = Vec::new();
        let asked_for = params.spends.with_funding;
        for input in spend.transaction.input.iter().filter(|_| asked_for) {
            let parent = input.previous_output.txid;
            match self.parent(parent).await? {
                Some(transaction) => funding_txs.push(transaction),
                None => return Ok(parent_unknown(parent)),
            }
        }
        Ok(Report::Ready(Box::new(ReportSpend {
            staking_output,
            spending_tx: spend.transaction,
            inclusion_proof: spend.proof,
            block_height: spend.block.height,
            funding_txs,
        })))
    }

    /// What becomes of the report of a spend where the chain does not take all of them; `None` where it takes this one.
    async fn limited(
        &self,
        spend: &Spend,
        limits: SpendLimits,
    ) -> Result<Option<Report>, RoundError> {
        let headers = self.bitcoin.headers(spend.block.height, NonZeroU16::MIN);
        let header = headers.await?.into_iter().next();
        let Some(header) = header.filter(|header| header.block_hash() == spend.block.hash) else {
            // The block has left the best chain.
            return Ok(Some(Report::Wait));
        };
        let checked = limits.check(&spend.transaction, &spend.proof, &header);
        let never = |error: Unreportable| Reason::new("unreportable", error.to_string());
        Ok(checked.err().map(never).map(Report::Impossible))
    }

    /// A transaction whose output is spent: a stake of the chain, or one that the node finds.
    async fn parent(&self, txid: Txid) -> Result<Option<Transaction>, RoundError> {
        let delegation = self.chain.delegation(txid).await?;
        if let Some(staking_tx) = delegation
            .as_ref()
            .and_then(|delegation| delegation.staking_output.transaction())
        {
            return Ok(Some(staking_tx.clone()));
        }
        match self.bitcoin.transaction(txid).await {
            Ok(found) => Ok(Some(found.transaction)),
            Err(SourceError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Submits a batch. All that came of it is dealt with before the first error is returned.
    async fn report(&mut self, batch: &[ReportSpend]) -> Result<(), RoundError> {
        let messages = batch
            .iter()
            .map(|report| Message::ReportSpend(Box::new(report.clone())))
            .collect();
        let outcomes = self.chain.submit(messages).await;
        let mut all = Ok(());
        for (report, outcome) in batch.iter().zip(outcomes) {
            let one = match outcome.map_err(Reason::of_message) {
                Ok(receipt) => {
                    self.accepted(report, &receipt);
                    Ok(())
                }
                Err(Ok(reason)) => self.refused(report.staking_output, &reason).await,
                Err(Err(error)) => Err(error.into()),
            };
            all = all.and(one);
        }
        all
    }

    /// Notes that the chain has taken a report.
    fn accepted(&mut self, report: &ReportSpend, receipt: &Receipt) {
        let output = report.staking_output;
        let spent_by = report.spending_tx.compute_txid();
        tracing::info!(%output, %spent_by, tx = receipt.tx_hash, "reported a spent stake");
        metrics::UNBONDED.increment_for(&self.name);
        self.status.update(|status| status.reported += 1);
        self.attempts.finished(&output);
        self.book.update(|book| book.remove(&output));
    }

    /// A refusal of a stake that is over on the chain only says that somebody else was faster.
    async fn refused(&mut self, output: OutPoint, reason: &Reason) -> Result<(), RoundError> {
        let delegation = self.chain.delegation_at(output).await?;
        self.book
            .update(|book| note_status(book, &output, delegation.as_ref()));
        match delegation.map(|delegation| delegation.status) {
            None | Some(DelegationStatus::Unbonded | DelegationStatus::Expired) => {
                tracing::debug!(%output, "the stake is over on the chain already");
                self.attempts.finished(&output);
            }
            Some(_) => self.attempts.failed(output, reason)?,
        }
        Ok(())
    }
}

impl Role for Unbonding {
    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        metrics::PARKED.set(metrics::count(self.attempts.refresh()?));
        let candidates = self.candidates();
        metrics::UNREPORTED.set_for(&self.name, metrics::count(candidates.len()));
        self.status
            .update(|status| status.to_report = candidates.len());
        let mut ready = Vec::new();
        for (staking_output, spend) in candidates {
            if !self.attempts.is_due(&staking_output) {
                continue;
            }
            match self.prepare(staking_output, spend).await? {
                Report::Ready(report) => ready.push(*report),
                Report::Wait => {}
                Report::Failed(reason) => self.attempts.failed(staking_output, &reason)?,
                Report::Impossible(reason) => self.attempts.park(staking_output, &reason)?,
            }
        }
        for batch in ready.chunks(BATCH) {
            self.report(batch).await?;
        }
        Ok(())
    }
}

fn parent_unknown(parent: Txid) -> Report {
    let message = format!(
        "the spending transaction also spends an output of {parent}, which the bitcoin node cannot find; run bitcoind with \
         txindex=1"
    );
    Report::Failed(Reason::new("parent-unknown", message))
}

#[cfg(test)]
mod tests;
