//! Waiting for something to become true, with a deadline and a failure text that says what was last
//! seen.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long to rest between two looks: short against a one-second block, long against a local RPC
/// call.
const INTERVAL: Duration = Duration::from_millis(100);

/// Calls `probe` until it returns `Ok`, or until `deadline` has passed.
///
/// The probe's error is its reason for "not yet", which makes `anyhow::ensure!` the natural way to
/// state the condition:
///
/// ```
/// # async fn height() -> anyhow::Result<u64> { Ok(7) }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use std::time::Duration;
///
/// let deadline = Duration::from_secs(5);
/// let reached = testenv::poll_until(deadline, "the chain to reach height 7", || async {
///     let height = height().await?;
///     anyhow::ensure!(height >= 7, "it is at height {height}");
///     anyhow::Ok(height)
/// })
/// .await
/// .unwrap();
/// assert_eq!(reached, 7);
/// # });
/// ```
///
/// # Errors
///
/// When the deadline passes: what was waited for, how long, and the last reason.
pub async fn poll_until<T, E, Probe, Attempt>(
    deadline: Duration,
    what: &str,
    mut probe: Probe,
) -> anyhow::Result<T>
where
    E: Display,
    Probe: FnMut() -> Attempt,
    Attempt: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut last = String::from("the first look did not finish");
    loop {
        let left = deadline.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(reason)) => last = format!("{reason:#}"),
            Err(_) => {}
        }
        if started.elapsed() + INTERVAL >= deadline {
            anyhow::bail!("waited {deadline:?} for {what}; last seen: {last}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
