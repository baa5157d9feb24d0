//! `watchtower` with a home of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::{Address, Amount, Network};
use serde_json::Value;

use crate::{Babylond, Bitcoind, Daemon, Finished, Port, Program, Scratch, poll_until};

/// Name of the program's executable.
const NAME: &str = "watchtower";

/// How long a command may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// What the account starts with: 1000 BABY.
const ACCOUNT_FUNDS: u64 = 1_000_000_000;

/// All roles, as the configuration spells them.
const ROLES: [&str; 7] = [
    "headers",
    "checkpoints",
    "activation",
    "unbonding",
    "slashing",
    "keys",
    "upkeep",
];

/// A home of `watchtower`: configuration, seed, data.
pub struct WatchtowerProgram {
    home: Scratch,
    http: Port,
    account: String,
    address: Address,
    words: String,
}

impl WatchtowerProgram {
    /// Makes a home with a seed, whose account has coins for fees and whose wallet has none. Only the named roles are
    /// switched on.
    pub async fn new(
        bitcoind: &Bitcoind,
        babylond: &Babylond,
        roles: &[&str],
    ) -> anyhow::Result<Self> {
        Self::serving(bitcoind, babylond, "", roles).await
    }

    /// The same with partner chains beside Babylon, as the configuration file has them; the account has no coins there.
    pub async fn serving(
        bitcoind: &Bitcoind,
        babylond: &Babylond,
        partners: &str,
        roles: &[&str],
    ) -> anyhow::Result<Self> {
        let program = Self::on(bitcoind, &(babylon(babylond) + partners), roles).await?;
        babylond.fund(&program.account, ACCOUNT_FUNDS).await?;
        Ok(program)
    }

    /// Makes a home with a seed for these chains, as the configuration file has them; its account has no coins.
    pub async fn on(bitcoind: &Bitcoind, chains: &str, roles: &[&str]) -> anyhow::Result<Self> {
        let home = Scratch::new(NAME)?;
        let http = Port::reserve()?;
        let passphrase = home.path().join("passphrase");
        write_private(&passphrase, "correct horse battery staple")?;
        configure(home.path(), &http, bitcoind, chains, roles)?;
        let made = command(home.path(), &["wallet", "new"]).await?.result()?;
        let text = |field| {
            let value = made.get(field).and_then(Value::as_str);
            value.with_context(|| format!("`wallet new` shows no {field}"))
        };
        let (account, words) = (text("account")?.to_owned(), text("words")?.to_owned());
        let address = text("address")?
            .parse::<Address<_>>()?
            .require_network(Network::Regtest)?;
        Ok(Self {
            home,
            http,
            account,
            address,
            words,
        })
    }

    /// Makes a home whose wallet has coins too, ten of a hundredth of a bitcoin, in a block.
    pub async fn with_coins(
        bitcoind: &Bitcoind,
        babylond: &Babylond,
        roles: &[&str],
    ) -> anyhow::Result<Self> {
        let program = Self::new(bitcoind, babylond, roles).await?;
        program.fund_wallet(bitcoind)?;
        Ok(program)
    }

    /// Sends the wallet ten coins of a hundredth of a bitcoin, in a block.
    pub fn fund_wallet(&self, bitcoind: &Bitcoind) -> anyhow::Result<()> {
        const COIN: Amount = Amount::from_sat(1_000_000);
        for _ in 0..10 {
            bitcoind.send(&self.address, COIN)?;
        }
        bitcoind.mine(1).map(drop)
    }

    /// Writes the configuration again, for example with other roles. The watchtower reads it when it starts.
    pub fn configure(
        &self,
        bitcoind: &Bitcoind,
        babylond: &Babylond,
        roles: &[&str],
    ) -> anyhow::Result<()> {
        configure(self.home(), &self.http, bitcoind, &babylon(babylond), roles)
    }

    /// Runs one command to its end.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        command(self.home(), arguments).await
    }

    /// An invocation with this home, to add arguments to.
    pub fn program(&self) -> anyhow::Result<Program> {
        program(self.home())
    }

    /// Starts the watchtower.
    pub fn start(&self) -> anyhow::Result<Daemon> {
        program(self.home())?.arg("start").start()
    }

    /// Waits until what `watchtower status` shows satisfies `holds`.
    pub async fn wait_for_status(
        &self,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        poll_until(deadline, what, || async {
            let status = self.command(&["status"]).await?.result()?;
            ensure!(holds(&status), "status is {status}");
            Ok(status)
        })
        .await
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The account that reports.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Where the wallet receives coins.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The words of the seed, as `wallet new` showed them.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Address of the monitoring endpoint.
    pub fn http_address(&self) -> String {
        self.http.address()
    }

    /// File of the seed's passphrase.
    pub fn passphrase_file(&self) -> PathBuf {
        self.home().join("passphrase")
    }
}

/// Babylon as the configuration file has it.
fn babylon(babylond: &Babylond) -> String {
    format!(
        "[babylon]\nchain_id = \"{}\"\ngrpc_url = \"{}\"\npoll_interval_milliseconds = 100\n",
        babylond.chain_id(),
        babylond.grpc_url()
    )
}

fn configure(
    home: &Path,
    http: &Port,
    bitcoind: &Bitcoind,
    chains: &str,
    roles: &[&str],
) -> anyhow::Result<()> {
    let switches = ROLES.map(|role| format!("{role} = {}\n", roles.contains(&role)));
    let switches = switches.concat();
    ensure!(
        roles.iter().all(|role| ROLES.contains(role)),
        "no such role among {roles:?}"
    );
    let text = format!(
        "{}{chains}[keys]\npassphrase = \"file:passphrase\"\n[roles]\n{switches}\
         [stakes]\ndiscovery_interval_seconds = 1\nfull_discovery_interval_seconds = 5\npage_size = 10\n\
         [checkpoints]\ncheck_interval_seconds = 1\n\
         [upkeep]\ncheck_interval_seconds = 1\n[slashing]\ncheck_interval_seconds = 1\nfinal_confirmations = 3\n\
         [http]\nlisten = \"{}\"\n[log]\nlevel = \"info,watchtower=debug\"\n",
        bitcoind.configuration(),
        http.address(),
    );
    Ok(fs::write(home.join(format!("{NAME}.toml")), text)?)
}

fn program(home: &Path) -> anyhow::Result<Program> {
    Ok(Program::ours(NAME)?.arg("--home").arg(home))
}

async fn command(home: &Path, arguments: &[&str]) -> anyhow::Result<Finished> {
    program(home)?
        .arg("--json")
        .args(arguments)
        .run(DEADLINE)
        .await
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
