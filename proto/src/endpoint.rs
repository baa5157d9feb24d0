//! Where one of our programs offers a service to another on the same machine.
//!
//! A Unix socket (`unix:/run/btc-mesh/signer.sock`), readable by its owner only, or a loopback address
//! (`127.0.0.1:9791`). Anything that other machines could reach is refused: there is no authentication yet.

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
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Router;
use tonic::transport::{Channel, Endpoint as Transport};

/// How long to wait for a connection to a process on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

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

    /// Serves until `shutdown` completes.
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
                let served = services
                    .serve_with_incoming_shutdown(incoming, shutdown)
                    .await;
                // The next start replaces it if this fails.
                let _ = fs::remove_file(path);
                served
            }
            Self::Loopback(address) => {
                let incoming =
                    TcpListenerStream::new(TcpListener::bind(address).await.map_err(listen)?);
                services
                    .serve_with_incoming_shutdown(incoming, shutdown)
                    .await
            }
        };
        served.map_err(|source| ServeError::Serve {
            endpoint: self.clone(),
            source,
        })
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
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
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
}
