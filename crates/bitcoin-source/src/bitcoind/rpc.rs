//! A blocking JSON-RPC client that survives restarts of bitcoind.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bitcoincore_rpc::jsonrpc;
use bitcoincore_rpc::jsonrpc::minreq_http::{Builder, Error as HttpError};
use bitcoincore_rpc::{Client, Error as RpcError, RpcApi};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::credentials::Credentials;
use crate::config::{Config, ConfigError, CredentialSource};

/// A blocking client of bitcoind's JSON-RPC server, for code that wants a [`RpcApi`] such as bdk's block emitter.
///
/// Each request is its own connection, so a restarted bitcoind needs no reconnecting; when it answers "unauthorized" the
/// credentials are read again, because it has made a new cookie. Call it where blocking is allowed.
pub struct RpcClient {
    endpoint: String,
    timeout: Duration,
    credentials: CredentialSource,
    /// `None` until the first request, and where the credentials could not be read.
    client: RwLock<Option<Arc<Client>>>,
}

impl RpcClient {
    /// Prepares a client; asks nothing yet.
    ///
    /// # Errors
    ///
    /// Refuses a configuration that [`Config::validate`] refuses.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            endpoint: config.rpc_url.clone(),
            timeout: config.request_timeout(),
            credentials: config.credential_source()?,
            client: RwLock::new(None),
        })
    }

    /// The address that is asked.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks the same question about several things in one request; answers come in the order of `arguments`.
    ///
    /// # Errors
    ///
    /// The outer error is the request's, an inner one that of one item.
    pub fn batch<T: DeserializeOwned>(
        &self,
        method: &str,
        arguments: &[Vec<Value>],
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        if arguments.is_empty() {
            return Ok(Vec::new());
        }
        let arguments: Vec<Box<RawValue>> = arguments
            .iter()
            .map(to_raw_value)
            .collect::<Result<_, _>>()?;
        let responses = self.authenticated(|client| {
            let client = client.get_jsonrpc_client();
            let requests: Vec<_> = arguments
                .iter()
                .map(|arguments| client.build_request(method, Some(arguments)))
                .collect();
            Ok(client.send_batch(&requests)?)
        })?;
        Ok(responses
            .into_iter()
            .map(|response| Ok(response.ok_or(RpcError::UnexpectedStructure)?.result()?))
            .collect())
    }

    /// Sends a request, and once more with fresh credentials where the first were refused.
    fn authenticated<T>(
        &self,
        send: impl Fn(&Client) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let client = self.client()?;
        match send(&client) {
            Err(error) if http_status(&error) == Some(401) => send(&*self.connect()?),
            answer => answer,
        }
    }

    fn client(&self) -> Result<Arc<Client>, RpcError> {
        let current = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        current.map_or_else(|| self.connect(), Ok)
    }

    fn connect(&self) -> Result<Arc<Client>, RpcError> {
        let credentials = Credentials::read(&self.credentials)?;
        let transport = Builder::new()
            .timeout(self.timeout)
            .url(&self.endpoint)
            .map_err(jsonrpc::Error::from)?
            .cookie_auth(credentials.expose())
            .build();
        let client = Arc::new(Client::from_jsonrpc(jsonrpc::Client::with_transport(
            transport,
        )));
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&client));
        Ok(client)
    }
}

impl RpcApi for RpcClient {
    fn call<T: for<'a> serde::de::Deserialize<'a>>(
        &self,
        method: &str,
        arguments: &[Value],
    ) -> Result<T, RpcError> {
        self.authenticated(|client| client.call(method, arguments))
    }
}

impl fmt::Debug for RpcClient {
    // By hand: the inner client would print the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClient")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Status of an answer that was no JSON-RPC answer, such as 401.
pub(super) fn http_status(error: &RpcError) -> Option<i32> {
    let RpcError::JsonRpc(jsonrpc::Error::Transport(error)) = error else {
        return None;
    };
    match error.downcast_ref()? {
        HttpError::Http(error) => Some(error.status_code),
        _ => None,
    }
}
