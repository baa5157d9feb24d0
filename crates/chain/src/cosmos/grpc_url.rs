//! Where a node is asked.

use std::fmt;

use proto::tonic::transport::Uri;
use serde::{Deserialize, Serialize};

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
    /// The address.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether the connection is encrypted.
    pub fn uses_tls(&self) -> bool {
        self.uri.scheme_str() == Some("https")
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
