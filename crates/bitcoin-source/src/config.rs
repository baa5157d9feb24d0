//! The configuration section that says which node to ask and how.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bitcoin::Network;
use serde::{Deserialize, Serialize};

use crate::fees::FeePolicy;

/// Which Bitcoin node to ask, and how.
///
/// Credentials are never in the section itself: either bitcoind's cookie file or a user with a password file.
///
/// ```toml
/// [bitcoin]
/// network = "regtest"
/// rpc_url = "http://127.0.0.1:18443"
/// cookie_file = "/home/me/.bitcoin/regtest/.cookie"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `mainnet`, `testnet4`, `signet` or `regtest`; a node on another network is refused.
    #[serde(with = "network_name")]
    pub network: Network,
    /// Address of bitcoind's JSON-RPC server, such as `http://127.0.0.1:8332`.
    pub rpc_url: String,
    /// bitcoind's `.cookie`; read again whenever bitcoind has written a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_file: Option<PathBuf>,
    /// RPC user, where there is no cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc_user: Option<String>,
    /// File whose first line is the RPC user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc_password_file: Option<PathBuf>,
    /// How long one request may take. Seconds.
    #[serde(default = "default_request_timeout")]
    pub request_timeout_seconds: NonZeroU64,
    /// How many requests may be under way at once; more than bitcoind's `rpcthreads` only queue there.
    #[serde(default = "default_parallel_requests")]
    pub parallel_requests: NonZeroU32,
    /// How often to look for a new block. Milliseconds; 200 on regtest and 5000 elsewhere where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval_milliseconds: Option<NonZeroU64>,
    /// Bounds of the fee rates we choose.
    #[serde(default)]
    pub fees: FeePolicy,
}

/// Long enough for a full block from a busy disk.
fn default_request_timeout() -> NonZeroU64 {
    const SECONDS: NonZeroU64 = NonZeroU64::MIN.saturating_add(29);
    SECONDS
}

/// What `rpcthreads` was for ten years; newer nodes have 16.
fn default_parallel_requests() -> NonZeroU32 {
    const REQUESTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
    REQUESTS
}

/// Blocks are made on demand there, and people and tests wait for them.
const REGTEST_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Short against the ten minutes of a block, long against the cost of the question.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// A section that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is not plain HTTP.
    #[error(
        "`rpc_url` is `{0}`, it must start with `http://`: bitcoind speaks no TLS, use a tunnel to reach a remote node"
    )]
    NotHttp(String),
    /// The address carries a password.
    #[error("`rpc_url` contains credentials; put them into `rpc_user` and `rpc_password_file`")]
    CredentialsInUrl,
    /// Neither or both ways to authenticate are given, or half of one.
    #[error("give either `cookie_file`, or both `rpc_user` and `rpc_password_file`")]
    Credentials,
    /// A colon would end the user name in HTTP's basic authentication.
    #[error("`rpc_user` contains `:`, which HTTP authentication does not allow")]
    ColonInUser,
}

/// Where credentials come from; exactly one of the two ways the section allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialSource {
    /// A cookie file.
    Cookie(PathBuf),
    /// A user and the file of the password.
    Password { user: String, file: PathBuf },
}

impl Config {
    /// Takes relative paths as below `home`.
    #[must_use]
    pub fn below(mut self, home: &Path) -> Self {
        let files = [&mut self.cookie_file, &mut self.rpc_password_file];
        for file in files.into_iter().flatten() {
            *file = home.join(&file);
        }
        self
    }

    /// A section with defaults for everything but what has none.
    pub fn new(network: Network, rpc_url: impl Into<String>, cookie_file: PathBuf) -> Self {
        Self {
            network,
            rpc_url: rpc_url.into(),
            cookie_file: Some(cookie_file),
            rpc_user: None,
            rpc_password_file: None,
            request_timeout_seconds: default_request_timeout(),
            parallel_requests: default_parallel_requests(),
            poll_interval_milliseconds: None,
            fees: FeePolicy::default(),
        }
    }

    /// Checks the section as far as that is possible without asking the node.
    ///
    /// # Errors
    ///
    /// Names the key and the rule it breaks.
    pub fn validate(&self) -> Result<(), ConfigError> {
        // First, so that no later message repeats a password.
        if self.rpc_url.contains('@') {
            return Err(ConfigError::CredentialsInUrl);
        }
        if !self.rpc_url.starts_with("http://") {
            return Err(ConfigError::NotHttp(self.rpc_url.clone()));
        }
        self.credential_source().map(drop)
    }

    /// How often to look for a new block.
    pub fn poll_interval(&self) -> Duration {
        match self.poll_interval_milliseconds {
            Some(milliseconds) => Duration::from_millis(milliseconds.get()),
            None if self.network == Network::Regtest => REGTEST_POLL_INTERVAL,
            None => POLL_INTERVAL,
        }
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds.get())
    }

    pub(crate) fn credential_source(&self) -> Result<CredentialSource, ConfigError> {
        match (&self.cookie_file, &self.rpc_user, &self.rpc_password_file) {
            (Some(file), None, None) => Ok(CredentialSource::Cookie(file.clone())),
            (None, Some(user), Some(_)) if user.contains(':') => Err(ConfigError::ColonInUser),
            (None, Some(user), Some(file)) => Ok(CredentialSource::Password {
                user: user.clone(),
                file: file.clone(),
            }),
            _ => Err(ConfigError::Credentials),
        }
    }
}

/// Networks by the names of our network profiles; `bitcoin`, as libraries call mainnet, is understood too.
mod network_name {
    use bitcoin::Network;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    const MAINNET: &str = "mainnet";

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for this signature"
    )]
    pub(super) fn serialize<S: Serializer>(
        network: &Network,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match network {
            Network::Bitcoin => serializer.serialize_str(MAINNET),
            other => serializer.collect_str(other),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Network, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == MAINNET {
            return Ok(Network::Bitcoin);
        }
        name.parse().map_err(|_| {
            D::Error::custom(format!(
                "`{name}` is no bitcoin network; known are mainnet, testnet4, signet and regtest"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "network = \"regtest\"\nrpc_url = \"http://127.0.0.1:18443\"\n";

    fn parse(more: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(&format!("{MINIMAL}{more}"))
    }

    #[test]
    fn a_minimal_section_gets_the_defaults() {
        let config = parse("cookie_file = \"/n/.cookie\"").unwrap();
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.request_timeout(), Duration::from_secs(30));
        assert_eq!(config.parallel_requests.get(), 4);
        assert_eq!(config.poll_interval(), Duration::from_millis(200));
        assert_eq!(config.fees, FeePolicy::default());
        let again: Config = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn networks_have_the_names_of_the_profiles() {
        let with = |name: &str| {
            let section = MINIMAL.replace("regtest", name) + "cookie_file = \"c\"";
            toml::from_str::<Config>(&section)
        };
        for (name, network) in [
            ("mainnet", Network::Bitcoin),
            ("bitcoin", Network::Bitcoin),
            ("signet", Network::Signet),
            ("testnet4", Network::Testnet4),
        ] {
            assert_eq!(with(name).unwrap().network, network);
        }
        let written = toml::to_string(&with("bitcoin").unwrap()).unwrap();
        assert!(written.contains("network = \"mainnet\""), "{written}");
        let error = with("main-net").unwrap_err().to_string();
        assert!(
            error.contains("`main-net` is no bitcoin network"),
            "{error}"
        );
    }

    #[test]
    fn a_typo_in_a_key_is_refused_by_name() {
        let error = parse("cooky_file = \"/n/.cookie\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("cooky_file"), "{error}");
    }

    #[test]
    fn exactly_one_complete_way_to_authenticate_is_needed() {
        let cases = [
            ("", Err(ConfigError::Credentials)),
            ("cookie_file = \"c\"", Ok(())),
            ("rpc_user = \"u\"", Err(ConfigError::Credentials)),
            ("rpc_user = \"u\"\nrpc_password_file = \"p\"", Ok(())),
            (
                "rpc_user = \"u:\"\nrpc_password_file = \"p\"",
                Err(ConfigError::ColonInUser),
            ),
            (
                "cookie_file = \"c\"\nrpc_user = \"u\"\nrpc_password_file = \"p\"",
                Err(ConfigError::Credentials),
            ),
        ];
        for (keys, expected) in cases {
            assert_eq!(parse(keys).unwrap().validate(), expected, "{keys}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_refused_without_repeating_it() {
        let mut config = parse("cookie_file = \"c\"").unwrap();
        config.rpc_url = "https://alice:hunter2@host:8332".to_owned();
        let error = config.validate().unwrap_err();
        assert_eq!(error, ConfigError::CredentialsInUrl);
        assert!(!error.to_string().contains("hunter2"));
        config.rpc_url = "https://host:8332".to_owned();
        assert!(matches!(config.validate(), Err(ConfigError::NotHttp(_))));
    }
}
