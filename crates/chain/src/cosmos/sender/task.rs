//! The task that owns the account: takes batches from the queue and sends them.

use std::collections::VecDeque;
use std::time::Duration;

use proto::prost_types::Any;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use super::Patience;
use super::cause::{Cause, cause};
use super::fees::Fees;
use super::gas::GasBook;
use super::item::Item;
use super::plan::{Limits, next_batch};
use super::sign::{Signed, Signer, Terms};
use crate::ChainError;
use crate::cosmos::node::{AccountState, TransactionService};

/// Blocks in which a transaction may be included before it is sure never to be. With blocks of ten seconds that is
/// known before the default patience ends.
const TIMEOUT_BLOCKS: u64 = 15;

/// What the sender knows.
pub(super) struct Task<S> {
    pub(super) service: S,
    pub(super) signer: Signer,
    pub(super) patience: Patience,
    /// What waits to be sent, oldest first.
    pub(super) queue: VecDeque<Item>,
    /// Transactions that were broadcast, by sequence.
    pub(super) flights: VecDeque<Flight>,
    /// Numbers of the next transaction; unknown until read from the chain while nothing is in flight.
    pub(super) account: Option<AccountState>,
    fees: Fees,
    limits: Limits,
    gas: GasBook,
    inbox: mpsc::UnboundedReceiver<Vec<Item>>,
    /// Since when the node takes nothing, for a reason that should pass.
    pub(super) hindered_since: Option<Instant>,
}

/// A transaction that was broadcast and is not known to be in a block.
pub(super) struct Flight {
    pub(super) signed: Signed,
    pub(super) items: Vec<Item>,
    pub(super) sequence: u64,
    pub(super) timeout_height: u64,
    pub(super) sent_at: Instant,
    pub(super) broadcast_at: Instant,
    /// Since when it must be in a block that the index does not show.
    pub(super) missed_since: Option<Instant>,
}

/// What a step of the task came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more to do at once.
    Again,
    /// Something has to happen first.
    Wait,
}

impl<S: TransactionService> Task<S> {
    pub(super) fn new(
        service: S,
        signer: Signer,
        fees: Fees,
        limits: Limits,
        patience: Patience,
        inbox: mpsc::UnboundedReceiver<Vec<Item>>,
    ) -> Self {
        Self {
            service,
            signer,
            patience,
            queue: VecDeque::new(),
            flights: VecDeque::new(),
            account: None,
            fees,
            limits,
            gas: GasBook::default(),
            inbox,
            hindered_since: None,
        }
    }

    /// Works until no caller is left and everything is answered.
    pub(super) async fn run(mut self) {
        let mut settled_at = Instant::now();
        loop {
            if self.queue.is_empty() && self.flights.is_empty() {
                // Another program may use the account while this one is idle.
                self.account = None;
                // An old hindrance must not use up the patience with the next one.
                self.hindered_since = None;
                match self.inbox.recv().await {
                    Some(items) => self.queue.extend(items),
                    None => return,
                }
            }
            while let Ok(items) = self.inbox.try_recv() {
                self.queue.extend(items);
            }
            if self.send_next().await == Step::Wait {
                self.wait(settled_at + self.patience.poll_interval).await;
            }
            if settled_at.elapsed() >= self.patience.poll_interval {
                self.settle().await;
                settled_at = Instant::now();
            }
        }
    }

    async fn wait(&mut self, until: Instant) {
        // At least a moment, so that a hindered sender does not turn without rest.
        let until = until.max(Instant::now() + Duration::from_millis(1));
        tokio::select! {
            () = tokio::time::sleep_until(until) => (),
            Some(items) = self.inbox.recv(), if !self.is_full() => self.queue.extend(items),
        }
    }

    fn is_full(&self) -> bool {
        self.flights.len() >= self.patience.max_in_flight
    }

    async fn send_next(&mut self) -> Step {
        if self.is_full() || (self.account.is_none() && !self.flights.is_empty()) {
            return Step::Wait;
        }
        let batch = self.take_batch();
        if batch.is_empty() {
            return Step::Wait;
        }
        let Some(account) = self.account else {
            return self.read_account(batch).await;
        };
        let messages: Vec<Any> = batch.iter().map(|item| item.message.clone()).collect();
        let least_fee = self.fees.fee(1);
        let draft = self.signer.draft(account, messages.clone(), least_fee);
        match self.service.simulate(&draft).await {
            Ok(Ok(used)) => {
                self.gas.learn(messages.iter(), used);
                self.broadcast(batch, account, messages, used).await
            }
            Ok(Err(refusal)) => self.refused(batch, refusal),
            Err(error) => self.abandon(batch, &error),
        }
    }

    /// Takes what the next transaction carries out of the queue.
    fn take_batch(&mut self) -> Vec<Item> {
        let candidates: Vec<_> = self
            .queue
            .iter()
            .map(|item| item.candidate(self.gas.estimate(&item.message)))
            .collect();
        let positions = next_batch(&candidates, &self.limits);
        let mut batch: Vec<Item> = positions
            .iter()
            .rev()
            .filter_map(|position| self.queue.remove(*position))
            .collect();
        batch.reverse();
        batch
    }

    async fn read_account(&mut self, batch: Vec<Item>) -> Step {
        match self.service.account_state(self.signer.address()).await {
            Ok(Some(account)) => {
                self.account = Some(account);
                self.put_back(batch);
                Step::Again
            }
            Ok(None) => {
                let error = self.insufficient_funds("it has never received any");
                answer_all(batch, &error);
                Step::Again
            }
            Err(error) => self.abandon(batch, &error),
        }
    }

    async fn broadcast(
        &mut self,
        mut batch: Vec<Item>,
        account: AccountState,
        messages: Vec<Any>,
        used: u64,
    ) -> Step {
        let Some(gas_limit) = self.gas_limit(&batch, used) else {
            return self.too_much_gas(batch, used);
        };
        let timeout_height = match self.service.newest_height().await {
            Ok(height) => height.0.saturating_add(TIMEOUT_BLOCKS),
            Err(error) => return self.abandon(batch, &error),
        };
        let terms = Terms {
            gas_limit,
            fee: self.fees.fee(gas_limit),
            timeout_height,
        };
        let signed = self.signer.sign(account, messages, terms);
        match self.service.broadcast(&signed.bytes).await {
            Ok(Err(refusal)) if cause(&refusal) != Cause::AlreadyInMempool => {
                return self.refused(batch, refusal);
            }
            // Without an answer it may have arrived: only its timeout height tells that it did not.
            Ok(_) | Err(_) => (),
        }
        debug!(
            tx_hash = signed.hash,
            messages = batch.len(),
            sequence = account.sequence,
            gas_limit,
            "sent a transaction"
        );
        self.hindered_since = None;
        self.account = Some(AccountState {
            sequence: account.sequence + 1,
            ..account
        });
        let now = Instant::now();
        for item in &mut batch {
            item.settled = false;
        }
        self.flights.push_back(Flight {
            signed,
            items: batch,
            sequence: account.sequence,
            timeout_height,
            sent_at: now,
            broadcast_at: now,
            missed_since: None,
        });
        Step::Again
    }

    /// Gas limit for a batch; `None` where it must be made smaller.
    fn gas_limit(&self, batch: &[Item], used: u64) -> Option<u64> {
        let percent = batch
            .iter()
            .map(|item| item.gas_percent)
            .max()
            .unwrap_or(100);
        let wanted = self.fees.gas_limit(used).saturating_mul(percent) / 100;
        if wanted <= self.fees.max_gas() {
            return Some(wanted);
        }
        // A single message gets what there is.
        (batch.len() == 1 && used <= self.fees.max_gas()).then_some(self.fees.max_gas())
    }

    fn too_much_gas(&mut self, batch: Vec<Item>, used: u64) -> Step {
        if batch.len() > 1 {
            self.halve(batch);
        } else {
            let error = ChainError::FeeAboveCap {
                fee: self.fees.fee(used),
                gas: used,
                max_fee: self.fees.max_fee(),
                max_gas: self.fees.max_gas(),
                denomination: self.signer.fee_denomination().to_owned(),
            };
            answer_all(batch, &error);
        }
        Step::Again
    }

    /// Puts a batch back in halves.
    pub(super) fn halve(&mut self, mut batch: Vec<Item>) {
        let half = batch.len().div_ceil(2);
        for item in &mut batch {
            item.max_batch = half;
        }
        self.put_back(batch);
    }

    /// Puts items before all others, in their order.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.queue.push_front(item);
        }
    }

    pub(super) fn insufficient_funds(&self, reason: &str) -> ChainError {
        ChainError::InsufficientFunds {
            account: self.signer.address().to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Answers every item with the same error.
pub(super) fn answer_all(items: impl IntoIterator<Item = Item>, error: &ChainError) {
    for item in items {
        item.answer(Err(error.clone()));
    }
}
