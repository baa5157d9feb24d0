//! The node's folder: made by `wasmd testnet init-files`, then moved to our ports and given the
//! test's genesis.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{FundedAccount, Settings, Wasmd};
use crate::GenesisEdit;
use crate::cometbft::{self, Ports};

/// What every funded account has: more than any test spends.
const COINS: &str = "1000000000000000";

/// A node folder that is ready to be started.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    /// The words of the validator's account.
    pub(super) validator_mnemonic: String,
}

impl Home {
    pub(super) fn create(
        program: &Path,
        folder: &Path,
        chain_id: &str,
        settings: &Settings,
        accounts: &[FundedAccount],
        ports: &Ports,
    ) -> anyhow::Result<Self> {
        let arguments = [
            "testnet".to_owned(),
            "init-files".to_owned(),
            format!("--output-dir={}", folder.display()),
            format!("--chain-id={chain_id}"),
            "--v=1".to_owned(),
            "--keyring-backend=test".to_owned(),
            format!("--minimum-gas-prices=0{}", Wasmd::DENOMINATION),
        ];
        cometbft::initialise(program, &arguments)?;
        let path = folder.join("node0/wasmd");
        cometbft::edit_genesis(&path, |genesis| {
            fund(genesis, accounts)?;
            voting_periods(settings.voting_period)
                .iter()
                .chain(&settings.genesis_edits)
                .try_for_each(|edit| edit.apply(genesis))
        })?;
        cometbft::listen_on(&path, ports)?;
        cometbft::set_block_interval(&path, settings.block_interval)?;
        let seed = cometbft::read_json(&path.join("key_seed.json"))?;
        let words = seed.get("secret").and_then(Value::as_str);
        let validator_mnemonic = words
            .context("the validator's account has no words")?
            .to_owned();
        Ok(Self {
            path,
            validator_mnemonic,
        })
    }
}

/// Adds accounts and their coins to the validator's.
fn fund(genesis: &mut Value, accounts: &[FundedAccount]) -> anyhow::Result<()> {
    let mut add = |pointer: &str, entry: &dyn Fn(&str) -> Value| {
        let list = genesis.pointer_mut(pointer).and_then(Value::as_array_mut);
        list.with_context(|| format!("the genesis file has no list {pointer}"))?
            .extend(
                accounts
                    .iter()
                    .map(|account| entry(account.address().text())),
            );
        anyhow::Ok(())
    };
    add("/app_state/auth/accounts", &|address| {
        // The chain gives out account numbers of its own where these are the same.
        json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": address,
            "pub_key": null,
            "account_number": "0",
            "sequence": "0",
        })
    })?;
    add("/app_state/bank/balances", &|address| {
        json!({
            "address": address,
            "coins": [{ "denom": Wasmd::DENOMINATION, "amount": COINS }],
        })
    })?;
    // Computed from the balances where the file states none.
    let supply = GenesisEdit {
        pointer: "/app_state/bank/supply".to_owned(),
        value: json!([]),
    };
    supply.apply(genesis)
}

fn voting_periods(ordinary: Duration) -> [GenesisEdit; 2] {
    // An expedited vote must be the shorter one.
    [
        ("voting_period", ordinary),
        ("expedited_voting_period", ordinary / 2),
    ]
    .map(|(name, period)| GenesisEdit {
        pointer: format!("/app_state/gov/params/{name}"),
        value: format!("{}.{:03}s", period.as_secs(), period.subsec_millis()).into(),
    })
}
