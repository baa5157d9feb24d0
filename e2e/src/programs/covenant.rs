//! `covenant` with a home of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::hex::DisplayHex as _;
use eots::SecretKey;
use serde_json::Value;
use staking::params::StakingParams;

use crate::{Babylond, Daemon, Finished, Port, Program, Scratch, poll_until};

/// Name of the program's executable.
const NAME: &str = "covenant";

/// How long a command may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// A home of `covenant`: configuration, keys, data.
pub struct CovenantProgram {
    home: Scratch,
    http: Port,
    stakers: Port,
}

/// What a scenario chooses about a member; the defaults sign embedded, at a pace for chains with short blocks.
#[derive(Clone, Debug)]
pub struct CovenantSettings {
    /// Bitcoin network of the configuration.
    pub bitcoin_network: &'static str,
    /// Socket of a separate signer.
    pub signer_socket: Option<PathBuf>,
    /// Parameters that a signer without a chain trusts.
    pub trusted_params: Vec<String>,
    /// Lines of the section `[service]`.
    pub service: &'static str,
    /// Whether and how stakers are served that ask directly.
    pub stakers: Option<StakersSettings>,
}

/// What a scenario chooses about the service for stakers.
#[derive(Clone, Debug)]
pub struct StakersSettings {
    /// Sets of parameters that are signed under.
    pub params: Vec<StakingParams>,
    /// Lines of the section `[stakers]`: its limits.
    pub limits: &'static str,
}

impl Default for CovenantSettings {
    fn default() -> Self {
        Self {
            bitcoin_network: "regtest",
            signer_socket: None,
            trusted_params: Vec::new(),
            service: "poll_interval_milliseconds = 500",
            stakers: None,
        }
    }
}

impl CovenantProgram {
    /// Makes a home without keys; a signer of its own may do without a chain.
    pub fn new(babylond: Option<&Babylond>, settings: &CovenantSettings) -> anyhow::Result<Self> {
        let program = Self {
            home: Scratch::new(NAME)?,
            http: Port::reserve()?,
            stakers: Port::reserve()?,
        };
        write_private(&program.passphrase_file(), "correct horse battery staple")?;
        program.configure(babylond, settings)?;
        Ok(program)
    }

    /// Makes the home of a member who signs by itself: with its key, and an account that has coins.
    pub async fn member(babylond: &Babylond, secret: &SecretKey) -> anyhow::Result<Self> {
        let program = Self::new(Some(babylond), &CovenantSettings::default())?;
        program.import_key(secret).await?;
        program.fund_account(babylond).await?;
        Ok(program)
    }

    /// Writes the configuration again.
    pub fn configure(
        &self,
        babylond: Option<&Babylond>,
        settings: &CovenantSettings,
    ) -> anyhow::Result<()> {
        let chain = babylond.map_or_else(String::new, |babylond| {
            format!(
                "[babylon]\nchain_id = \"{}\"\ngrpc_url = \"{}\"\n\
                 poll_interval_milliseconds = 100\n",
                babylond.chain_id(),
                babylond.grpc_url()
            )
        });
        let endpoint = settings
            .signer_socket
            .as_ref()
            .map(|socket| format!("endpoint = \"unix:{}\"\n", socket.display()))
            .unwrap_or_default();
        let text = format!(
            "bitcoin_network = \"{}\"\n{chain}\
             [account]\nkey_file = \"keys/account.key\"\npassphrase = \"file:passphrase\"\n\
             [signer]\npassphrase = \"file:passphrase\"\n{endpoint}trusted_params = {:?}\n\
             [service]\n{}\n[http]\nlisten = \"{}\"\n[log]\nlevel = \"info,covenant=debug\"\n{}",
            settings.bitcoin_network,
            settings.trusted_params,
            settings.service,
            self.http.address(),
            settings
                .stakers
                .as_ref()
                .map(|stakers| stakers.sections(&self.stakers.address()))
                .unwrap_or_default(),
        );
        Ok(fs::write(self.home().join(format!("{NAME}.toml")), text)?)
    }

    /// Imports the member's covenant key.
    pub async fn import_key(&self, secret: &SecretKey) -> anyhow::Result<Value> {
        let hex = secret.to_bytes().to_lower_hex_string();
        let import = self
            .program()?
            .args(["--json", "keys", "import", "covenant"]);
        import.input(hex).run(DEADLINE).await?.result()
    }

    /// Makes the account's key and sends it coins for fees; returns its address.
    pub async fn fund_account(&self, babylond: &Babylond) -> anyhow::Result<String> {
        const COINS: u64 = 100_000_000;
        let made = self.command(&["keys", "new", "account"]).await?.result()?;
        let address = made
            .get("public")
            .and_then(Value::as_str)
            .context("no address")?;
        babylond.fund(address, COINS).await?;
        Ok(address.to_owned())
    }

    /// Runs one command to its end.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.program()?
            .arg("--json")
            .args(arguments)
            .run(DEADLINE)
            .await
    }

    /// Starts the service.
    pub fn start(&self) -> anyhow::Result<Daemon> {
        self.program()?.arg("start").start()
    }

    /// Starts the signer as a process of its own.
    pub fn start_signer(&self) -> anyhow::Result<Daemon> {
        self.program()?.arg("signer").start()
    }

    /// Waits until what `covenant status` shows satisfies `holds`.
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

    /// Address of the monitoring endpoint.
    pub fn http_address(&self) -> String {
        self.http.address()
    }

    /// Where stakers ask, as an address of gRPC.
    pub fn stakers_url(&self) -> String {
        format!("http://{}", self.stakers.address())
    }

    /// File of the key files' passphrase.
    pub fn passphrase_file(&self) -> PathBuf {
        self.home().join("passphrase")
    }

    /// An invocation with this home, to add arguments to.
    pub fn program(&self) -> anyhow::Result<Program> {
        Ok(Program::ours(NAME)?.arg("--home").arg(self.home()))
    }
}

impl StakersSettings {
    fn sections(&self, listen: &str) -> String {
        let sets: String = self.params.iter().map(params_section).collect();
        format!("[stakers]\nlisten = \"{listen}\"\n{}\n{sets}", self.limits)
    }
}

fn params_section(params: &StakingParams) -> String {
    let keys: Vec<String> = params
        .covenant
        .keys()
        .iter()
        .map(ToString::to_string)
        .collect();
    format!(
        "[[stakers.params]]\nversion = {}\nkeys = {keys:?}\nquorum = {}\n\
         min_staking_value = {}\nmax_staking_value = {}\n\
         min_staking_time = {}\nmax_staking_time = {}\n\
         slashing_script = \"{:x}\"\nmin_slashing_fee = {}\nslashing_rate = {}\n\
         unbonding_time = {}\nunbonding_fee = {}\n",
        params.version,
        params.covenant.quorum(),
        params.min_staking_value.to_sat(),
        params.max_staking_value.to_sat(),
        params.min_staking_time,
        params.max_staking_time,
        params.slashing_script,
        params.min_slashing_fee.to_sat(),
        params.slashing_rate.ten_thousandths(),
        params.unbonding_time,
        params.unbonding_fee.to_sat(),
    )
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
