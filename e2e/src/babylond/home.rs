//! The node's folder: made by `babylond testnet`, then moved to our ports and given the test's
//! genesis.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bitcoin::consensus::encode::serialize_hex;
use serde_json::Value;

use super::Settings;
use crate::GenesisEdit;
use crate::cometbft::{self, Ports};

/// A node folder that is ready to be started.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    /// The words of the funded account.
    pub(super) funded_mnemonic: String,
}

impl Home {
    pub(super) fn create(
        program: &Path,
        folder: &Path,
        chain_id: &str,
        settings: &Settings,
        ports: &Ports,
    ) -> anyhow::Result<Self> {
        cometbft::initialise(program, &arguments(folder, chain_id, settings))?;
        let path = folder.join("node0/babylond");
        cometbft::edit_genesis(&path, |genesis| {
            let no_flag_for_it = GenesisEdit {
                pointer: "/app_state/finality/params/min_pub_rand".to_owned(),
                value: settings.min_public_randomness.to_string().into(),
            };
            std::iter::once(&no_flag_for_it)
                .chain(&settings.genesis_edits)
                .try_for_each(|edit| edit.apply(genesis))
        })?;
        cometbft::listen_on(&path, ports)?;
        cometbft::set_block_interval(&path, settings.block_interval)?;
        let seed = cometbft::read_json(&path.join("additional_key_seed.json"))?;
        let funded_mnemonic = seed.get("secret").and_then(Value::as_str);
        let funded_mnemonic = funded_mnemonic
            .context("the funded account has no words")?
            .to_owned();
        Ok(Self {
            path,
            funded_mnemonic,
        })
    }
}

/// The command of spec 5.10, with the options that the settings decide.
fn arguments(folder: &Path, chain_id: &str, settings: &Settings) -> Vec<String> {
    let committee: Vec<_> = settings
        .covenant_keys
        .iter()
        .map(ToString::to_string)
        .collect();
    let (base_header, base_height) = &settings.base_header;
    vec![
        "testnet".to_owned(),
        format!("--output-dir={}", folder.display()),
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
