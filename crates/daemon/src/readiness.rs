//! What a service depends on and whether it works: reported by its parts, shown at `/ready`.
//!
//! Each part holds a [`Dependency`] and says [`Dependency::ok`] or [`Dependency::degraded`] as often as it likes; only
//! a change is logged, so that a node that is down for an hour is two lines in the log. The service is ready while all
//! its dependencies are ok.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::metrics::{Gauge, Metric};

/// Gauge of every dependency: 1 while it works.
pub(crate) const DEPENDENCY_UP: Metric<Gauge> =
    Metric::gauge("dependency_up", "Whether a dependency works (1) or not (0)")
        .by_configured("dependency");

/// The state of everything a service depends on.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    dependencies: Arc<Mutex<BTreeMap<String, State>>>,
}

/// One dependency, held by the part of the service that sees whether it works.
#[derive(Debug, Clone)]
pub struct Dependency {
    name: String,
    readiness: Readiness,
}

/// How a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Not heard of yet.
    Starting,
    /// It works.
    Ok,
    /// It does not work at the moment; the service goes on trying.
    Degraded,
}

/// What is known of a dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// How it is.
    pub condition: Condition,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// The newest failure, kept after the dependency has recovered.
    pub last_error: Option<Failure>,
}

/// Why and when a dependency failed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What was reported.
    pub message: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// All dependencies at one moment, in the form that `/ready` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether all of them are ok.
    pub ready: bool,
    /// Each by its name.
    pub dependencies: BTreeMap<String, State>,
}

impl Readiness {
    /// Adds a dependency, which is [`Condition::Starting`] until it is reported on.
    ///
    /// Names become label values of `dependency_up`: use a fixed set, such as `bitcoin`, and never data from outside.
    /// A name that is there already gives a second handle to the same dependency.
    pub fn dependency(&self, name: impl Into<String>) -> Dependency {
        let name = name.into();
        self.lock().entry(name.clone()).or_insert_with(|| State {
            condition: Condition::Starting,
            since: now(),
            last_error: None,
        });
        DEPENDENCY_UP.register_for(&name);
        Dependency {
            name,
            readiness: self.clone(),
        }
    }

    /// The state of all dependencies.
    pub fn report(&self) -> Report {
        let dependencies = self.lock().clone();
        let ready = dependencies
            .values()
            .all(|state| state.condition == Condition::Ok);
        Report {
            ready,
            dependencies,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        // A panic elsewhere leaves whole states behind: each is written in one assignment.
        self.dependencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dependency {
    /// Reports that it works.
    pub fn ok(&self) {
        DEPENDENCY_UP.set_for(&self.name, 1.0);
        if self.change(Condition::Ok, None) == Some(Condition::Degraded) {
            tracing::info!(dependency = self.name, "works again");
        }
    }

    /// Reports that it does not work, and why.
    pub fn degraded(&self, reason: impl Into<String>) {
        let reason = reason.into();
        DEPENDENCY_UP.set_for(&self.name, 0.0);
        let failure = Failure {
            message: reason.clone(),
            at: now(),
        };
        if self.change(Condition::Degraded, Some(failure)).is_some() {
            tracing::warn!(dependency = self.name, reason, "does not work");
        }
    }

    /// Sets the condition and returns the former one where it differs.
    fn change(&self, condition: Condition, failure: Option<Failure>) -> Option<Condition> {
        let mut dependencies = self.readiness.lock();
        let state = dependencies.get_mut(&self.name)?;
        if failure.is_some() {
            state.last_error = failure;
        }
        let former = state.condition;
        if former == condition {
            return None;
        }
        state.condition = condition;
        state.since = now();
        Some(former)
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_all_it_needs_works() {
        let readiness = Readiness::default();
        assert!(readiness.report().ready, "nothing is needed");
        let bitcoin = readiness.dependency("bitcoin");
        let chain = readiness.dependency("chain");
        bitcoin.ok();
        assert!(!readiness.report().ready, "the chain is still starting");
        chain.ok();
        assert!(readiness.report().ready);
        chain.degraded("connection refused");
        assert!(!readiness.report().ready);
    }

    #[test]
    fn the_newest_failure_is_kept_after_recovery() {
        let readiness = Readiness::default();
        let chain = readiness.dependency("chain");
        chain.degraded("first");
        chain.degraded("second");
        chain.ok();
        let report = readiness.report();
        let state = &report.dependencies["chain"];
        assert_eq!(state.condition, Condition::Ok);
        assert_eq!(state.last_error.as_ref().unwrap().message, "second");
    }
}
