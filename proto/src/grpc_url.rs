//! Where somebody is asked who is not on this machine.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tonic::transport::{ClientTlsConfig, Endpoint, Error, Uri};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence within a request after which the connection is tested, and how long the test may take. A connection that
/// turned dead unnoticed is given up within the first request that it swallows. Never while idle: gRPC servers hang up on
/// clients that do that.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// An `http` or `https` address with a host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrpcUrl {
    text: String,
    uri: Uri,
}

/// A text that is no [`GrpcUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the address of a gRPC endpoint; write it as http://host:port or https://host:port"
)]
pub struct GrpcUrlError(String);

impl GrpcUrl {
    /// How to connect to it: encrypted where the address says https, with a certificate that this system trusts.
    pub fn transport(&self) -> Result<Endpoint, Error> {
        let endpoint = Endpoint::from(self.uri.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(false)
            .tcp_nodelay(true);
        if self.uri.scheme_str() == Some("https") {
            endpoint.tls_config(ClientTlsConfig::new().with_native_roots())
        } else {
            Ok(endpoint)
        }
    }
}

impl TryFrom<String> for GrpcUrl {
    type Error = GrpcUrlError;

    fn try_from(text: String) -> Result<Self, GrpcUrlError> {
        match text.parse::<Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) => Ok(Self { text, uri }),
            _ => Err(GrpcUrlError(text)),
        }
    }
}

impl From<GrpcUrl> for String {
    fn from(url: GrpcUrl) -> String {
        url.text
    }
}

impl fmt::Display for GrpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for GrpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrpcUrl({})", self.text)
    }
}
