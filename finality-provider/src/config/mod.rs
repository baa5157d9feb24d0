//! The configuration file of the service, and where its files are.

mod pace;
mod provider;

use std::collections::BTreeSet;
use std::path::Path;

use chain::mesh::broken_settings;
use daemon::config::{BrokenRule, Settings};
use daemon::{http, telemetry};
use keystore::PassphraseSource;
use proto::endpoint::Endpoint;
use serde::Deserialize;
use sign_guard::ChainDomain;

use crate::signer::MOST_COMMITTED;

pub use pace::{RandomnessConfig, ReportingConfig, VotingConfig};
pub use provider::ProviderConfig;

/// The program's name, as its files and environment variables use it.
pub const PROGRAM: &str = "finality-provider";

/// Where monitoring listens unless told otherwise.
pub const DEFAULT_HTTP_PORT: u16 = 9312;

/// What `config init` writes.
pub const TEMPLATE: &str = include_str!("../../finality-provider.toml");

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Babylon, where it is voted on.
    pub babylon: Option<chain::babylon::Config>,
    /// The partner chains that are voted on.
    #[serde(default, rename = "chain")]
    pub chains: Vec<chain::mesh::Config>,
    /// Our own Bitcoin node: what stakes are reported by, and what the tables of partner chains are compared with; needed where
    /// there are any.
    pub bitcoin: Option<bitcoin_source::Config>,
    /// Whether and how often stakes are shown to partner chains.
    #[serde(default)]
    pub reporting: ReportingConfig,
    /// Where EOTS keys are.
    #[serde(default)]
    pub signer: SignerConfig,
    /// How key files are unlocked.
    #[serde(default)]
    pub keys: KeysConfig,
    /// How far ahead public randomness is committed.
    #[serde(default)]
    pub randomness: RandomnessConfig,
    /// How often the chain is looked at.
    #[serde(default)]
    pub voting: VotingConfig,
    /// The providers of this process.
    #[serde(default, rename = "provider")]
    pub providers: Vec<ProviderConfig>,
    /// Metrics, health and status.
    #[serde(default = "default_http")]
    pub http: http::Config,
    /// What is logged.
    #[serde(default)]
    pub log: telemetry::Config,
}

/// `[signer]`: the signer of this process, or another process.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerConfig {
    /// Where `finality-provider signer` listens and `start` asks; absent, `start` holds the keys itself.
    pub endpoint: Option<Endpoint>,
}

/// `[keys]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Where the passphrase of the key files comes from.
    #[serde(default)]
    pub passphrase: PassphraseSource,
}

impl Settings for Config {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = self.http.broken_rules("http");
        if let Some(babylon) = &self.babylon
            && let Err(error) = babylon.chain_id.parse::<ChainDomain>()
        {
            broken.push(BrokenRule::new("babylon.chain_id", error.to_string()));
        }
        broken.extend(self.broken_rules_of_chains());
        broken.extend(self.broken_rule_of_bitcoin());
        if self.randomness.commit_count.get() > MOST_COMMITTED {
            broken.push(BrokenRule::new(
                "randomness.commit_count",
                format!("{} is above {MOST_COMMITTED}", self.randomness.commit_count),
            ));
        }
        let mut taken = BTreeSet::new();
        for (index, provider) in self.providers.iter().enumerate() {
            broken.extend(provider.broken_rules(index, &self.signer, &mut taken));
        }
        broken
    }
}

impl Config {
    /// The Bitcoin node, its files taken as below `home`.
    pub fn bitcoin_below(&self, home: &Path) -> Option<bitcoin_source::Config> {
        self.bitcoin.clone().map(|bitcoin| bitcoin.below(home))
    }

    fn broken_rule_of_bitcoin(&self) -> Option<BrokenRule> {
        let text = match &self.bitcoin {
            Some(bitcoin) => bitcoin.validate().err()?.to_string(),
            None if self.chains.is_empty() => return None,
            None => "is missing: a provider on a [[chain]] compares each table with a Bitcoin node of its own".to_owned(),
        };
        Some(BrokenRule::new("bitcoin", text))
    }

    fn broken_rules_of_chains(&self) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        if self.babylon.is_none() && self.chains.is_empty() {
            let text = "is missing, and there is no [[chain]] either: nothing could be voted on";
            broken.push(BrokenRule::new("babylon", text.to_owned()));
        }
        let babylon = self.babylon.as_ref().map(|it| it.chain_id.as_str());
        let settings = broken_settings(&self.chains, babylon).into_iter();
        broken.extend(settings.map(|(key, text)| BrokenRule::new(key, text)));
        broken
    }
}

fn default_http() -> http::Config {
    http::Config::loopback(DEFAULT_HTTP_PORT)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use daemon::config::{Environment, load};

    use super::*;

    const BABYLON: &str =
        "[babylon]\nchain_id = \"bbn-test-1\"\ngrpc_url = \"http://127.0.0.1:1\"\n";

    const BITCOIN: &str = "[bitcoin]\nnetwork = \"regtest\"\nrpc_url = \"http://127.0.0.1:1\"\ncookie_file = \"cookie\"\n";

    fn loaded(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("finality-provider.toml");
        fs::write(&path, text).unwrap();
        load(&path, &Environment::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_template_is_valid_and_shows_the_defaults() {
        let template = loaded(TEMPLATE).unwrap();
        // The same with every commented default in force, except where there is no default.
        let spelled_out: String = TEMPLATE
            .split("\n\n")
            .filter(|section| !section.contains("[[chain]]") && !section.contains("[bitcoin]\n"))
            .flat_map(str::lines)
            .filter(|line| {
                !["# [signer]", "# endpoint", "# public_key"]
                    .iter()
                    .any(|start| line.starts_with(start))
            })
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.starts_with('[') || setting.contains(" = ") => {
                    format!("{setting}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let mut spelled_out = loaded(&spelled_out).unwrap();
        let home = Path::new("/home");
        for (provider, default) in spelled_out.providers.iter_mut().zip(&template.providers) {
            assert_eq!(provider.key_file(home), default.key_file(home));
            assert_eq!(
                provider.account_key_file(home),
                default.account_key_file(home)
            );
            (provider.key_file, provider.account_key_file) = (None, None);
        }
        assert_eq!(format!("{spelled_out:?}"), format!("{template:?}"));
    }

    #[test]
    fn chains_are_told_apart_by_name_and_domain() {
        let chain = |name: &str, domain: &str| {
            let contract = staking::proof_of_possession::AccountAddress::new("wasm", &[1; 32]);
            format!(
                "[[chain]]\nname = \"{name}\"\ncontract = \"{}\"\ndomain = \"{}\"\n[chain.node]\n\
                 chain_id = \"x-1\"\ngrpc_url = \"http://127.0.0.1:1\"\naccount_prefix = \"wasm\"\n\
                 fee_denomination = \"stake\"\ngas_price = \"0\"\nmax_fee = 1\n",
                contract.unwrap().text(),
                domain.repeat(32),
            )
        };
        let text = |chains: [String; 2]| [BITCOIN, &chains.concat()].concat();
        assert!(loaded(&text([chain("x", "01"), chain("y", "02")])).is_ok());
        for (chains, named) in [
            ([chain("x", "01"), chain("x", "02")], "chain.1.name"),
            ([chain("x", "01"), chain("babylon", "02")], "chain.1.name"),
            ([chain("X", "01"), chain("y", "02")], "chain.0.name"),
            ([chain("x", "01"), chain("y", "01")], "chain.1.domain"),
        ] {
            let error = loaded(&text(chains)).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
        }
        let error = loaded(&chain("x", "01")).unwrap_err();
        assert!(
            error.contains("bitcoin") && error.contains("is missing"),
            "{error}"
        );
        let error = loaded("[[provider]]\nname = \"a\"\n").unwrap_err();
        assert!(error.contains("[[chain]]"), "{error}");
    }

    #[test]
    fn files_of_the_bitcoin_node_are_below_the_home() {
        let config = loaded(&[BITCOIN, BABYLON].concat()).unwrap();
        let bitcoin = config.bitcoin_below(Path::new("/home")).unwrap();
        assert_eq!(bitcoin.cookie_file, Some("/home/cookie".into()));
        assert!(loaded(BABYLON).unwrap().bitcoin.is_none());
    }

    #[test]
    fn what_two_providers_may_not_share_is_named() {
        let two = |first: &str, second: &str| {
            loaded(&format!(
                "{BABYLON}[[provider]]\nname = \"a\"\n{first}\n[[provider]]\n{second}\n"
            ))
        };
        assert!(two("", "name = \"b\"").is_ok());
        let key =
            "public_key = \"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"";
        for (first, second, named) in [
            ("", "name = \"a\"".to_owned(), "provider.1.name"),
            (key, format!("name = \"b\"\n{key}"), "provider.1.public_key"),
            (
                "",
                "name = \"b\"\nkey_file = \"keys/a.key\"".to_owned(),
                "provider.1.key_file",
            ),
            (
                "",
                "name = \"b\"\naccount_key_file = \"keys/a-account.key\"".to_owned(),
                "provider.1.account_key_file",
            ),
        ] {
            let error = two(first, &second).unwrap_err();
            assert!(error.contains(named) && error.contains("twice"), "{error}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, named) in [
            (
                "[voting]\npoll_intervall_milliseconds = 1",
                "voting.poll_intervall_milliseconds",
            ),
            (
                "[voting]\npoll_interval_milliseconds = 0",
                "voting.poll_interval_milliseconds",
            ),
            (
                "[randomness]\ncommit_count = 1000001",
                "randomness.commit_count",
            ),
            ("[[provider]]\nname = \"../x\"", "provider.0.name"),
            ("[signer]\nendpoint = \"0.0.0.0:1\"", "signer.endpoint"),
            (
                "[signer]\nendpoint = \"127.0.0.1:1\"\n[[provider]]\nname = \"a\"",
                "provider.0.public_key",
            ),
            ("[http]\nlisten = \"0.0.0.0:1\"", "http.listen"),
            (
                "[reporting]\ninterval_seconds = 0",
                "reporting.interval_seconds",
            ),
            (
                "[bitcoin]\nnetwork = \"regtest\"\nrpc_url = \"http://127.0.0.1:1\"",
                "cookie_file",
            ),
        ] {
            let error = loaded(&format!("{BABYLON}{text}\n")).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
