use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use super::*;
use crate::readiness::Condition;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(8),
};
const GRACE: Duration = Duration::from_secs(5);

fn supervisor() -> (Supervisor, CancellationToken, Readiness) {
    let (stop, readiness) = (CancellationToken::new(), Readiness::default());
    (
        Supervisor::new(stop.clone(), readiness.clone()),
        stop,
        readiness,
    )
}

fn condition(readiness: &Readiness) -> Condition {
    readiness.report().dependencies["poll"].condition
}

/// A task that fails `failures` times and then runs until it is stopped.
fn healing(failures: u32) -> impl FnMut(CancellationToken) -> TaskFuture + Send + 'static {
    let starts = AtomicU32::new(0);
    move |stop| {
        let start = starts.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            assert_ne!(start, 0, "the first failure is a panic");
            if start < failures {
                return Err("no answer".into());
            }
            stop.cancelled().await;
            Ok(())
        })
    }
}

type TaskFuture = std::pin::Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_or_panics_is_started_again_until_it_is_steady() {
    let (supervisor, stop, readiness) = supervisor();
    supervisor.spawn_restarting("poll", BACKOFF, healing(3));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(condition(&readiness), Condition::Degraded);
    let report = readiness.report();
    let failure = report.dependencies["poll"].last_error.as_ref().unwrap();
    assert!(
        failure.message.contains("internal error"),
        "{}",
        failure.message
    );
    // Pauses of at most 1, 2 and 4 s, then 30 s without a failure.
    sleep(Duration::from_secs(8)).await;
    assert_eq!(condition(&readiness), Condition::Degraded);
    sleep(STEADY).await;
    assert_eq!(condition(&readiness), Condition::Ok);
    stop.cancel();
    assert_eq!(supervisor.finish(GRACE).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_stops_everybody_and_is_the_result() {
    let (supervisor, _, _) = supervisor();
    supervisor.spawn_restarting("poll", BACKOFF, |stop| async move {
        stop.cancelled().await;
        Ok::<_, TaskError>(())
    });
    supervisor.spawn_essential("sign", |_| async {
        Err(CommandError::new(
            Exit::Refused,
            "signed-already",
            "height 7 is signed",
        ))
    });
    let error = supervisor.finish(GRACE).await.unwrap_err();
    assert_eq!((error.exit, error.code), (Exit::Refused, "signed-already"));
    assert_eq!(error.message, "sign: height 7 is signed");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_stop_is_named_after_the_grace() {
    let (supervisor, stop, _) = supervisor();
    supervisor.spawn_essential("stubborn", |_| {
        std::future::pending::<Result<(), TaskError>>()
    });
    supervisor.spawn_essential("done", |_| async { Ok::<_, TaskError>(()) });
    stop.cancel();
    let began = Instant::now();
    let error = supervisor.finish(GRACE).await.unwrap_err();
    assert_eq!(began.elapsed(), GRACE);
    assert_eq!(error.message, "still running after 5s: stubborn");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_its_restart_stops_at_once() {
    let (supervisor, stop, _) = supervisor();
    let slow = Backoff {
        first: Duration::from_hours(1),
        longest: Duration::from_hours(1),
    };
    supervisor.spawn_restarting("poll", slow, |_| async { Err::<(), _>("no answer") });
    sleep(Duration::from_millis(10)).await;
    stop.cancel();
    assert_eq!(supervisor.finish(GRACE).await, Ok(()));
}
