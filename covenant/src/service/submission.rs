//! Handing signatures in: what was signed is gathered into batches, several of which wait for a block at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::Txid;
use chain::{AddCovenantSignatures, ChainError, Message, Receipt, Rejection};
use staking::delegation::CovenantSignatures;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;

use super::{Service, lock};
use crate::metrics;
use crate::signer::Refusal;

/// How long the first of a batch waits for others: short against the time between two blocks.
const LINGER: Duration = Duration::from_millis(100);

/// The module that judges signatures, and its code for those it has already (spec 2.17).
const CODESPACE: &str = "btcstaking";
const DUPLICATE_SIGNATURE: u32 = 1123;

/// Who judges the transaction around the signatures: its fee, its gas, the room in the mempool.
const SDK: &str = "sdk";

/// What became of one delegation's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The chain has them, from us now or before.
    Landed,
    /// The chain refused them. It may have changed in between (an expired delegation), so some more tries are made.
    Rejected(Refusal),
    /// They did not get there; nothing is known about them.
    Failed(String),
}

impl Outcome {
    /// Reads the answer to one message.
    pub fn of(answer: &Result<Receipt, ChainError>) -> Self {
        match answer {
            Ok(_) => Self::Landed,
            Err(ChainError::Rejected(Rejection {
                codespace, code, ..
            })) if codespace == CODESPACE && *code == DUPLICATE_SIGNATURE => Self::Landed,
            // Parking for that would leave every delegation parked after it has healed.
            Err(ChainError::Rejected(rejection)) if rejection.codespace == SDK => {
                Self::Failed(rejection.to_string())
            }
            Err(ChainError::Rejected(rejection)) => {
                Self::Rejected(Refusal::new("rejected-by-chain", rejection.to_string()))
            }
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// The message that hands a delegation's signatures in.
pub(super) fn message(staking_txid: Txid, signatures: CovenantSignatures) -> Message {
    Message::AddCovenantSignatures(AddCovenantSignatures {
        covenant: signatures.key,
        staking_txid,
        slashing_signatures: signatures.slashing,
        unbonding_signature: signatures.unbonding,
        unbonding_slashing_signatures: signatures.unbonding_slashing,
        expansion_signature: None,
    })
}

/// Submits what comes out of `queue` until it is closed and empty.
pub(super) async fn run(service: Arc<Service>, mut queue: mpsc::Receiver<Message>) {
    let places = Arc::new(Semaphore::new(service.pace.submissions.get()));
    let submissions = TaskTracker::new();
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        let deadline = tokio::time::Instant::now() + LINGER;
        let most = service.pace.batch_size.get();
        while batch.len() < most {
            match timeout_at(deadline, queue.recv()).await {
                Ok(Some(message)) => batch.push(message),
                Ok(None) | Err(_) => break,
            }
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        // Waiting for the place may have taken a block's time.
        while batch.len() < most
            && let Ok(message) = queue.try_recv()
        {
            batch.push(message);
        }
        let service = Arc::clone(&service);
        submissions.spawn(async move {
            submit(&service, batch).await;
            drop(place);
        });
    }
    submissions.close();
    submissions.wait().await;
}

async fn submit(service: &Service, batch: Vec<Message>) {
    let txids: Vec<_> = batch.iter().filter_map(staking_txid).collect();
    let began = Instant::now();
    let answers = service.chain.submit(batch).await;
    let mut landed = 0_u64;
    for (txid, answer) in txids.iter().zip(&answers) {
        if let Err(error @ ChainError::InsufficientFunds { .. }) = answer {
            service.health.account.degraded(error.to_string());
        }
        let mut memory = lock(&service.memory);
        match Outcome::of(answer) {
            Outcome::Landed => {
                memory.landed(*txid);
                landed += 1;
            }
            Outcome::Rejected(refusal) => {
                metrics::SUBMISSIONS_FAILED.increment_for("rejected");
                tracing::warn!(%txid, %refusal, "the chain refused our signatures");
                if let Err(error) = memory.rejected(*txid, Instant::now(), rand::random(), refusal)
                {
                    tracing::error!(%txid, %error, "a delegation cannot be parked");
                }
            }
            Outcome::Failed(reason) => {
                metrics::SUBMISSIONS_FAILED.increment_for("not-delivered");
                tracing::warn!(%txid, reason, "our signatures were not delivered");
                memory.failed(*txid, Instant::now(), rand::random(), &reason);
            }
        }
    }
    metrics::SIGNED.add(landed);
    lock(&service.status).landed += landed;
    tracing::info!(
        delegations = txids.len(),
        landed,
        seconds = began.elapsed().as_secs_f64(),
        "handed signatures in"
    );
}

fn staking_txid(message: &Message) -> Option<Txid> {
    match message {
        Message::AddCovenantSignatures(signatures) => Some(signatures.staking_txid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(codespace: &str, code: u32) -> Result<Receipt, ChainError> {
        Err(Rejection {
            codespace: codespace.into(),
            code,
            log: "no".into(),
        }
        .into())
    }

    #[test]
    fn signatures_that_the_chain_has_already_have_landed() {
        assert_eq!(Outcome::of(&rejection("btcstaking", 1123)), Outcome::Landed);
    }

    #[test]
    fn another_modules_same_code_is_a_rejection() {
        assert!(matches!(
            Outcome::of(&rejection("finality", 1123)),
            Outcome::Rejected(_)
        ));
        assert!(matches!(
            Outcome::of(&rejection("btcstaking", 1110)),
            Outcome::Rejected(_)
        ));
    }

    #[test]
    fn a_refused_transaction_says_nothing_about_the_delegation() {
        const INSUFFICIENT_FEE: u32 = 13;
        const MEMPOOL_IS_FULL: u32 = 20;
        for code in [INSUFFICIENT_FEE, MEMPOOL_IS_FULL] {
            let outcome = Outcome::of(&rejection("sdk", code));
            assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        }
    }

    #[test]
    fn a_node_that_is_away_says_nothing_about_the_delegation() {
        let answer = Err(ChainError::Unreachable {
            endpoint: "node".into(),
            reason: "refused".into(),
        });
        assert!(matches!(Outcome::of(&answer), Outcome::Failed(_)));
    }
}
