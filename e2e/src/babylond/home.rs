//! The node's folder: made by `babylond testnet`, then moved to our ports and given the test's
//! genesis.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use bitcoin::consensus::encode::serialize_hex;
use serde_json::Value;
use toml::Table;

use super::{GenesisEdit, Ports, Settings};

/// A node folder that is ready to be started.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    funded_mnemonic: String,
}

impl Home {
    pub(super) fn create(
        program: &Path,
        folder: &Path,
        chain_id: &str,
        settings: &Settings,
        ports: &Ports,
    ) -> anyhow::Result<Self> {
        let output = Command::new(program)
            .arg("testnet")
            .args(flags(chain_id, settings))
            .arg(format!("--output-dir={}", folder.display()))
            .output()
            .context("cannot run babylond")?;
        ensure!(
            output.status.success(),
            "babylond testnet ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let path = folder.join("node0/babylond");
        edit_genesis(&path.join("config/genesis.json"), settings)?;
        edit_node_configuration(&path.join("config/config.toml"), settings, ports)?;
        edit_app_configuration(&path.join("config/app.toml"), ports)?;
        let seed = read_json(&path.join("additional_key_seed.json"))?;
        let funded_mnemonic = seed.get("secret").and_then(Value::as_str);
        let funded_mnemonic = funded_mnemonic
            .context("the funded account has no words")?
            .to_owned();
        Ok(Self {
            path,
            funded_mnemonic,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn funded_mnemonic(&self) -> &str {
        &self.funded_mnemonic
    }
}

/// The options of spec 5.10 that the settings decide.
fn flags(chain_id: &str, settings: &Settings) -> Vec<String> {
    let committee: Vec<_> = settings
        .covenant_keys
        .iter()
        .map(ToString::to_string)
        .collect();
    let (base_header, base_height) = &settings.base_header;
    vec![
        "--v=1".to_owned(),
        "--keyring-backend=test".to_owned(),
        "--additional-sender-account".to_owned(),
        format!("--chain-id={chain_id}"),
        "--btc-network=regtest".to_owned(),
        format!("--btc-base-header={}", serialize_hex(base_header)),
        format!("--btc-base-header-height={base_height}"),
        format!("--covenant-pks={}", committee.join(",")),
        format!("--covenant-quorum={}", settings.covenant_quorum),
        format!("--btc-confirmation-depth={}", settings.confirmation_depth),
        format!(
            "--btc-finalization-timeout={}",
            settings.finalization_timeout
        ),
        format!("--epoch-interval={}", settings.epoch_interval),
        format!(
            "--min-staking-amount-sat={}",
            settings.min_staking_amount.to_sat()
        ),
        format!(
            "--max-staking-amount-sat={}",
            settings.max_staking_amount.to_sat()
        ),
        format!("--min-staking-time-blocks={}", settings.min_staking_time),
        format!("--max-staking-time-blocks={}", settings.max_staking_time),
        format!("--unbonding-time={}", settings.unbonding_time),
        format!("--unbonding-fee-sat={}", settings.unbonding_fee.to_sat()),
        format!(
            "--slashing-pk-script={}",
            settings.slashing_script.to_hex_string()
        ),
        format!(
            "--min-slashing-fee-sat={}",
            settings.min_slashing_fee.to_sat()
        ),
        format!("--slashing-rate={}", settings.slashing_rate),
        format!(
            "--activation-height={}",
            settings.finality_activation_height
        ),
    ]
}

fn edit_genesis(path: &Path, settings: &Settings) -> anyhow::Result<()> {
    let mut genesis = read_json(path)?;
    let no_flag_for_it = GenesisEdit {
        pointer: "/app_state/finality/params/min_pub_rand".to_owned(),
        value: settings.min_public_randomness.to_string().into(),
    };
    for GenesisEdit { pointer, value } in
        std::iter::once(&no_flag_for_it).chain(&settings.genesis_edits)
    {
        let place = genesis.pointer_mut(pointer);
        *place.with_context(|| format!("the genesis file has no {pointer}"))? = value.clone();
    }
    fs::write(path, serde_json::to_vec(&genesis)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn edit_node_configuration(path: &Path, settings: &Settings, ports: &Ports) -> anyhow::Result<()> {
    edit_toml(
        path,
        [
            ("rpc", "laddr", format!("tcp://{}", ports.rpc.address())),
            ("rpc", "pprof_laddr", String::new()),
            ("p2p", "laddr", format!("tcp://{}", ports.p2p.address())),
            (
                "consensus",
                "timeout_commit",
                format!("{}ms", settings.block_interval.as_millis()),
            ),
        ],
        ("instrumentation", "prometheus"),
    )
}

fn edit_app_configuration(path: &Path, ports: &Ports) -> anyhow::Result<()> {
    edit_toml(
        path,
        [
            ("grpc", "address", ports.grpc.address()),
            ("api", "address", format!("tcp://{}", ports.rest.address())),
        ],
        ("telemetry", "enabled"),
    )
}

/// Sets texts, and switches one thing off, in sections that must exist.
fn edit_toml<const N: usize>(
    path: &Path,
    texts: [(&str, &str, String); N],
    off: (&str, &str),
) -> anyhow::Result<()> {
    let mut file: Table = fs::read_to_string(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .parse()?;
    let values = texts.map(|(section, key, text)| (section, key, toml::Value::String(text)));
    let off = (off.0, off.1, toml::Value::Boolean(false));
    for (section, key, value) in values.into_iter().chain([off]) {
        let place = file
            .get_mut(section)
            .and_then(|section| section.get_mut(key));
        *place.with_context(|| format!("{} has no [{section}] {key}", path.display()))? = value;
    }
    fs::write(path, toml::to_string(&file)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))
}
