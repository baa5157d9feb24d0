//! What to do with a batch that did not reach a block.

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::cause::{Cause, cause, own_words};
use super::item::Item;
use super::task::{Step, Task, answer_all};
use crate::cosmos::node::TransactionService;
use crate::{ChainError, Rejection};

impl<S: TransactionService> Task<S> {
    /// A batch was refused before it reached a block.
    pub(super) fn refused(&mut self, mut batch: Vec<Item>, refusal: Rejection) -> Step {
        match cause(&refusal) {
            Cause::Message(position) if position < batch.len() => {
                self.blame(batch, position, refusal);
                Step::Again
            }
            Cause::WrongSequence | Cause::Expired => {
                self.account = None;
                self.hindered(batch, refusal)
            }
            Cause::MempoolFull => self.hindered(batch, refusal),
            // Fees under way are given back when their transactions succeed.
            Cause::InsufficientFunds if !self.flights.is_empty() => self.hindered(batch, refusal),
            Cause::InsufficientFunds => {
                let error = self.insufficient_funds(&refusal.log);
                answer_all(batch, &error);
                Step::Again
            }
            Cause::Account => {
                answer_all(batch, &refusal.into());
                Step::Again
            }
            Cause::Message(_) | Cause::Gas | Cause::AlreadyInMempool | Cause::Unknown => {
                if batch.len() > 1 {
                    self.halve(batch);
                } else {
                    batch.truncate(1);
                    self.blame(batch, 0, refusal);
                }
                Step::Again
            }
        }
    }

    /// The message at `position` is refused; the others are sent without it.
    fn blame(&mut self, mut batch: Vec<Item>, position: usize, refusal: Rejection) {
        let last_in_flight = self.flights.back().map(|flight| flight.sequence);
        match (batch.get_mut(position), last_in_flight) {
            // What is under way may be what the message needs.
            (Some(item), Some(sequence)) if !item.settled => item.waits_for = Some(sequence),
            (Some(_), _) => batch
                .remove(position)
                .answer(Err(own_words(refusal).into())),
            (None, _) => (),
        }
        self.put_back(batch);
    }

    /// The node takes nothing for now; gives up when that lasts.
    fn hindered(&mut self, batch: Vec<Item>, refusal: Rejection) -> Step {
        let since = *self.hindered_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.patience.inclusion_timeout {
            debug!(
                code = refusal.code,
                log = refusal.log,
                "the node takes no transaction now"
            );
            self.put_back(batch);
        } else {
            warn!(
                code = refusal.code,
                log = refusal.log,
                "the node takes no transaction"
            );
            self.hindered_since = None;
            answer_all(batch, &refusal.into());
        }
        Step::Wait
    }

    /// The node does not answer: nothing of this is under way, so the callers decide.
    pub(super) fn abandon(&mut self, batch: Vec<Item>, error: &ChainError) -> Step {
        info!(%error, messages = batch.len() + self.queue.len(), "cannot send now");
        answer_all(batch, error);
        if matches!(error, ChainError::Unreachable { .. }) {
            answer_all(self.queue.drain(..), error);
        }
        Step::Wait
    }
}
