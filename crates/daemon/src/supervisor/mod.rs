//! Running the parts of a service: each is started again after a failure or ends the service, and all stop together.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::output::{CommandError, Exit, with_causes};
use crate::readiness::{Dependency, Readiness};
use crate::retry::Backoff;

/// How long a task runs after a failure until that failure counts as healed.
const STEADY: Duration = Duration::from_secs(30);

/// What a task fails with. Where it is a [`CommandError`] that stops the service, its exit code is the process's.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// The tasks of one service. Clones supervise the same tasks.
#[derive(Debug, Clone)]
pub struct Supervisor {
    stop: CancellationToken,
    readiness: Readiness,
    tracker: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<String>,
    fatal: Option<CommandError>,
}

impl Supervisor {
    /// Creates a supervisor whose tasks stop when `stop` is cancelled.
    pub fn new(stop: CancellationToken, readiness: Readiness) -> Self {
        Self {
            stop,
            readiness,
            tracker: TaskTracker::new(),
            state: Arc::default(),
        }
    }

    /// Starts a task that is started again after every failure, after a pause; meanwhile the service is not ready.
    ///
    /// `start` makes the task's future, and makes it anew for each restart; the future ends soon after the token that
    /// it is given is cancelled. A panic is a failure like any other. A task that ends without an error is done.
    /// `name` is shown in logs and at `/ready`, so it comes from a fixed set.
    pub fn spawn_restarting<S, F, E>(&self, name: impl Into<String>, backoff: Backoff, start: S)
    where
        S: FnMut(CancellationToken) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let name = name.into();
        let health = self.readiness.dependency(name.as_str());
        let supervisor = self.clone();
        self.track(name.clone(), async move {
            supervisor.restart(&name, &health, backoff, start).await;
        });
    }

    /// Starts a task without which the service cannot go on: its failure stops the service and is the result of
    /// [`Self::finish`]. Otherwise as [`Self::spawn_restarting`].
    pub fn spawn_essential<S, F, E>(&self, name: impl Into<String>, start: S)
    where
        S: FnOnce(CancellationToken) -> F,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let name = name.into();
        let task = tokio::spawn(start(self.stop.clone()));
        let supervisor = self.clone();
        self.track(name.clone(), async move {
            if let Err(error) = outcome(AbortOnDropHandle::new(task).await) {
                tracing::error!(
                    task = name,
                    reason = with_causes(error.as_ref()),
                    "failed; the service stops"
                );
                supervisor
                    .lock()
                    .fatal
                    .get_or_insert(stopped_by(&name, error));
                supervisor.stop.cancel();
            }
        });
    }

    /// Waits until the service is to stop, then for its tasks to end, at most for `grace`.
    ///
    /// # Errors
    ///
    /// Returns the failure that stopped the service, or names the tasks that did not end in time; those end with the
    /// process.
    pub async fn finish(self, grace: Duration) -> Result<(), CommandError> {
        self.stop.cancelled().await;
        self.tracker.close();
        let ended = timeout(grace, self.tracker.wait()).await;
        let mut state = self.lock();
        match (state.fatal.take(), ended) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(()),
            (None, Err(_)) => Err(CommandError::new(
                Exit::Failed,
                "not-stopped-in-time",
                format!(
                    "still running after {grace:?}: {}",
                    state.running.join(", ")
                ),
            )),
        }
    }

    fn track(&self, name: String, watch: impl Future<Output = ()> + Send + 'static) {
        self.lock().running.push(name.clone());
        let supervisor = self.clone();
        self.tracker.spawn(async move {
            watch.await;
            let running = &mut supervisor.lock().running;
            if let Some(position) = running.iter().position(|running| *running == name) {
                running.swap_remove(position);
            }
        });
    }

    async fn restart<S, F, E>(
        &self,
        name: &str,
        health: &Dependency,
        backoff: Backoff,
        mut start: S,
    ) where
        S: FnMut(CancellationToken) -> F,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let mut failures = 0_u32;
        health.ok();
        loop {
            let mut task = AbortOnDropHandle::new(tokio::spawn(start(self.stop.clone())));
            let ended = tokio::select! {
                ended = &mut task => ended,
                () = sleep(STEADY) => {
                    failures = 0;
                    health.ok();
                    task.await
                }
            };
            let Err(error) = outcome(ended) else {
                tracing::debug!(task = name, "ended");
                return;
            };
            let reason = with_causes(error.as_ref());
            if self.stop.is_cancelled() {
                tracing::warn!(task = name, reason, "failed while stopping");
                return;
            }
            failures = failures.saturating_add(1);
            let pause = backoff.pause(failures, rand::random());
            tracing::error!(
                task = name,
                reason,
                failures,
                ?pause,
                "failed; it is started again"
            );
            health.degraded(reason);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one push, one removal or one assignment: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a task of its own ended, with a panic as an error.
fn outcome<E: Into<TaskError>>(ended: Result<Result<(), E>, JoinError>) -> Result<(), TaskError> {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(result) => result.map_err(Into::into),
        Err(Ok(panic)) => {
            Err(format!("internal error: {}", crate::panic::message(panic.as_ref())).into())
        }
        Err(Err(aborted)) => Err(aborted.into()),
    }
}

fn stopped_by(name: &str, error: TaskError) -> CommandError {
    match error.downcast::<CommandError>() {
        Ok(error) => CommandError {
            message: format!("{name}: {}", error.message),
            ..*error
        },
        Err(error) => CommandError::new(
            Exit::Failed,
            "task-failed",
            format!("{name}: {}", with_causes(error.as_ref())),
        ),
    }
}

#[cfg(test)]
mod tests;
