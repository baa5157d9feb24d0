//! `finality-provider` with a home of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::hex::DisplayHex as _;
use eots::SecretKey;
use serde_json::Value;
use staking::keys::FinalityProviderKey;

use crate::{Babylond, Bitcoind, Daemon, Finished, Port, Program, Scratch};

/// Name of the program's executable.
const NAME: &str = "finality-provider";

/// What unlocks the key files.
const PASSPHRASE: &str = "correct horse battery staple";

/// How long a command may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// A home of `finality-provider`: configuration, keys, data.
pub struct FinalityProviderProgram {
    home: Scratch,
    http: Port,
}

impl FinalityProviderProgram {
    /// Makes a home whose configuration names `providers`; they have no keys yet.
    ///
    /// Runways are short, so that a scenario sees several commitments.
    pub fn new(babylond: &Babylond, providers: &[&str]) -> anyhow::Result<Self> {
        Self::configured(&babylon(babylond), providers)
    }

    /// Makes a home whose providers vote on these partner chains, as the configuration file has them, and whose own Bitcoin
    /// node this is. It reports no stake.
    pub fn on(bitcoind: &Bitcoind, chains: &str, providers: &[&str]) -> anyhow::Result<Self> {
        let own = bitcoind.configuration();
        let sections = [&own, "[reporting]\nenabled = false\n", chains].concat();
        Self::configured(&sections, providers)
    }

    /// The same for Babylon and partner chains.
    pub fn serving(
        babylond: &Babylond,
        bitcoind: &Bitcoind,
        partners: &str,
        providers: &[&str],
    ) -> anyhow::Result<Self> {
        Self::on(bitcoind, &(babylon(babylond) + partners), providers)
    }

    /// The same with stakes reported, every second.
    pub fn reporting(
        babylond: Option<&Babylond>,
        bitcoind: &Bitcoind,
        partners: &str,
        providers: &[&str],
    ) -> anyhow::Result<Self> {
        let babylon = babylond.map(babylon).unwrap_or_default();
        let own = bitcoind.configuration();
        let every_second = "[reporting]\ninterval_seconds = 1\n";
        let sections = [&babylon, &own, every_second, partners].concat();
        Self::configured(&sections, providers)
    }

    fn configured(sections: &str, providers: &[&str]) -> anyhow::Result<Self> {
        let program = Self::at(Scratch::new(NAME)?)?;
        program.configure(sections, providers, "")?;
        Ok(program)
    }

    fn at(home: Scratch) -> anyhow::Result<Self> {
        let http = Port::reserve()?;
        Ok(Self { home, http })
    }

    /// A second home with copies of this one's keys and record, as a careless operator makes it. This one may not be
    /// running.
    pub fn copy(&self) -> anyhow::Result<Self> {
        let copy = Self::at(Scratch::new(NAME)?)?;
        for folder in ["keys", "data"] {
            let (from, to) = (self.home().join(folder), copy.home().join(folder));
            // Without a record where nothing was ever started.
            if from.exists() {
                fs::create_dir_all(&to)?;
                for file in fs::read_dir(from)? {
                    let file = file?;
                    fs::copy(file.path(), to.join(file.file_name()))?;
                }
            }
        }
        write_private(&copy.passphrase_file(), PASSPHRASE)?;
        let config = fs::read_to_string(self.config_file())?
            .replace(&self.http.address(), &copy.http.address())
            .replace(
                &self.passphrase_file().display().to_string(),
                &copy.passphrase_file().display().to_string(),
            );
        fs::write(copy.config_file(), config)?;
        Ok(copy)
    }

    /// Replaces a text of the configuration, which must be there.
    pub fn reconfigure(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let config = fs::read_to_string(self.config_file())?;
        ensure!(config.contains(from), "no `{from}` in {config}");
        Ok(fs::write(self.config_file(), config.replace(from, to))?)
    }

    /// The signing record.
    pub fn record_file(&self) -> PathBuf {
        self.home().join("data/signing-record.redb")
    }

    fn config_file(&self) -> PathBuf {
        self.home().join(format!("{NAME}.toml"))
    }

    /// Moves the EOTS key of provider `main` and the signing record into a new home, as an operator would who puts
    /// them into a process of their own, and has this home ask that process. Neither may be running.
    pub fn split_off_signer(
        &self,
        babylond: &Babylond,
        key: FinalityProviderKey,
    ) -> anyhow::Result<Self> {
        let signer = Self::new(babylond, &["main"])?;
        let socket = signer.home().join("signer.sock");
        let more = format!(
            "public_key = \"{key}\"\n[signer]\nendpoint = \"unix:{}\"\n",
            socket.display()
        );
        let chains = babylon(babylond);
        signer.configure(&chains, &["main"], &more)?;
        self.configure(&chains, &["main"], &more)?;
        fs::create_dir_all(signer.home().join("data"))?;
        for file in ["keys/main.key", "data/signing-record.redb"] {
            fs::rename(self.home().join(file), signer.home().join(file))?;
        }
        Ok(signer)
    }

    /// Writes the configuration; `more` goes on with the last provider.
    fn configure(&self, chains: &str, providers: &[&str], more: &str) -> anyhow::Result<()> {
        let providers: Vec<String> = providers
            .iter()
            .map(|name| format!("[[provider]]\nname = \"{name}\"\n"))
            .collect();
        let providers = providers.concat();
        let passphrase = self.passphrase_file();
        write_private(&passphrase, PASSPHRASE)?;
        let text = format!(
            "{chains}[keys]\npassphrase = \"file:{}\"\n\
             [randomness]\ncommit_ahead = 300\ncommit_count = 1000\ncheck_interval_seconds = 2\n\
             [voting]\npoll_interval_milliseconds = 300\n\
             [http]\nlisten = \"{}\"\n[log]\nlevel = \"info,finality_provider=debug\"\n{providers}{more}",
            passphrase.display(),
            self.http.address(),
        );
        fs::create_dir_all(self.home().join("keys"))?;
        Ok(fs::write(self.config_file(), text)?)
    }

    /// Makes a provider's keys; returns its public key and its account.
    pub async fn make_keys(&self, name: &str) -> anyhow::Result<(FinalityProviderKey, String)> {
        read_keys(
            &self
                .command(&["keys", "new", "--name", name])
                .await?
                .result()?,
        )
    }

    /// Imports a provider's EOTS key, which the test knows then and can misuse.
    pub async fn import_key(
        &self,
        name: &str,
        secret: &SecretKey,
    ) -> anyhow::Result<(FinalityProviderKey, String)> {
        let file = self.home().join("imported.hex");
        write_private(&file, &secret.to_bytes().to_lower_hex_string())?;
        let path = file.to_str().context("a path of a test is text")?;
        let imported = self
            .command(&["keys", "import", "--name", name, "--secret-file", path])
            .await?;
        read_keys(&imported.result()?)
    }

    /// Registers a provider on a partner chain.
    pub async fn register_on(&self, chain: &str, name: &str) -> anyhow::Result<Value> {
        let arguments = [
            "register",
            "--chain",
            chain,
            "--name",
            name,
            "--commission",
            "0.05",
        ];
        self.command(&arguments).await?.result()
    }

    /// Registers a provider, whose account must have coins.
    pub async fn register(&self, name: &str) -> anyhow::Result<Value> {
        let arguments = [
            "register",
            "--name",
            name,
            "--moniker",
            name,
            "--commission",
            "0.05",
        ];
        self.command(&arguments).await?.result()
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
        self.start_with(&[])
    }

    /// Starts the service with more arguments.
    pub fn start_with(&self, arguments: &[&str]) -> anyhow::Result<Daemon> {
        self.program()?.arg("start").args(arguments).start()
    }

    /// Starts the signer as a process of its own.
    pub fn start_signer(&self) -> anyhow::Result<Daemon> {
        self.program()?.arg("signer").start()
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What `status` says of a provider on a chain, by the name that it has there.
    pub async fn status_of(&self, seat: &str) -> anyhow::Result<Value> {
        let status = self.command(&["status"]).await?.result()?;
        let providers = status.get("providers").and_then(Value::as_array);
        let mut providers = providers.context("no providers")?.iter();
        let found = providers.find(|provider| provider.get("name") == Some(&seat.into()));
        found.cloned().context("no such provider")
    }

    /// Address of the monitoring endpoint.
    pub fn http_address(&self) -> String {
        self.http.address()
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

/// Babylon as the configuration file has it.
fn babylon(babylond: &Babylond) -> String {
    format!(
        "[babylon]\nchain_id = \"{}\"\ngrpc_url = \"{}\"\n",
        babylond.chain_id(),
        babylond.grpc_url()
    )
}

fn read_keys(result: &Value) -> anyhow::Result<(FinalityProviderKey, String)> {
    let text = |field| {
        result
            .get(field)
            .and_then(Value::as_str)
            .context("no such field")
    };
    Ok((text("public_key")?.parse()?, text("account")?.to_owned()))
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
