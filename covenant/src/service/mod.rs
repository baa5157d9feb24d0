//! The service: polls the chain for pending delegations, has them signed and hands the signatures in.
//!
//! A pass reads all pages of pending delegations. [`decide`] says what to do with each; what is to be signed goes to the
//! signer, several at once, and what was signed goes to the submission queue, which sends it in batches with several
//! transactions in flight. Passes do not wait for any of that: [`Memory`] keeps a delegation from being begun twice, lets
//! what failed pause on its own, and holds what can never be signed.

mod decision;
mod memory;
mod status;
mod submission;
mod unreadable;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chain::{Chain, ChainError, Delegation, DelegationStatus, Message};
use daemon::readiness::Dependency;
use staking::params::{ParamsVersions, StakingParams};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use decision::{Decision, Skip, decide};
pub use memory::Memory;
pub use status::{LastPass, Retrying, Status};
pub use submission::Outcome;

use crate::metrics;
use crate::signer::{CovenantSigner, Identity, SignerError, SigningRequest};

/// How long what is under way may take to finish when the service stops: a block, where the chain makes any.
const FINISH: Duration = Duration::from_secs(12);

/// How the service works; the `[service]` section of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Time between two passes.
    pub poll_interval: Duration,
    /// Delegations in one page of a pass.
    pub page_size: NonZeroU32,
    /// Delegations at the signer at once.
    pub signing: NonZeroUsize,
    /// Most delegations in one submission.
    pub batch_size: NonZeroUsize,
    /// Submissions that wait for a block at once.
    pub submissions: NonZeroUsize,
}

/// Where the service reports what works and what does not.
#[derive(Debug, Clone)]
pub struct Health {
    /// The chain's node.
    pub chain: Dependency,
    /// The signer.
    pub signer: Dependency,
    /// Coins of the account that pays.
    pub account: Dependency,
}

/// Why a pass over the pending delegations did not reach its end.
#[derive(Debug, thiserror::Error)]
enum PassError {
    /// The chain did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The signer did not answer.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The signer is another one than at the start.
    #[error(
        "the signer is now {now:?}, at the start it was {start:?}; restart the service if that is meant"
    )]
    OtherSigner { start: Identity, now: Identity },
    /// The directory of parked delegations cannot be used.
    #[error("the directory of parked delegations: {0}")]
    Parked(#[from] std::io::Error),
}

/// Everything that the tasks of the service share.
pub struct Service {
    chain: Arc<dyn Chain>,
    signer: Arc<dyn CovenantSigner>,
    identity: Identity,
    pace: Pace,
    memory: Mutex<Memory>,
    status: Mutex<Status>,
    health: Health,
}

impl Service {
    /// Puts a service together; `identity` is what the signer said when it was checked.
    pub fn new(
        chain: Arc<dyn Chain>,
        signer: Arc<dyn CovenantSigner>,
        identity: Identity,
        pace: Pace,
        memory: Memory,
        health: Health,
    ) -> Arc<Self> {
        let status = Status::new(identity, chain.chain_id(), chain.account());
        Arc::new(Self {
            chain,
            signer,
            identity,
            pace,
            memory: Mutex::new(memory),
            status: Mutex::new(status),
            health,
        })
    }

    /// Works until `stop` is cancelled, then finishes what is signed or on its way.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (signed, queue) = mpsc::channel(self.pace.batch_size.get());
        let submitting = tokio::spawn(submission::run(Arc::clone(&self), queue));
        let signing = Arc::new(Semaphore::new(self.pace.signing.get()));
        let jobs = TaskTracker::new();
        let mut polls = interval(self.pace.poll_interval);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = polls.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.pass(&signing, &jobs, &signed) => {}
            }
        }
        jobs.close();
        let finished = timeout(FINISH, async {
            jobs.wait().await;
            // The queue ends when the last sender is gone.
            drop(signed);
            submitting.await
        });
        match finished.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the submission queue failed"),
            Err(_) => tracing::warn!(
                delegations = lock(&self.memory).busy(),
                "left unfinished; the next start looks what landed and goes on"
            ),
        }
    }

    /// A picture of the service for `status` and `/status`.
    pub fn status(&self) -> Status {
        let mut status = lock(&self.status).clone();
        status.observe(&lock(&self.memory), Instant::now());
        status
    }

    async fn pass(
        self: &Arc<Self>,
        signing: &Arc<Semaphore>,
        jobs: &TaskTracker,
        signed: &mpsc::Sender<Message>,
    ) {
        let outcome = self.read_all_pages(signing, jobs, signed).await;
        match &outcome {
            Ok(seen) => {
                self.health.chain.ok();
                tracing::debug!(?seen, "looked at all pending delegations");
            }
            Err(PassError::Chain(error)) => self.health.chain.degraded(error.to_string()),
            Err(PassError::Signer(error)) => self.health.signer.degraded(error.to_string()),
            Err(error @ PassError::OtherSigner { .. }) => {
                self.health.signer.degraded(error.to_string());
            }
            Err(error @ PassError::Parked(_)) => {
                tracing::error!(%error, "the pass ended early");
            }
        }
        let picture = {
            let mut status = lock(&self.status);
            if let Ok(seen) = outcome {
                status.last_pass = Some(seen);
            }
            status.observe(&lock(&self.memory), Instant::now());
            status.clone()
        };
        metrics::show(&picture);
    }

    async fn read_all_pages(
        self: &Arc<Self>,
        signing: &Arc<Semaphore>,
        jobs: &TaskTracker,
        signed: &mpsc::Sender<Message>,
    ) -> Result<LastPass, PassError> {
        let now = self.signer.identity().await?;
        if now != self.identity {
            return Err(PassError::OtherSigner {
                start: self.identity,
                now,
            });
        }
        self.health.signer.ok();
        self.look_at_the_account().await?;
        let params = self.chain.staking_params().await?;
        lock(&self.memory).begin_pass()?;
        let mut seen = LastPass::at(SystemTime::now());
        let mut after = None;
        loop {
            let page = self
                .chain
                .delegations(Some(DelegationStatus::Pending), after, self.pace.page_size)
                .await?;
            for invalid in page.invalid {
                seen.unreadable += 1;
                self.park_unreadable(&invalid)?;
            }
            for delegation in page.delegations {
                seen.pending += 1;
                let Some(params) = self.judge(&delegation, &params, &mut seen)? else {
                    continue;
                };
                let Some(request) = SigningRequest::of_chain(delegation, params) else {
                    continue;
                };
                // Waits for a free place, so that memory holds one page and what is at the signer.
                let Ok(place) = Arc::clone(signing).acquire_owned().await else {
                    continue;
                };
                let (service, signed) = (Arc::clone(self), signed.clone());
                jobs.spawn(async move {
                    service.sign(request, &signed).await;
                    drop(place);
                });
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        lock(&self.memory).end_pass()?;
        Ok(seen)
    }

    async fn look_at_the_account(&self) -> Result<(), ChainError> {
        let balance = self.chain.balance().await?;
        lock(&self.status).balance = Some(balance.to_string());
        metrics::show_balance(balance);
        if balance == 0 {
            let account = self.chain.account();
            self.health
                .account
                .degraded(format!("account {account} has no coins for fees"));
        } else {
            self.health.account.ok();
        }
        Ok(())
    }

    /// Decides about one delegation and notes the decision; returns the parameters where it is to be signed.
    fn judge(
        &self,
        delegation: &Delegation,
        params: &ParamsVersions,
        seen: &mut LastPass,
    ) -> std::io::Result<Option<StakingParams>> {
        let txid = delegation.staking_txid();
        let mut memory = lock(&self.memory);
        if memory.see(&txid.to_string()) {
            return Ok(None);
        }
        match decide(delegation, params, self.identity.key) {
            Decision::Skip(reason) => {
                seen.signed += u64::from(reason == Skip::AlreadySigned);
                memory.needs_nothing(&txid);
                Ok(None)
            }
            Decision::Park(refusal) => {
                metrics::REJECTED.increment_for(&refusal.rule);
                tracing::warn!(%txid, %refusal, "parked a delegation");
                memory.refused(&txid.to_string(), refusal)?;
                Ok(None)
            }
            Decision::Sign => {
                let now = Instant::now();
                memory.wait_for_us(txid, now);
                if !memory.is_free(&txid, now) {
                    return Ok(None);
                }
                memory.begin(txid);
                Ok(params.version(delegation.params_version).cloned())
            }
        }
    }

    fn park_unreadable(&self, invalid: &chain::InvalidDelegation) -> std::io::Result<()> {
        let id = unreadable::id(invalid);
        let mut memory = lock(&self.memory);
        if memory.see(&id) {
            return Ok(());
        }
        let refusal = crate::signer::Refusal::new("unreadable", &invalid.reason);
        metrics::REJECTED.increment_for(&refusal.rule);
        tracing::warn!(id, %refusal, "parked a delegation");
        memory.refused(&id, refusal)
    }

    /// Has one delegation signed and passes the signatures on.
    async fn sign(&self, request: SigningRequest, signed: &mpsc::Sender<Message>) {
        let txid = request.delegation.staking_tx.compute_txid();
        let began = Instant::now();
        let outcome = self.signer.sign(request).await;
        metrics::SIGN_SECONDS.record(began.elapsed().as_secs_f64());
        match outcome {
            Ok(signatures) => {
                // The queue outlives all jobs; it is only closed when the process is going down anyway.
                let _ = signed.send(submission::message(txid, signatures)).await;
            }
            Err(SignerError::Refused(refusal)) => {
                metrics::REJECTED.increment_for(&refusal.rule);
                tracing::warn!(%txid, %refusal, "the signer refused a delegation; it is parked");
                if let Err(error) = lock(&self.memory).refused(&txid.to_string(), refusal) {
                    tracing::error!(%txid, %error, "a delegation cannot be parked");
                }
            }
            Err(SignerError::Unavailable(reason)) => {
                self.health.signer.degraded(reason.as_str());
                lock(&self.memory).failed(txid, Instant::now(), rand::random(), &reason);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is consistent after each statement, so a panic elsewhere leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
