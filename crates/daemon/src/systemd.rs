//! What a service tells its service manager: ready, stopping, alive. Without one nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Tells the service manager that the service has started.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// Tells the service manager that the service is stopping.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Tells the service manager, if it watches, that this process still runs its tasks; goes on until it is dropped.
pub(crate) async fn keep_alive() {
    let Some(mut ticks) = watchdog() else {
        return std::future::pending().await;
    };
    loop {
        ticks.tick().await;
        tell(NotifyState::Watchdog);
    }
}

/// Ticks twice within the time that the service manager allows.
fn watchdog() -> Option<Interval> {
    let mut allowed = 0;
    let watched = sd_notify::watchdog_enabled(false, &mut allowed);
    let half = Duration::from_micros(allowed / 2);
    if !watched || half.is_zero() {
        return None;
    }
    let mut ticks = interval(half);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
