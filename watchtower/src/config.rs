//! The configuration file.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::path::Path;
use std::time::Duration;

use bitcoin::Amount;
use chain::mesh::broken_settings;
use daemon::config::{BrokenRule, Settings};
use daemon::{http, telemetry};
use keystore::PassphraseSource;
use serde::Deserialize;
use wallet::FeeLimit;

/// The program's name, as its files and environment variables use it.
pub const PROGRAM: &str = "watchtower";

/// Where monitoring listens unless told otherwise.
pub const DEFAULT_HTTP_PORT: u16 = 9313;

/// What `config init` and `init` write.
pub const TEMPLATE: &str = include_str!("../watchtower.toml");

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Bitcoin node.
    pub bitcoin: bitcoin_source::Config,
    /// Babylon's node, and what transactions there may cost; absent where Babylon is not served.
    pub babylon: Option<chain::babylon::Config>,
    /// The partner chains that are served.
    #[serde(default, rename = "chain")]
    pub chains: Vec<chain::mesh::Config>,
    /// How the seed is unlocked.
    #[serde(default)]
    pub keys: KeysConfig,
    /// What this watchtower does.
    #[serde(default)]
    pub roles: Roles,
    /// The header reporter.
    #[serde(default)]
    pub headers: HeadersConfig,
    /// How stakes are found and watched.
    #[serde(default)]
    pub stakes: StakesConfig,
    /// The checkpoint submitter.
    #[serde(default)]
    pub checkpoints: CheckpointsConfig,
    /// The slasher.
    #[serde(default)]
    pub slashing: SlashingConfig,
    /// The upkeep of partner chains.
    #[serde(default)]
    pub upkeep: UpkeepConfig,
    /// Metrics, health and status.
    #[serde(default = "default_http")]
    pub http: http::Config,
    /// What is logged.
    #[serde(default)]
    pub log: telemetry::Config,
}

fn default_http() -> http::Config {
    http::Config::loopback(DEFAULT_HTTP_PORT)
}

/// `[keys]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// Where the passphrase of the seed comes from.
    pub passphrase: PassphraseSource,
}

/// `[roles]`: which of the roles run; all by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "seven independent switches are what the operator sets"
)]
pub struct Roles {
    /// Report Bitcoin headers to the chain.
    pub headers: bool,
    /// Put the chain's checkpoints on Bitcoin and report them.
    pub checkpoints: bool,
    /// Prove that registered stakes are on Bitcoin.
    pub activation: bool,
    /// Report stakes that were spent.
    pub unbonding: bool,
    /// Slash the stakes of finality providers that equivocated.
    pub slashing: bool,
    /// Show each chain the keys that are out on another.
    pub keys: bool,
    /// Make tables, settle rewards and whatever else partner chains need of anybody.
    pub upkeep: bool,
}

impl Default for Roles {
    fn default() -> Self {
        Self {
            headers: true,
            checkpoints: true,
            activation: true,
            unbonding: true,
            slashing: true,
            keys: true,
            upkeep: true,
        }
    }
}

/// `[headers]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadersConfig {
    /// Most headers in one message of an extension; a reorganisation's branch travels in one message whatever its length.
    pub headers_per_message: NonZeroU16,
    /// Report reorganisations as deep as the confirmation depth, which halts the chain for good (spec 5.3).
    pub allow_halting_reorg: bool,
}

impl Default for HeadersConfig {
    /// 100 headers are what other reporters send at once.
    fn default() -> Self {
        Self {
            headers_per_message: const { NonZeroU16::new(100).unwrap() },
            allow_halting_reorg: false,
        }
    }
}

/// `[stakes]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StakesConfig {
    /// How often to ask the chain for new delegations. Seconds.
    pub discovery_interval_seconds: NonZeroU32,
    /// How often to ask for all active delegations too: those that were neither pending nor verified when we asked, those
    /// that somebody else reported, and those whose share is to grow. Seconds.
    pub full_discovery_interval_seconds: NonZeroU32,
    /// Delegations in one answer of the chain.
    pub page_size: NonZeroU32,
    /// How far below the tip the first start begins to read. Blocks.
    pub first_scan_blocks: u32,
}

impl Default for StakesConfig {
    /// Twenty seconds are short against the quarter of an hour in which an unbonding should be reported, an hour is against
    /// the day that a larger share waits. A day of blocks
    /// finds what was staked and spent while nobody looked; older spends are searched for from where they can have been.
    fn default() -> Self {
        Self {
            discovery_interval_seconds: const { NonZeroU32::new(20).unwrap() },
            full_discovery_interval_seconds: const { NonZeroU32::new(3_600).unwrap() },
            page_size: const { NonZeroU32::new(200).unwrap() },
            first_scan_blocks: 144,
        }
    }
}

impl StakesConfig {
    /// [`Self::discovery_interval_seconds`].
    pub fn discovery_interval(&self) -> Duration {
        Duration::from_secs(self.discovery_interval_seconds.get().into())
    }

    /// [`Self::full_discovery_interval_seconds`].
    pub fn full_discovery_interval(&self) -> Duration {
        Duration::from_secs(self.full_discovery_interval_seconds.get().into())
    }
}

/// `[checkpoints]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointsConfig {
    /// How often to look for sealed epochs and for confirmations. Seconds.
    pub check_interval_seconds: NonZeroU32,
    /// Within how many blocks a transaction should be confirmed; what its fee rate is estimated for.
    pub fee_target_blocks: NonZeroU16,
    /// Most that one Bitcoin transaction pays in total. Satoshi.
    pub max_fee_sat: NonZeroU64,
}

impl Default for CheckpointsConfig {
    /// An epoch takes an hour, so there is time for six blocks. The largest fee is that of a checkpoint transaction
    /// (about 200 vB) at 500 sat/vB, so it only stops mistakes.
    fn default() -> Self {
        Self {
            check_interval_seconds: const { NonZeroU32::new(10).unwrap() },
            fee_target_blocks: const { NonZeroU16::new(6).unwrap() },
            max_fee_sat: const { NonZeroU64::new(100_000).unwrap() },
        }
    }
}

impl CheckpointsConfig {
    /// [`Self::check_interval_seconds`].
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs(self.check_interval_seconds.get().into())
    }
}

/// `[slashing]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlashingConfig {
    /// How often to look for evidence and at slashing transactions under way. Seconds.
    pub check_interval_seconds: NonZeroU32,
    /// Confirmations after which a slashing is looked at no more.
    pub final_confirmations: NonZeroU32,
}

impl Default for SlashingConfig {
    /// Half a minute is short against the days that unbonding takes; six confirmations are Bitcoin's habit.
    fn default() -> Self {
        Self {
            check_interval_seconds: const { NonZeroU32::new(30).unwrap() },
            final_confirmations: const { NonZeroU32::new(6).unwrap() },
        }
    }
}

impl SlashingConfig {
    /// [`Self::check_interval_seconds`].
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs(self.check_interval_seconds.get().into())
    }
}

/// `[upkeep]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpkeepConfig {
    /// How often to look what partner chains need. Seconds.
    pub check_interval_seconds: NonZeroU32,
}

impl Default for UpkeepConfig {
    /// Checkpoints are a minute apart or so, and there are several in which the next table can be made.
    fn default() -> Self {
        Self {
            check_interval_seconds: const { NonZeroU32::new(10).unwrap() },
        }
    }
}

impl UpkeepConfig {
    /// [`Self::check_interval_seconds`].
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs(self.check_interval_seconds.get().into())
    }
}

impl Config {
    /// Takes relative paths as below `home`.
    #[must_use]
    pub fn below(mut self, home: &Path) -> Self {
        self.bitcoin = self.bitcoin.below(home);
        if let PassphraseSource::File(path) = &mut self.keys.passphrase {
            *path = home.join(&path);
        }
        self
    }

    /// The roles that have something to do: where there is but one chain, there is nobody to bring keys from.
    pub fn useful_roles(&self) -> Roles {
        let chains = usize::from(self.babylon.is_some()).saturating_add(self.chains.len());
        Roles {
            keys: self.roles.keys && chains > 1,
            ..self.roles
        }
    }

    /// The most that a checkpoint transaction may pay in fees.
    pub fn fee_limit(&self) -> FeeLimit {
        FeeLimit {
            rate: self.bitcoin.fees.max(),
            total: Amount::from_sat(self.checkpoints.max_fee_sat.get()),
        }
    }
}

impl Settings for Config {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = self.http.broken_rules("http");
        broken.extend(
            self.bitcoin
                .validate()
                .err()
                .map(|error| BrokenRule::new("bitcoin", error.to_string())),
        );
        broken.extend(self.broken_rules_of_chains());
        broken
    }
}

impl Config {
    fn broken_rules_of_chains(&self) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        if self.babylon.is_none() && self.chains.is_empty() {
            let text = "is missing, and there is no [[chain]] either: nothing could be served";
            broken.push(BrokenRule::new("babylon", text.to_owned()));
        }
        let babylon = self.babylon.as_ref().map(|it| it.chain_id.as_str());
        let settings = broken_settings(&self.chains, babylon).into_iter();
        broken.extend(settings.map(|(key, text)| BrokenRule::new(key, text)));
        broken
    }
}

#[cfg(test)]
mod tests {
    use staking::proof_of_possession::AccountAddress;

    use super::*;

    #[test]
    fn the_template_is_valid_and_its_comments_show_the_defaults() {
        let written: Config = toml::from_str(TEMPLATE).unwrap();
        assert!(written.broken_rules().is_empty());
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") || setting.starts_with('[') => setting,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let mut explicit: Config = toml::from_str(&uncommented).unwrap();
        // The one default that depends on the network.
        explicit.bitcoin.poll_interval_milliseconds = None;
        assert_eq!(format!("{explicit:?}"), format!("{written:?}"));
    }

    #[test]
    fn each_chain_has_a_name_and_a_domain_of_its_own_and_one_is_needed() {
        let chain = |name: &str, domain: &str| {
            let contract = AccountAddress::new("wasm", &[1; 32]).unwrap();
            let (contract, domain) = (contract.text(), domain.repeat(32));
            format!(
                "[[chain]]\nname = '{name}'\ncontract = '{contract}'\ndomain = '{domain}'\n\
                 [chain.node]\nchain_id = 'x-1'\ngrpc_url = 'http://127.0.0.1:1'\naccount_prefix = 'wasm'\n\
                 fee_denomination = 'stake'\ngas_price = '0'\nmax_fee = 1\n"
            )
        };
        let broken = |chains: &[String]| {
            let text = format!("{TEMPLATE}{}", chains.concat());
            let mut config: Config = toml::from_str(&text).unwrap();
            config.babylon = None;
            let rules = config.broken_rules().into_iter();
            rules.map(|rule| rule.key).collect::<Vec<_>>()
        };
        assert!(broken(&[chain("x", "01"), chain("y", "02")]).is_empty());
        for (chains, named) in [
            (vec![], "babylon"),
            (vec![chain("x", "01"), chain("x", "02")], "chain.1.name"),
            (vec![chain("x", "01"), chain("y", "01")], "chain.1.domain"),
            (vec![chain("babylon", "01")], "chain.0.name"),
            (vec![chain("X", "01")], "chain.0.name"),
        ] {
            assert_eq!(broken(&chains), [named]);
        }
    }

    #[test]
    fn relative_paths_are_below_the_home() {
        let mut config: Config = toml::from_str(TEMPLATE).unwrap();
        config.bitcoin.cookie_file = Some("node/.cookie".into());
        config.keys.passphrase = PassphraseSource::File("secret".into());
        let config = config.below(Path::new("/home"));
        assert_eq!(
            config.bitcoin.cookie_file,
            Some("/home/node/.cookie".into())
        );
        assert_eq!(
            config.keys.passphrase,
            PassphraseSource::File("/home/secret".into())
        );
    }
}
