//! Where one of our programs offers a service to another on the same machine.
//!
//! A Unix socket (`unix:/run/btc-mesh/signer.sock`), readable by its owner only, or a loopback address
//! (`127.0.0.1:9791`). Anything that other machines could reach is refused: there is no authentication yet. A service
//! that is meant for strangers takes its address elsewhere and is served by [`serve_listener`].

use std::fmt;
use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::Builder;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Router;
use tonic::transport::{Channel, Endpoint as Transport};

/// How long to wait for a connection to a process on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long answers under way may take when a server stops. A client that never finishes its question gets none.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Address of a service on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Endpoint {
    /// A Unix socket at an absolute path.
    Unix(PathBuf),
    /// A loopback address.
    Loopback(SocketAddr),
}

/// Text that is no address of a service on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither `unix:/absolute/path` nor a loopback address such as `127.0.0.1:9791`; \
     other machines cannot be served, there is no authentication yet"
)]
pub struct EndpointError(String);

/// A service that could not be offered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {endpoint}: {source}")]
    Listen {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        source: io::Error,
    },
    /// The server ended.
    #[error("the server on {endpoint} failed: {source}")]
    Serve {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        source: tonic::transport::Error,
    },
}

impl Endpoint {
    /// A channel that connects when it is first used, and again whenever the connection is lost.
    pub fn channel(&self, timeout: Duration) -> Result<Channel, tonic::transport::Error> {
        let uri = match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Loopback(address) => format!("http://{address}"),
        };
        Ok(Transport::from_shared(uri)?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .connect_lazy())
    }

    /// Serves until `shutdown` completes, and at most 5 s longer to finish answers.
    ///
    /// A socket file that a killed process left behind is replaced; one that is being served is not.
    pub async fn serve(
        &self,
        services: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let listen = |source| ServeError::Listen {
            endpoint: self.clone(),
            source,
        };
        let served = match self {
            Self::Unix(path) => {
                let listener = listen_on_socket(path).map_err(listen)?;
                let incoming = UnixListenerStream::new(listener);
                let (stopping, stopped) = oneshot::channel();
                let shutdown = announced(shutdown, stopping);
                let server = services.serve_with_incoming_shutdown(incoming, shutdown);
                let served = no_longer_than_needed(server, stopped).await;
                // The next start replaces it if this fails.
                let _ = fs::remove_file(path);
                served
            }
            Self::Loopback(address) => {
                let listener = TcpListener::bind(address).await.map_err(listen)?;
                serve_listener(listener, services, shutdown).await
            }
        };
        served.map_err(|source| ServeError::Serve {
            endpoint: self.clone(),
            source,
        })
    }
}

/// Serves whoever connects to `listener` until `shutdown` completes, and at most 5 s longer to finish answers.
pub async fn serve_listener(
    listener: TcpListener,
    services: Router,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let incoming = TcpListenerStream::new(listener);
    let (stopping, stopped) = oneshot::channel();
    let shutdown = announced(shutdown, stopping);
    let server = services.serve_with_incoming_shutdown(incoming, shutdown);
    no_longer_than_needed(server, stopped).await
}

async fn announced(shutdown: impl Future<Output = ()>, stopping: oneshot::Sender<()>) {
    shutdown.await;
    // Nobody hears it where the server has failed.
    let _ = stopping.send(());
}

/// Leaves a server behind that waits for its clients after it was told to stop.
async fn no_longer_than_needed<E>(
    server: impl Future<Output = Result<(), E>>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), E> {
    let overdue = async {
        match stopped.await {
            Ok(()) => sleep(LAST_ANSWERS).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = server => served,
        () = overdue => Ok(()),
    }
}

fn listen_on_socket(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the path is no socket",
            ));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process serves it",
            ));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Made where nobody else can enter and moved when it is private: else others could connect in between.
    let entrance = Builder::new()
        .prefix(".")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(path.parent().unwrap_or(path))?;
    let unfinished = entrance.path().join("s");
    let listener = UnixListener::bind(&unfinished)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600))?;
    fs::rename(&unfinished, path)?;
    Ok(listener)
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(refused())
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Loopback(address)),
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Loopback(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_this_machine_are_read_and_written_alike() {
        for text in ["unix:/run/signer.sock", "127.0.0.1:9791", "[::1]:9791"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn addresses_that_other_machines_reach_are_refused_by_name() {
        for text in [
            "0.0.0.0:9791",
            "192.168.0.1:9791",
            "unix:relative.sock",
            "signer",
            "",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "unix:.{0,20}",
            "unix:/.{0,20}",
            (any::<std::net::IpAddr>(), any::<u16>())
                .prop_map(|(ip, port)| SocketAddr::new(ip, port).to_string()),
            "127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}:[0-9]{1,6}",
            any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_of_this_machine_or_refused(text in text()) {
            match text.parse::<Endpoint>() {
                Ok(endpoint) => {
                    let stays_here = match &endpoint {
                        Endpoint::Unix(path) => path.is_absolute(),
                        Endpoint::Loopback(address) => address.ip().is_loopback(),
                    };
                    prop_assert!(stays_here, "{}", endpoint);
                    prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
                }
                Err(error) => {
                    let named = format!("`{text}`");
                    prop_assert!(error.to_string().contains(&named));
                }
            }
        }
    }
}
