//! The configuration file.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bitcoin::Network;
use daemon::config::{BrokenRule, Settings};
use daemon::{http, telemetry};
use keystore::PassphraseSource;
use proto::endpoint::Endpoint;
use serde::Deserialize;

use crate::service::Pace;
use crate::signer::PinnedParams;
use crate::stakers;

/// The program's name, as its files and environment variables use it.
pub const PROGRAM: &str = "covenant";

/// Where monitoring listens unless told otherwise.
pub const DEFAULT_HTTP_PORT: u16 = 9311;

/// What `config init` writes.
pub const TEMPLATE: &str = include_str!("../covenant.toml");

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Bitcoin network of the delegations.
    pub bitcoin_network: Network,
    /// The secured chain whose delegations are signed; a signer of its own may have it.
    pub babylon: Option<chain::babylon::Config>,
    /// The account that pays fees.
    #[serde(default = "AccountConfig::at_home")]
    pub account: AccountConfig,
    /// The covenant key.
    #[serde(default = "SignerConfig::at_home")]
    pub signer: SignerConfig,
    /// How the service works.
    #[serde(default)]
    pub service: ServiceConfig,
    /// Stakers that ask this member directly.
    pub stakers: Option<stakers::Config>,
    /// An own Bitcoin node to check the chain's view of Bitcoin against.
    pub bitcoin: Option<bitcoin_source::Config>,
    /// Metrics, health and status.
    #[serde(default = "default_http")]
    pub http: http::Config,
    /// What is logged.
    #[serde(default)]
    pub log: telemetry::Config,
}

/// `[account]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Its key file, below the home.
    pub key_file: PathBuf,
    /// Where the key file's passphrase comes from.
    #[serde(default)]
    pub passphrase: PassphraseSource,
}

impl AccountConfig {
    fn at_home() -> Self {
        Self {
            key_file: "keys/account.key".into(),
            passphrase: PassphraseSource::default(),
        }
    }
}

/// `[signer]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerConfig {
    /// The covenant key's file, below the home; not used by `start` where there is an endpoint.
    #[serde(default = "default_signer_key")]
    pub key_file: PathBuf,
    /// Where the key file's passphrase comes from.
    #[serde(default)]
    pub passphrase: PassphraseSource,
    /// Where `covenant signer` serves and `covenant start` asks; absent, `start` signs by itself.
    pub endpoint: Option<Endpoint>,
    /// Parameters that the signer works under besides those of `[babylon]` and `[stakers]`.
    #[serde(default)]
    pub trusted_params: Vec<PinnedParams>,
}

impl SignerConfig {
    fn at_home() -> Self {
        Self {
            key_file: default_signer_key(),
            passphrase: PassphraseSource::default(),
            endpoint: None,
            trusted_params: Vec::new(),
        }
    }
}

/// `[service]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceConfig {
    /// Time between two looks at the pending delegations. Milliseconds.
    pub poll_interval_milliseconds: NonZeroU32,
    /// Delegations in one answer of the node.
    pub page_size: NonZeroU32,
    /// Delegations at the signer at once.
    pub signing: NonZeroUsize,
    /// Delegations in one submission.
    pub batch_size: NonZeroUsize,
    /// Submissions that wait for a block at once.
    pub submissions: NonZeroUsize,
}

impl Default for ServiceConfig {
    /// A Babylon block takes about ten seconds, so half of one is lost at most. A page of 200 delegations of a large
    /// committee takes about 2 MiB.
    fn default() -> Self {
        Self {
            poll_interval_milliseconds: const { NonZeroU32::new(5_000).unwrap() },
            page_size: const { NonZeroU32::new(200).unwrap() },
            signing: const { NonZeroUsize::new(8).unwrap() },
            batch_size: const { NonZeroUsize::new(100).unwrap() },
            submissions: const { NonZeroUsize::new(4).unwrap() },
        }
    }
}

impl ServiceConfig {
    /// The pace that these settings make.
    pub fn pace(&self) -> Pace {
        Pace {
            poll_interval: Duration::from_millis(self.poll_interval_milliseconds.get().into()),
            page_size: self.page_size,
            signing: self.signing,
            batch_size: self.batch_size,
            submissions: self.submissions,
        }
    }
}

impl Settings for Config {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = self.http.broken_rules("http");
        if let Some(stakers) = &self.stakers {
            broken.extend(stakers.broken_rules());
        }
        if let Some(bitcoin) = &self.bitcoin {
            if let Err(error) = bitcoin.validate() {
                broken.push(BrokenRule::new("bitcoin", error.to_string()));
            }
            if bitcoin.network != self.bitcoin_network {
                broken.push(BrokenRule::new(
                    "bitcoin.network",
                    format!(
                        "is {}, but bitcoin_network is {}",
                        bitcoin.network, self.bitcoin_network
                    ),
                ));
            }
        }
        broken
    }
}

fn default_signer_key() -> PathBuf {
    "keys/covenant.key".into()
}

fn default_http() -> http::Config {
    http::Config::loopback(DEFAULT_HTTP_PORT)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use daemon::config::{Environment, load};

    use super::*;

    fn loaded(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("covenant.toml");
        fs::write(&path, text).unwrap();
        load(&path, &Environment::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_template_is_valid_and_shows_the_defaults() {
        /// Settings of `[stakers]` that may be left out.
        const WITH_DEFAULT: [&str; 4] = [
            "listen = \"127.0.0.1:9316\"",
            "allow_remote",
            "delegations_per_hour",
            "requests_at_once",
        ];
        let template = loaded(TEMPLATE).unwrap();
        // The same with every commented default in force, except where a default would be a choice.
        let without_comments: String = TEMPLATE
            .lines()
            .filter(|line| !line.starts_with("# endpoint") && !line.starts_with("# trusted_params"))
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.starts_with('[') || setting.contains(" = ") => {
                    format!("{setting}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let spelled_out = loaded(&without_comments).unwrap();
        assert_eq!(
            format!("{:?}", template.babylon),
            format!("{:?}", spelled_out.babylon)
        );
        assert_eq!(
            format!("{:?}", template.service),
            format!("{:?}", spelled_out.service)
        );
        assert_eq!(
            format!("{:?}", template.log),
            format!("{:?}", spelled_out.log)
        );
        assert_eq!(template.http, spelled_out.http);

        // The section for stakers is a choice, so it is compared with itself without what has a default.
        let has_default = |line: &&str| WITH_DEFAULT.iter().any(|name| line.starts_with(name));
        let (before, section) = without_comments.split_once("\n[stakers]\n").unwrap();
        let least: Vec<&str> = section.lines().filter(|line| !has_default(line)).collect();
        let least = format!("{before}\n[stakers]\n{}", least.join("\n"));
        assert!(template.stakers.is_none());
        assert_eq!(
            format!("{:?}", loaded(&least).unwrap().stakers.unwrap()),
            format!("{:?}", spelled_out.stakers.unwrap())
        );
    }

    #[test]
    fn a_signer_needs_no_chain() {
        let config = loaded("bitcoin_network = \"signet\"").unwrap();
        assert!(config.babylon.is_none());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, named) in [
            ("bitcoin_network = \"bitcoln\"", "bitcoin_network"),
            (
                "bitcoin_network = \"regtest\"\n[signer]\nkeyfile = \"x\"",
                "signer.keyfile",
            ),
            (
                "bitcoin_network = \"regtest\"\n[signer]\nendpoint = \"0.0.0.0:1\"",
                "0.0.0.0:1",
            ),
            (
                "bitcoin_network = \"regtest\"\n[signer]\ntrusted_params = [\"0-ab\"]",
                "0-ab",
            ),
            (
                "bitcoin_network = \"regtest\"\n[bitcoin]\nnetwork = \"signet\"\n\
                 rpc_url = \"http://127.0.0.1:1\"\ncookie_file = \"c\"",
                "bitcoin.network",
            ),
            ("bitcoin_network = \"regtest\"\n[stakers]", "stakers.params"),
            (
                "bitcoin_network = \"regtest\"\n[stakers]\nparams = []",
                "nothing could be signed",
            ),
            (
                "bitcoin_network = \"regtest\"\n[stakers]\nlisten = \"0.0.0.0:1\"\nparams = []",
                "stakers.listen",
            ),
        ] {
            let error = loaded(text).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
