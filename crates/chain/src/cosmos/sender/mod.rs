//! Sends an account's messages.
//!
//! One task owns the account's sequence. Submissions of all callers land in one queue; [`plan`] takes from it the
//! longest batch that may share a transaction, which is simulated, signed and broadcast while earlier ones still wait
//! for their block. [`settle`] watches those and answers each message on its own: with its receipt, or with the error
//! of exactly this message ([`cause`] finds it), while its neighbours go into the next transaction.
//!
//! Rules that make it safe:
//!
//! - A transaction carries a timeout height, so it ends in a block or can never be in one. Nothing is sent again before
//!   the one or the other is known of the transaction that carried it.
//! - A refusal counts only if it cannot come from a transaction of ours that has not taken effect yet: otherwise the
//!   message waits for that one and is judged again.
//! - Messages of one submission keep their order. Those of different submissions are independent.

mod cause;
mod fees;
mod gas;
mod item;
mod plan;
mod refused;
mod settle;
mod sign;
mod task;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;

use super::effects::Effects;
use super::message::Encoded;
use super::node::TransactionService;
use super::{AccountKey, Config};
use crate::{ChainError, Receipt};
use fees::Fees;
use item::Item;
use plan::Limits;
use sign::Signer;
use task::Task;

/// Largest transaction; CometBFT's mempool refuses 1 MiB and more by default.
const MAX_TRANSACTION_BYTES: usize = 900_000;

/// Hands messages to the task that sends them; the task ends when the last sender is dropped and all is answered.
#[derive(Debug)]
pub(crate) struct Sender {
    inbox: mpsc::UnboundedSender<Vec<Item>>,
    submissions: AtomicU64,
}

/// A message that took effect.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    /// The transaction that carried it.
    pub(crate) receipt: Receipt,
    /// Which of the transaction's messages it was.
    pub(crate) position: usize,
    /// What the transaction did.
    pub(crate) effects: Arc<Effects>,
}

/// How patient the sender is.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Between two looks at what is under way.
    poll_interval: Duration,
    /// Until a transaction that is in no block is given up.
    inclusion_timeout: Duration,
    /// Most transactions under way.
    max_in_flight: usize,
}

impl Sender {
    /// Starts the task for `key`'s account.
    pub(crate) fn start<S: TransactionService>(
        service: S,
        config: &Config,
        key: AccountKey,
        address: String,
    ) -> Self {
        let (inbox, messages) = mpsc::unbounded_channel();
        let fees = Fees::new(config);
        let limits = Limits {
            gas: fees.simulated_gas_limit(),
            bytes: MAX_TRANSACTION_BYTES,
            messages: config.max_messages.get(),
        };
        let patience = Patience {
            poll_interval: config.poll_interval(),
            inclusion_timeout: config.inclusion_timeout(),
            max_in_flight: config.max_in_flight.get(),
        };
        let signer = Signer::new(key, address, config);
        tokio::spawn(Task::new(service, signer, fees, limits, patience, messages).run());
        Self {
            inbox,
            submissions: AtomicU64::new(0),
        }
    }

    /// Sends messages and waits for what became of each, in order.
    pub(crate) async fn submit(
        &self,
        messages: Vec<Result<Encoded, ChainError>>,
    ) -> Vec<Result<Landed, ChainError>> {
        let submission = self.submissions.fetch_add(1, Ordering::Relaxed);
        let mut items = Vec::with_capacity(messages.len());
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            answers.push(message.map(|message| {
                let (item, answer) = Item::new(message, submission);
                items.push(item);
                answer
            }));
        }
        if !items.is_empty() {
            // A failed send drops the items, which the answers below notice.
            let _ = self.inbox.send(items);
        }
        join_all(answers.into_iter().map(|answer| async {
            match answer {
                Ok(answer) => answer.await.unwrap_or(Err(ChainError::Stopped)),
                Err(error) => Err(error),
            }
        }))
        .await
    }
}
