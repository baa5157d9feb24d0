//! The monitoring endpoint of a service: four pages, on loopback unless told otherwise.
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | all metrics in Prometheus' text form |
//! | `/health` | 200 while the process runs: restart it where this fails |
//! | `/ready` | 200 where everything it depends on works, 503 otherwise, with the state of each |
//! | `/status` | what the service says of itself, as its `status` command shows it |
//!
//! It has no authentication and no TLS, and it shows nothing secret; put a proxy in front to let others in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::BrokenRule;
use crate::metrics::{Build, Metrics};
use crate::output::{CommandError, Exit, with_causes};
use crate::readiness::Readiness;
use crate::status::StatusPage;

/// How long answers under way may take when the service stops. A reader that never finishes its question gets none.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The form of text that Prometheus reads.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4";

/// The `[http]` section of a service's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port; port 0 takes a free one, which the log names.
    pub listen: SocketAddr,
    /// Whether `listen` may be an address that other machines can reach.
    #[serde(default)]
    pub allow_remote: bool,
}

impl Config {
    /// Loopback on `port`: what a program takes where its configuration has no such section.
    pub fn loopback(port: u16) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            allow_remote: false,
        }
    }

    /// The broken rules of a section that is called `section`.
    pub fn broken_rules(&self, section: &str) -> Vec<BrokenRule> {
        if self.allow_remote || self.listen.ip().to_canonical().is_loopback() {
            return Vec::new();
        }
        let rule = BrokenRule::new(
            format!("{section}.listen"),
            format!(
                "{} can be reached from other machines, and nothing protects it",
                self.listen
            ),
        );
        vec![rule.with_hint(format!(
            "listen on 127.0.0.1, or set `{section}.allow_remote = true` behind a firewall or proxy"
        ))]
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl From<ListenError> for CommandError {
    fn from(error: ListenError) -> Self {
        let listening = Self::new(Exit::Failed, "cannot-listen", with_causes(&error));
        match error.source.kind() {
            io::ErrorKind::AddrInUse => listening
                .with_hint("another program has this port: set `listen` in [http] to another"),
            _ => listening,
        }
    }
}

/// What the pages show.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Which program this is.
    pub build: Build,
    /// Its metrics.
    pub metrics: Metrics,
    /// What it depends on.
    pub readiness: Readiness,
    /// What it says of itself.
    pub status: StatusPage,
}

/// An endpoint that has its address and does not answer yet.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// Fails where the address is in use or not this machine's.
    pub async fn bind(config: &Config) -> Result<Self, ListenError> {
        let failed = |source| ListenError {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::info!(%address, "metrics, health and readiness over HTTP");
        Ok(Self { listener, address })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// Fails where the system takes the listener away.
    pub async fn serve(self, pages: Pages, stop: CancellationToken) -> io::Result<()> {
        let server = axum::serve(self.listener, router(pages))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let overdue = async {
            stop.cancelled().await;
            sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            ended = server.into_future() => ended,
            () = overdue => Ok(()),
        }
    }
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route(crate::status::PATH, get(status))
        .with_state(pages)
}

async fn metrics(State(pages): State<Pages>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, PROMETHEUS_TEXT)],
        pages.metrics.render(),
    )
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    program: &'static str,
    version: &'static str,
}

async fn health(State(pages): State<Pages>) -> impl IntoResponse {
    let Build {
        program, version, ..
    } = pages.build;
    Json(Health {
        status: "ok",
        program,
        version,
    })
}

async fn ready(State(pages): State<Pages>) -> impl IntoResponse {
    let report = pages.readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}

async fn status(State(pages): State<Pages>) -> impl IntoResponse {
    Json(pages.status.read())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening_on(listen: &str, allow_remote: bool) -> Config {
        Config {
            listen: listen.parse().unwrap(),
            allow_remote,
        }
    }

    #[test]
    fn an_address_that_others_reach_must_be_asked_for() {
        for listen in [
            "0.0.0.0:0",
            "[::]:9000",
            "10.0.0.1:9000",
            "[::ffff:10.0.0.1]:9000",
        ] {
            let broken = listening_on(listen, false).broken_rules("http");
            assert_eq!(broken[0].key, "http.listen", "{listen}");
            assert!(
                broken[0]
                    .hint
                    .as_deref()
                    .unwrap()
                    .contains("http.allow_remote")
            );
            assert_eq!(listening_on(listen, true).broken_rules("http"), []);
        }
        for listen in [
            "127.0.0.1:0",
            "127.3.2.1:9000",
            "[::1]:9000",
            "[::ffff:127.0.0.1]:9000",
        ] {
            assert_eq!(
                listening_on(listen, false).broken_rules("http"),
                [],
                "{listen}"
            );
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_what_to_do() {
        let taken = Endpoint::bind(&Config::loopback(0)).await.unwrap();
        let config = Config::loopback(taken.address().port());
        let error = CommandError::from(Endpoint::bind(&config).await.unwrap_err());
        assert!(
            error.message.contains(&taken.address().to_string()),
            "{error}"
        );
        assert!(error.hint.unwrap().contains("listen"));
    }
}
