//! One message on its way.

use bitcoin::hashes::{Hash, sha256};
use proto::prost::Message as _;
use proto::prost_types::Any;
use tokio::sync::oneshot;

use super::Landed;
use super::plan::Candidate;
use crate::ChainError;
use crate::cosmos::message::Encoded;

/// How often a message is sent again after transactions that failed without its fault.
const MAX_ATTEMPTS: u32 = 5;

/// One message, and where to answer what became of it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) message: Any,
    pub(super) refundable: bool,
    /// Which call of `submit` it belongs to.
    pub(super) submission: u64,
    /// Largest batch that it may be in; halved to find the culprit of a failure.
    pub(super) max_batch: usize,
    /// Sequence of the transaction whose end it waits for, because that may be why it was refused.
    pub(super) waits_for: Option<u64>,
    /// Whether everything that was sent before it had taken effect when it was last judged.
    pub(super) settled: bool,
    /// Percent of the usual gas limit.
    pub(super) gas_percent: u64,
    /// How often it was sent.
    attempts: u32,
    digest: [u8; 32],
    answer: oneshot::Sender<Result<Landed, ChainError>>,
}

/// Where the sender of an item hears what became of it.
pub(super) type Answer = oneshot::Receiver<Result<Landed, ChainError>>;

impl Item {
    pub(super) fn new(encoded: Encoded, submission: u64) -> (Self, Answer) {
        let (answer, receiver) = oneshot::channel();
        let item = Self {
            digest: sha256::Hash::hash(&encoded.message.encode_to_vec()).to_byte_array(),
            message: encoded.message,
            refundable: encoded.refundable,
            submission,
            max_batch: usize::MAX,
            waits_for: None,
            settled: false,
            gas_percent: 100,
            attempts: 0,
            answer,
        };
        (item, receiver)
    }

    /// The item as the planner sees it; `gas` is an estimate.
    pub(super) fn candidate(&self, gas: u64) -> Candidate {
        Candidate {
            refundable: self.refundable,
            submission: self.submission,
            digest: self.digest,
            gas,
            bytes: self.message.encoded_len(),
            max_batch: self.max_batch,
            ready: self.waits_for.is_none(),
        }
    }

    /// Counts one more sending; `false` where there were too many.
    pub(super) fn may_try_again(&mut self) -> bool {
        self.attempts += 1;
        self.attempts < MAX_ATTEMPTS
    }

    /// Says what became of it.
    pub(super) fn answer(self, outcome: Result<Landed, ChainError>) {
        // Nobody listens any more where the caller was cancelled.
        let _ = self.answer.send(outcome);
    }
}
