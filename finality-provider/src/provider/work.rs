//! A worker: what one task of a provider does again and again, whatever happens to the others.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use daemon::supervisor::Supervisor;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

/// Pauses after failed rounds; short, because a vote is in time for a few blocks only.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(10),
};

/// What follows a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another one after the usual pause.
    Round,
    /// Another one after the usual pause, though nothing can be done until somebody does what this text says.
    Waiting(String),
    /// Nothing: the work is done, or has become impossible for the reason given.
    End(Option<String>),
}

/// Something that works in rounds.
pub trait Worker: Send + 'static {
    /// Why a round fails.
    type Error: std::fmt::Display + Send;

    /// Pause between two rounds.
    fn interval(&self) -> Duration;

    /// Does what is due. May be cancelled at any await: whatever must not be done twice is durable before it is done.
    fn round(&mut self) -> impl Future<Output = Result<Next, Self::Error>> + Send;

    /// Hears how a round ended: with the reason why it achieved nothing, if so.
    fn ended(&mut self, _problem: Option<String>) {}
}

/// Runs `worker` as the task `name` until it ends or the service stops; what it logs is in `span`.
pub fn spawn<W: Worker>(
    supervisor: &Supervisor,
    span: Span,
    name: String,
    health: Dependency,
    worker: W,
) {
    let worker = Arc::new(Mutex::new(worker));
    supervisor.spawn_restarting(name, BACKOFF, move |stop| {
        let (worker, health) = (Arc::clone(&worker), health.clone());
        let working = async move {
            repeat(&mut *worker.lock().await, &health, &stop).await;
            Ok::<_, Infallible>(())
        };
        working.instrument(span.clone())
    });
}

/// Runs rounds until the worker ends or `stop` is cancelled.
pub async fn repeat<W: Worker>(worker: &mut W, health: &Dependency, stop: &CancellationToken) {
    let mut failures = 0_u32;
    while let Some(outcome) = stop.run_until_cancelled(worker.round()).await {
        let outcome = outcome.map_err(|error| error.to_string());
        let problem = match &outcome {
            Ok(Next::Round | Next::End(None)) => None,
            Ok(Next::Waiting(reason) | Next::End(Some(reason))) | Err(reason) => Some(reason),
        };
        match problem {
            None => health.ok(),
            Some(reason) => health.degraded(reason.as_str()),
        }
        worker.ended(problem.cloned());
        let pause = match outcome {
            Ok(Next::End(_)) => return,
            Ok(Next::Round | Next::Waiting(_)) => {
                failures = 0;
                worker.interval()
            }
            Err(_) => {
                failures = failures.saturating_add(1);
                BACKOFF.pause(failures, rand::random())
            }
        };
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}
