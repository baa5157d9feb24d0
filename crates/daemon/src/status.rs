//! The status of a running service: what it publishes on `/status`, and how a command asks for it.
//!
//! A `status` command reads the service's address from the configuration and asks. A service that does not run is an
//! answer too ([`ask`] gives `None`), because then files and chain can still tell something.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::output::{CommandError, Exit};

/// Path of the page.
pub(crate) const PATH: &str = "/status";

/// A service on this machine answers at once or is stuck.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Far above any status.
const MOST_BYTES: usize = 16 << 20;

type Show = Box<dyn Fn() -> serde_json::Result<Value> + Send + Sync>;

/// What a service shows of itself; empty until the service has something to show.
#[derive(Clone, Default)]
pub struct StatusPage(Arc<OnceLock<Show>>);

impl StatusPage {
    /// Shows what `status` returns, asked anew for each reader. A second call changes nothing.
    pub(crate) fn show<T: Serialize>(&self, status: impl Fn() -> T + Send + Sync + 'static) {
        // The error is the second call's closure.
        let _ = self.0.set(Box::new(move || serde_json::to_value(status())));
    }

    pub(crate) fn read(&self) -> Value {
        self.0
            .get()
            .and_then(|show| show().ok())
            .unwrap_or(Value::Null)
    }
}

impl fmt::Debug for StatusPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusPage").finish_non_exhaustive()
    }
}

/// Asks the service at `address` for its status; `None` where nothing listens there.
///
/// # Errors
///
/// Fails where something listens that does not answer like one of our services.
pub async fn ask(address: SocketAddr) -> Result<Option<Value>, CommandError> {
    let failed = |reason: String| {
        CommandError::new(
            Exit::Unreachable,
            "service-unreachable",
            format!("the service at {address} gives no status: {reason}"),
        )
        .with_hint("does `listen` in [http] belong to another program?")
    };
    let asked = async {
        match TcpStream::connect(address).await {
            Ok(stream) => get(stream, address).await.map(Some),
            Err(_) => Ok(None),
        }
    };
    match timeout(TIMEOUT, asked).await {
        Ok(Ok(None)) => Ok(None),
        Ok(Ok(Some(body))) => serde_json::from_slice(&body)
            .map(Some)
            .map_err(|error| failed(error.to_string())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer in {} s", TIMEOUT.as_secs()))),
    }
}

async fn get(
    stream: TcpStream,
    address: SocketAddr,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the connection; what goes wrong there shows in the answer.
    tokio::spawn(connection);
    let request = Request::get(PATH)
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    if !answer.status().is_success() {
        return Err(answer.status().to_string().into());
    }
    Ok(Limited::new(answer.into_body(), MOST_BYTES)
        .collect()
        .await?
        .to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_that_does_not_run_is_an_answer() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        assert_eq!(ask(address).await, Ok(None));
    }
}
