//! Finds out what became of the transactions under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::Landed;
use super::cause::{Cause, cause, own_words};
use super::item::Item;
use super::task::{Flight, Task, answer_all};
use crate::cosmos::node::{Included, TransactionService};
use crate::{ChainError, Receipt, Rejection};

/// After how long a transaction that is in no block is handed to the node again: it may have been restarted, and a
/// mempool does not survive that.
const BROADCAST_AGAIN: Duration = Duration::from_secs(5);

/// How long the node's index may lag behind its blocks. What it has not shown by then it never will: blocks are indexed
/// after they are made, and what a node had not indexed when it was stopped stays out of the index.
const INDEX_LAG: Duration = Duration::from_secs(30);

/// What can become of a transaction that was not found.
enum Prospect {
    /// It may get into a block.
    Open,
    /// Its time is over, and its sequence is used: it is in a block that the index does not show.
    Included,
    /// Its time is over, and its sequence is free.
    Lost,
}

impl<S: TransactionService> Task<S> {
    /// Looks at the transactions under way, oldest first, until one that is still open.
    pub(super) async fn settle(&mut self) {
        while let Some(flight) = self.flights.front() {
            match self.service.included(&flight.signed.hash).await {
                Ok(Some(included)) => {
                    if let Some(flight) = self.flights.pop_front() {
                        self.landed(flight, included);
                    }
                }
                Ok(None) if self.look_after_oldest().await => (),
                Ok(None) => break,
                Err(error) => {
                    debug!(%error, "cannot look a transaction up");
                    if !self.give_up_oldest() {
                        break;
                    }
                }
            }
        }
        let oldest = self.flights.front().map(|flight| flight.sequence);
        for item in &mut self.queue {
            if item
                .waits_for
                .is_some_and(|sequence| oldest.is_none_or(|oldest| sequence < oldest))
            {
                item.waits_for = None;
                item.settled = true;
            }
        }
    }

    fn landed(&mut self, flight: Flight, included: Included) {
        match included.outcome {
            Ok(effects) => {
                debug!(tx_hash = flight.signed.hash, height = %included.height, "in a block");
                for (position, item) in flight.items.into_iter().enumerate() {
                    item.answer(Ok(Landed {
                        receipt: Receipt {
                            tx_hash: flight.signed.hash.clone(),
                            height: included.height,
                        },
                        position,
                        effects: Arc::clone(&effects),
                    }));
                }
            }
            Err(refusal) => {
                info!(
                    tx_hash = flight.signed.hash,
                    codespace = refusal.codespace,
                    code = refusal.code,
                    log = refusal.log,
                    "a transaction failed in its block"
                );
                self.failed(flight.items, refusal);
            }
        }
    }

    /// A transaction failed in its block: none of its messages took effect.
    ///
    /// Those of later transactions do not depend on it: a simulation does not see what is under way.
    fn failed(&mut self, mut items: Vec<Item>, refusal: Rejection) {
        match cause(&refusal) {
            Cause::WrongSequence | Cause::Expired => {
                self.account = None;
                self.try_again(items, &refusal.into());
            }
            Cause::InsufficientFunds => {
                self.account = None;
                let error = self.insufficient_funds(&refusal.log);
                answer_all(items, &error);
            }
            Cause::Message(position) if position < items.len() => {
                items
                    .remove(position)
                    .answer(Err(own_words(refusal).into()));
                self.put_back(items);
            }
            Cause::Gas => {
                for item in &mut items {
                    item.gas_percent = item.gas_percent.saturating_mul(3) / 2;
                }
                self.try_again(items, &refusal.into());
            }
            _ if items.len() == 1 => answer_all(items, &refusal.into()),
            _ => self.halve(items),
        }
    }

    /// Sends items again that failed without their fault, unless that happened too often.
    fn try_again(&mut self, items: Vec<Item>, error: &ChainError) {
        let mut again = Vec::with_capacity(items.len());
        for mut item in items {
            if item.may_try_again() {
                again.push(item);
            } else {
                item.answer(Err(error.clone()));
            }
        }
        self.put_back(again);
    }

    /// The oldest transaction is in no block. Says whether it was taken off the list.
    async fn look_after_oldest(&mut self) -> bool {
        if self.give_up_oldest() {
            return true;
        }
        let Some(oldest) = self.flights.front() else {
            return false;
        };
        if oldest.broadcast_at.elapsed() < BROADCAST_AGAIN {
            return false;
        }
        let (sequence, timeout_height) = (oldest.sequence, oldest.timeout_height);
        match self.prospect(sequence, timeout_height).await {
            Ok(Prospect::Open) => {
                self.broadcast_again().await;
                false
            }
            Ok(Prospect::Included) => self.wait_for_the_index(),
            Ok(Prospect::Lost) => {
                self.expire_oldest();
                true
            }
            Err(error) => {
                debug!(%error, "cannot tell whether a transaction has expired");
                false
            }
        }
    }

    /// What can become of a transaction that was not found.
    ///
    /// Its sequence decides, not the search for its hash: the node's index may lag behind its blocks.
    async fn prospect(&self, sequence: u64, timeout_height: u64) -> Result<Prospect, ChainError> {
        if self.service.newest_height().await?.0 <= timeout_height {
            return Ok(Prospect::Open);
        }
        let account = self.service.account_state(self.signer.address()).await?;
        Ok(
            if account.is_some_and(|account| account.sequence > sequence) {
                Prospect::Included
            } else {
                Prospect::Lost
            },
        )
    }

    /// The oldest transaction is in a block, but the index has not shown it so far. Says whether it was taken off the
    /// list.
    fn wait_for_the_index(&mut self) -> bool {
        let lags = |flight: &mut Flight| {
            let since = flight.missed_since.get_or_insert_with(Instant::now);
            since.elapsed() >= INDEX_LAG
        };
        let missed = self.flights.pop_front_if(lags);
        missed.is_some_and(|flight| self.give_up(flight))
    }

    async fn broadcast_again(&mut self) {
        for flight in &mut self.flights {
            flight.broadcast_at = Instant::now();
            match self.service.broadcast(&flight.signed.bytes).await {
                Ok(Ok(())) => info!(
                    tx_hash = flight.signed.hash,
                    "sent a lost transaction again"
                ),
                // Most often it is in the mempool, or in the block that was just made.
                Ok(Err(refusal)) => {
                    debug!(
                        tx_hash = flight.signed.hash,
                        log = refusal.log,
                        "not taken again"
                    );
                }
                Err(error) => {
                    debug!(%error, "cannot send a transaction again");
                    return;
                }
            }
        }
    }

    /// The oldest transaction can never be in a block.
    fn expire_oldest(&mut self) {
        if let Some(flight) = self.flights.pop_front() {
            warn!(
                tx_hash = flight.signed.hash,
                "a transaction was never included; sending anew"
            );
            self.account = None;
            let error = timeout(&flight);
            self.try_again(flight.items, &error);
        }
    }

    /// Answers the messages of the oldest transaction if its time is up. Says whether it was.
    fn give_up_oldest(&mut self) -> bool {
        let patience = self.patience.inclusion_timeout;
        let is_late = |flight: &mut Flight| flight.sent_at.elapsed() >= patience;
        let late = self.flights.pop_front_if(is_late);
        late.is_some_and(|flight| self.give_up(flight))
    }

    /// Answers the messages of a transaction whose outcome stays unknown.
    fn give_up(&mut self, flight: Flight) -> bool {
        warn!(
            tx_hash = flight.signed.hash,
            "giving up on a transaction that may still land"
        );
        self.account = None;
        let error = timeout(&flight);
        answer_all(flight.items, &error);
        true
    }
}

fn timeout(flight: &Flight) -> ChainError {
    ChainError::Timeout {
        tx_hash: flight.signed.hash.clone(),
        seconds: flight.sent_at.elapsed().as_secs(),
    }
}
