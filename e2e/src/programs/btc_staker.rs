//! `btc-staker` with a home of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::{Address, Amount, Network, Txid};
use serde_json::Value;

use crate::{Babylond, Bitcoind, Daemon, Finished, Program, Scratch, poll_until};

/// Name of the program's executable.
const NAME: &str = "btc-staker";

/// How long a command may take that waits for nobody.
const DEADLINE: Duration = Duration::from_mins(1);

/// What the account starts with: 100 BABY.
const ACCOUNT_FUNDS: u64 = 100_000_000;

/// A home of `btc-staker`: configuration, seed, data.
pub struct BtcStakerProgram {
    home: Scratch,
}

impl BtcStakerProgram {
    /// Makes a home with a configuration and a passphrase, without a seed. Stakes are proven, and their end reported,
    /// by itself where no watchtower does it within `watchtower_patience` blocks.
    pub fn new(
        bitcoind: &Bitcoind,
        babylond: &Babylond,
        watchtower_patience: u16,
    ) -> anyhow::Result<Self> {
        let babylon = format!(
            "[babylon]\nchain_id = \"{}\"\ngrpc_url = \"{}\"\npoll_interval_milliseconds = 100\n",
            babylond.chain_id(),
            babylond.grpc_url(),
        );
        Self::with_sections(bitcoind, &babylon, watchtower_patience)
    }

    /// Makes a home as [`Self::new`] does, with these sections about chains: none of them need be a hub's.
    pub fn with_sections(
        bitcoind: &Bitcoind,
        sections: &str,
        watchtower_patience: u16,
    ) -> anyhow::Result<Self> {
        let program = Self {
            home: Scratch::new(NAME)?,
        };
        program.write_private("passphrase", "correct horse battery staple")?;
        let text = format!(
            "{}[keys]\npassphrase = \"file:passphrase\"\n\
             [staking]\nwatchtower_patience_blocks = {watchtower_patience}\n{sections}",
            bitcoind.configuration(),
        );
        fs::write(program.config_file(), text)?;
        Ok(program)
    }

    /// Makes the home of a holder: with a new seed, an account that can pay for gas, and `coins` in the wallet, each in
    /// a block.
    pub async fn holder(
        bitcoind: &Bitcoind,
        babylond: &Babylond,
        watchtower_patience: u16,
        coins: &[Amount],
    ) -> anyhow::Result<Self> {
        let program = Self::new(bitcoind, babylond, watchtower_patience)?;
        let made = program.command(&["wallet", "new"]).await?.result()?;
        babylond
            .fund(text(&made, "account")?, ACCOUNT_FUNDS)
            .await?;
        for coin in coins {
            bitcoind.send(&program.address().await?, *coin)?;
            bitcoind.mine(1)?;
        }
        Ok(program)
    }

    /// Adds sections to the configuration, such as `[[chain]]`.
    pub fn configure(&self, sections: &str) -> anyhow::Result<()> {
        let text = fs::read_to_string(self.config_file())?;
        Ok(fs::write(self.config_file(), text + sections)?)
    }

    /// An address of the wallet that nobody has paid to.
    pub async fn address(&self) -> anyhow::Result<Address> {
        let shown = self.command(&["wallet", "address"]).await?.result()?;
        let address: Address<_> = text(&shown, "bitcoin_address")?.parse()?;
        Ok(address.require_network(Network::Regtest)?)
    }

    /// The account that pays for gas on Babylon; its bytes are the account's on every other chain, too.
    pub async fn account(&self) -> anyhow::Result<String> {
        let shown = self.command(&["wallet", "address"]).await?.result()?;
        Ok(text(&shown, "account")?.to_owned())
    }

    /// Runs one command to its end.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.program()?
            .arg("--json")
            .args(arguments)
            .run(DEADLINE)
            .await
    }

    /// Starts a command that waits for others, such as `stake`; its log says what it waits for.
    pub fn start(&self, arguments: &[&str]) -> anyhow::Result<Daemon> {
        let logging = ["--json", "--log-level", "info"];
        self.program()?.args(logging).args(arguments).start()
    }

    /// What `status` says of a stake.
    pub async fn status(&self, staking_txid: Txid) -> anyhow::Result<Value> {
        self.command(&["status", &staking_txid.to_string()])
            .await?
            .result()
    }

    /// Waits until a stake is in a state, as `status` names it.
    pub async fn wait_for_state(
        &self,
        staking_txid: Txid,
        state: &str,
        deadline: Duration,
    ) -> anyhow::Result<Value> {
        let what = format!("stake {staking_txid} to be {state}");
        poll_until(deadline, &what, || async {
            let status = self.status(staking_txid).await?;
            ensure!(
                status.get("state") == Some(&Value::from(state)),
                "it is {status}"
            );
            Ok(status)
        })
        .await
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.home().join(NAME).with_extension("toml")
    }

    /// Writes a file that only its owner can read into the home.
    pub fn write_private(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.home().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// An invocation with this home, to add arguments to.
    pub fn program(&self) -> anyhow::Result<Program> {
        Ok(Program::ours(NAME)?.arg("--home").arg(self.home()))
    }
}

fn text<'a>(shown: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    let value = shown.get(field).and_then(Value::as_str);
    value.with_context(|| format!("no {field} in {shown}"))
}
