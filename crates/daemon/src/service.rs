//! A long-running program: everything around its tasks, from the lock on its data to the last word when it stops.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::http::{self, Endpoint, Pages};
use crate::lock::InstanceLock;
use crate::metrics::{Declaration, Metrics};
use crate::output::{Answer, CommandError, Exit};
use crate::program::Context;
use crate::readiness::{Dependency, Readiness};
use crate::retry::Backoff;
use crate::status::StatusPage;
use crate::supervisor::{Supervisor, TaskError};
use crate::{shutdown, systemd, telemetry};

/// How long tasks may take to stop; service managers usually wait longer.
const GRACE: Duration = Duration::from_secs(20);

/// A service that is starting or running.
///
/// ```no_run
/// # use std::time::Duration;
/// # use daemon::output::{Answer, CommandError};
/// # use daemon::program::Context;
/// # use daemon::retry::Backoff;
/// # use daemon::service::Service;
/// # use daemon::{http, telemetry};
/// # async fn poll() -> Result<(), std::io::Error> { Ok(()) }
/// async fn start(context: &Context) -> Result<Answer, CommandError> {
///     let log = telemetry::Config::default();
///     let http = http::Config::loopback(9_100);
///     let service = Service::start(context, &log, &http, &[]).await?;
///     let bitcoin = service.dependency("bitcoin");
///     let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
///     service.spawn_restarting("poll", backoff, move |stop| {
///         let bitcoin = bitcoin.clone();
///         async move {
///             while !stop.is_cancelled() {
///                 match poll().await {
///                     Ok(()) => bitcoin.ok(),
///                     Err(error) => bitcoin.degraded(error.to_string()),
///                 }
///                 tokio::select! {
///                     () = stop.cancelled() => break,
///                     () = tokio::time::sleep(Duration::from_secs(10)) => {}
///                 }
///             }
///             Ok::<_, std::io::Error>(())
///         }
///     });
///     service.run().await
/// }
/// ```
#[derive(Debug)]
pub struct Service {
    supervisor: Supervisor,
    readiness: Readiness,
    stop: CancellationToken,
    address: SocketAddr,
    status: StatusPage,
    /// Keeps `/ready` from saying yes before everything that the service depends on is known.
    startup: Dependency,
    // Given back when the service has stopped.
    _lock: InstanceLock,
}

#[derive(Serialize)]
struct Stopped {
    state: &'static str,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state)
    }
}

impl Service {
    /// Locks the data directory, starts logging as configured, listens for signals, makes all `metrics` present and
    /// opens the monitoring endpoint.
    ///
    /// # Errors
    ///
    /// Refuses where another process uses the data directory, and fails where the endpoint's address cannot be had.
    pub async fn start(
        context: &Context,
        log: &telemetry::Config,
        http: &http::Config,
        metrics: &[&dyn Declaration],
    ) -> Result<Self, CommandError> {
        let lock = InstanceLock::acquire(context.home()?)?;
        context.telemetry().configure(log);
        let stop = shutdown::on_signal()
            .map_err(|error| CommandError::caused_by(Exit::Failed, "no-signals", &error))?;
        let metrics = Metrics::install(context.build(), metrics)
            .map_err(|error| CommandError::caused_by(Exit::Failed, "no-metrics", &error))?;
        let endpoint = Endpoint::bind(http).await?;

        let readiness = Readiness::default();
        let startup = readiness.dependency("startup");
        let supervisor = Supervisor::new(stop.clone(), readiness.clone());
        let address = endpoint.address();
        let status = StatusPage::default();
        let pages = Pages {
            build: context.build(),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            status: status.clone(),
        };
        supervisor.spawn_essential("http", |stop| endpoint.serve(pages, stop));
        tokio::spawn(stop.clone().run_until_cancelled_owned(metrics.keep_up()));
        Ok(Self {
            supervisor,
            readiness,
            stop,
            address,
            status,
            startup,
            _lock: lock,
        })
    }

    /// Adds something that the service depends on; see [`Readiness::dependency`].
    pub fn dependency(&self, name: impl Into<String>) -> Dependency {
        self.readiness.dependency(name)
    }

    /// Publishes the service's status on `/status`; `status` is asked anew for each reader.
    pub fn show_status<T: Serialize>(&self, status: impl Fn() -> T + Send + Sync + 'static) {
        self.status.show(status);
    }

    /// Starts a task that is started again after a failure; see [`Supervisor::spawn_restarting`].
    pub fn spawn_restarting<S, F, E>(&self, name: impl Into<String>, backoff: Backoff, start: S)
    where
        S: FnMut(CancellationToken) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        self.supervisor.spawn_restarting(name, backoff, start);
    }

    /// Starts a task whose failure stops the service; see [`Supervisor::spawn_essential`].
    pub fn spawn_essential<S, F, E>(&self, name: impl Into<String>, start: S)
    where
        S: FnOnce(CancellationToken) -> F,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        self.supervisor.spawn_essential(name, start);
    }

    /// For tasks that start others while the service runs.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// The token that is cancelled when the service is to stop; cancelling it stops the service.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Where the monitoring endpoint listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells the service manager that the service is ready and runs until it is told to stop and all tasks have ended.
    ///
    /// `/ready` says no until then, so add the dependencies before.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::finish`].
    pub async fn run(self) -> Result<Answer, CommandError> {
        tokio::spawn(systemd::keep_alive());
        systemd::ready();
        self.startup.ok();
        tracing::info!("started");
        self.stop.cancelled().await;
        systemd::stopping();
        self.supervisor.finish(GRACE).await?;
        tracing::info!("stopped");
        Ok(Stopped { state: "stopped" }.into())
    }
}
