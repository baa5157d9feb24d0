//! The configuration file.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU64};
use std::path::Path;

use bitcoin::Amount;
use chain::mesh::broken_settings;
use daemon::config::{BrokenRule, Settings};
use keystore::PassphraseSource;
use mesh_core::consent::Target;
use proto::grpc_url::GrpcUrl;
use serde::Deserialize;
use staking::keys::CovenantKey;
use wallet::FeeLimit;

/// What `config init` and `init` write.
pub const TEMPLATE: &str = include_str!("../btc-staker.toml");

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Bitcoin node.
    pub bitcoin: bitcoin_source::Config,
    /// Babylon's node, and what its transactions may cost; absent where all stakes are without a hub.
    pub babylon: Option<chain::babylon::Config>,
    /// The partner chains that stakes can be shown to.
    #[serde(default, rename = "chain")]
    pub chains: Vec<chain::mesh::Config>,
    /// Members of covenant committees who are asked for signatures where no hub collects them.
    #[serde(default, rename = "committee")]
    pub members: Vec<MemberConfig>,
    /// How the seed is unlocked.
    #[serde(default)]
    pub keys: KeysConfig,
    /// How stakes are made and followed.
    #[serde(default)]
    pub staking: StakingConfig,
}

/// `[[committee]]`: a member of a covenant committee.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// The member's key, as partner chains list it.
    pub key: CovenantKey,
    /// Where it serves stakers: gRPC, https for TLS.
    pub grpc_url: GrpcUrl,
}

/// Prefix of account addresses where the configuration has no chain.
const ACCOUNT_PREFIX: &str = "bbn";

/// `[keys]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// Where the passphrase of the seed comes from.
    pub passphrase: PassphraseSource,
}

/// `[staking]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StakingConfig {
    /// Within how many blocks a transaction should be confirmed; what its fee rate is estimated for.
    pub fee_target_blocks: NonZeroU16,
    /// Most that one Bitcoin transaction pays in total. Satoshi.
    pub max_fee_sat: NonZeroU64,
    /// Blocks that watchtowers get to prove a stake's inclusion, or to report its end, before the staker does it.
    pub watchtower_patience_blocks: u16,
    /// How a registration shows that the account's owner has the staker key.
    pub proof_of_possession: ProofKind,
}

/// How the staker key signs the account (spec 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProofKind {
    /// With a plain signature: the shortest.
    #[default]
    Bip340,
    /// As a message of the key's own Taproot address, as wallets do.
    Bip322,
    /// As a "Bitcoin Signed Message", as old wallets do.
    Ecdsa,
}

impl Default for StakingConfig {
    /// An hour is soon enough for a stake of months. The largest fee is that of an ordinary stake (about 200 vB) at
    /// 500 sat/vB, so it only stops mistakes. Three blocks are half an hour without voting power at most.
    fn default() -> Self {
        Self {
            fee_target_blocks: const { NonZeroU16::new(6).unwrap() },
            max_fee_sat: const { NonZeroU64::new(100_000).unwrap() },
            watchtower_patience_blocks: 3,
            proof_of_possession: ProofKind::default(),
        }
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

    /// How the seed's account is spelled: for Babylon, or without it for the first partner chain.
    pub fn account_prefix(&self) -> &str {
        let partner = self.chains.first().map(|chain| &chain.node.account_prefix);
        let babylon = self.babylon.as_ref().map(|babylon| &babylon.account_prefix);
        babylon
            .or(partner)
            .map_or(ACCOUNT_PREFIX, |prefix| prefix.as_str())
    }

    /// Babylon's chain id, where it is configured.
    pub fn babylon_id(&self) -> Option<&str> {
        let babylon = self.babylon.as_ref();
        babylon.map(|babylon| babylon.chain_id.as_str())
    }

    /// What a consent names Babylon by, where it is configured.
    pub fn babylon_target(&self) -> Option<Target> {
        self.babylon_id().map(Target::babylon)
    }

    /// The most that a Bitcoin transaction may pay in fees.
    pub fn fee_limit(&self) -> FeeLimit {
        FeeLimit {
            rate: self.bitcoin.fees.max(),
            total: Amount::from_sat(self.staking.max_fee_sat.get()),
        }
    }
}

impl Settings for Config {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let broken = self.bitcoin.validate().err();
        broken
            .into_iter()
            .map(|error| BrokenRule::new("bitcoin", error.to_string()))
            .chain(self.broken_rules_of_chains())
            .chain(self.broken_rules_of_members())
            .collect()
    }
}

impl Config {
    fn broken_rules_of_chains(&self) -> Vec<BrokenRule> {
        broken_settings(&self.chains, self.babylon_id())
            .into_iter()
            .map(|(key, text)| BrokenRule::new(key, text))
            .collect()
    }

    fn broken_rules_of_members(&self) -> Vec<BrokenRule> {
        let mut keys = BTreeSet::new();
        let named = self.members.iter().enumerate();
        named
            .filter(|(_, member)| !keys.insert(member.key))
            .map(|(index, member)| {
                let text = format!("`{}` is used twice", member.key);
                BrokenRule::new(format!("committee.{index}.key"), text)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid_and_its_comments_show_the_defaults() {
        let written: Config = toml::from_str(TEMPLATE).unwrap();
        assert!(written.broken_rules().is_empty());
        // Of a partner chain and of a committee's member nothing has a default.
        let uncommented: String = TEMPLATE
            .split_inclusive("\n\n")
            .filter(|section| !section.contains("[["))
            .flat_map(str::lines)
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") || setting.starts_with('[') => setting,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let explicit: Config = toml::from_str(&uncommented).unwrap();
        assert_eq!(explicit.babylon, written.babylon);
        assert_eq!(explicit.bitcoin.fees, written.bitcoin.fees);
        assert_eq!(
            explicit.bitcoin.poll_interval(),
            written.bitcoin.poll_interval()
        );
        assert_eq!(explicit.fee_limit(), written.fee_limit());
        assert_eq!(
            format!("{:?}", explicit.staking),
            format!("{:?}", written.staking)
        );
    }

    #[test]
    fn a_partner_chain_has_a_name_and_an_instance_of_its_own() {
        let chain = |name: &str, digit: &str| {
            let contract = chain::mesh::ContractAddress(
                staking::proof_of_possession::AccountAddress::new("wasm", &[1; 32]).unwrap(),
            );
            format!(
                "[[chain]]\nname = '{name}'\ncontract = '{}'\ndomain = '{}'\n[chain.node]\nchain_id = 'x-1'\n\
                 grpc_url = 'http://127.0.0.1:9090'\naccount_prefix = 'wasm'\nfee_denomination = 'stake'\n\
                 gas_price = '0'\nmax_fee = 1\n",
                String::from(contract),
                digit.repeat(64),
            )
        };
        let broken = |chains: [String; 2]| {
            let text = format!("{TEMPLATE}\n{}", chains.concat());
            let config: Config = toml::from_str(&text).unwrap();
            config.broken_rules().len()
        };
        assert_eq!(broken([chain("x", "1"), chain("y", "2")]), 0);
        assert_eq!(broken([chain("x", "1"), chain("x", "2")]), 1);
        assert_eq!(broken([chain("x", "1"), chain("y", "1")]), 1);
        assert_eq!(broken([chain("babylon", "1"), chain("Y", "2")]), 2);
    }

    #[test]
    fn a_home_without_a_hub_spells_its_account_for_the_first_partner_chain() {
        let bitcoin =
            "[bitcoin]\nnetwork = 'regtest'\nrpc_url = 'http://127.0.0.1:1'\ncookie_file = 'c'\n";
        let config: Config = toml::from_str(bitcoin).unwrap();
        assert!(config.broken_rules().is_empty());
        assert_eq!(config.account_prefix(), "bbn");
        let contract = chain::mesh::ContractAddress(
            staking::proof_of_possession::AccountAddress::new("osmo", &[1; 32]).unwrap(),
        );
        let member =
            |key: &str| format!("[[committee]]\nkey = '{key}'\ngrpc_url = 'http://127.0.0.1:2'\n");
        let one = "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115";
        let chain = format!(
            "[[chain]]\nname = 'x'\ncontract = '{}'\ndomain = '{}'\n[chain.node]\nchain_id = 'x-1'\n\
             grpc_url = 'http://127.0.0.1:9090'\naccount_prefix = 'osmo'\nfee_denomination = 'stake'\n\
             gas_price = '0'\nmax_fee = 1\n",
            String::from(contract),
            "1".repeat(64),
        );
        let text = [bitcoin, &chain, &member(one), &member(one)].concat();
        let config: Config = toml::from_str(&text).unwrap();
        assert_eq!(config.account_prefix(), "osmo");
        let broken: Vec<_> = config.broken_rules();
        assert_eq!(broken.len(), 1, "a member's key is used twice");
    }

    #[test]
    fn relative_paths_are_below_the_home_and_absolute_ones_stay() {
        let mut config: Config = toml::from_str(TEMPLATE).unwrap();
        config.bitcoin.cookie_file = Some("node/.cookie".into());
        config.keys.passphrase = PassphraseSource::File("/etc/passphrase".into());
        let config = config.below(Path::new("/home"));
        assert_eq!(
            config.bitcoin.cookie_file,
            Some("/home/node/.cookie".into())
        );
        assert_eq!(
            config.keys.passphrase,
            PassphraseSource::File("/etc/passphrase".into())
        );
    }
}
