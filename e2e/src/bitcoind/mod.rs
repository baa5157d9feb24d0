//! A `bitcoind` on a regtest chain of its own, with a wallet for the miner.

mod mining;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoincore_rpc::jsonrpc::minreq_http::MinreqHttpTransport;
use bitcoincore_rpc::{Client, RpcApi as _, jsonrpc};

use crate::process::{Process, bound_to_us};
use crate::{Port, Scratch, poll_until, provision};

/// Generous: a machine that runs the whole test suite is slow.
const START_DEADLINE: Duration = Duration::from_mins(1);
const STOP_DEADLINE: Duration = Duration::from_mins(1);
/// For calls that rescan or mine a lot.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);
const WALLET: &str = "miner";

/// A regtest `bitcoind`; killed when dropped.
///
/// Its transaction index is on, its relay policy is Bitcoin Core's defaults, and it talks to no
/// peer. Calls to the node block; they take milliseconds.
pub struct Bitcoind {
    // Before the folder it writes to: fields are dropped in this order.
    process: Option<Process>,
    client: Option<Client>,
    program: PathBuf,
    port: Port,
    scratch: Scratch,
}

impl Bitcoind {
    /// Starts a node on an empty chain, with the miner's wallet loaded.
    ///
    /// # Errors
    ///
    /// When there is no `bitcoind` (see [`provision`]) or it does not come up.
    pub async fn launch() -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| provision::BITCOIND.locate()).await??;
        let scratch = Scratch::new("bitcoind")?;
        let port = Port::reserve()?;
        fs::write(scratch.path().join("bitcoin.conf"), configuration(&port))?;
        let mut node = Self {
            process: None,
            client: None,
            program,
            port,
            scratch,
        };
        node.start().await?;
        node.rpc()
            .create_wallet(WALLET, None, None, None, None)
            .context("cannot make a wallet")?;
        Ok(node)
    }

    /// Starts the node again after [`Bitcoind::stop`] or [`Bitcoind::kill`], on the same port and
    /// data.
    ///
    /// # Errors
    ///
    /// When it is running already or does not come up.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "bitcoind is running already");
        // Left behind by a kill; the new process writes another one.
        let _ = fs::remove_file(self.cookie_file());
        let mut command = bound_to_us(&self.program);
        command.arg(format!("-datadir={}", self.scratch.path().display()));
        let mut process = Process::spawn("bitcoind", command, &self.log())?;
        let ready = poll_until(START_DEADLINE, "bitcoind to answer", || {
            let attempt = self.connect();
            async move {
                let client = attempt?;
                client.get_blockchain_info()?;
                anyhow::Ok(client)
            }
        });
        let client = tokio::select! {
            client = ready => client?,
            status = process.ended(START_DEADLINE) => {
                process.ensure_running()?;
                anyhow::bail!("bitcoind ended with {}", status?);
            }
        };
        // Not there before the first start has made it.
        if client
            .list_wallet_dir()?
            .iter()
            .any(|wallet| wallet == WALLET)
        {
            client
                .load_wallet(WALLET)
                .context("cannot load the miner's wallet")?;
        }
        self.client = Some(client);
        self.process = Some(process);
        Ok(())
    }

    /// Asks the node to stop and waits until it has.
    ///
    /// # Errors
    ///
    /// When it is not running or does not stop in a minute.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("bitcoind is not running")?;
        self.client = None;
        process.terminate(STOP_DEADLINE).await?;
        Ok(())
    }

    /// Kills the node (`SIGKILL`), as a power cut would.
    pub fn kill(&mut self) {
        self.client = None;
        self.process = None;
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.exit_status().is_none())
    }

    /// A client of the running node, with the miner's wallet selected.
    ///
    /// # Panics
    ///
    /// When the node is stopped.
    #[expect(
        clippy::expect_used,
        reason = "calling a node that the test has stopped is a mistake in the test"
    )]
    pub fn rpc(&self) -> &Client {
        self.client
            .as_ref()
            .expect("bitcoind is stopped; start it before calling it")
    }

    /// `http://127.0.0.1:<port>`; the same across stop and start.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// The file with the user and password of the RPC interface; its content changes with every
    /// start.
    pub fn cookie_file(&self) -> PathBuf {
        self.scratch.path().join("regtest/.cookie")
    }

    /// The node as the programs' configuration files have it.
    pub fn configuration(&self) -> String {
        format!(
            "[bitcoin]\nnetwork = \"regtest\"\nrpc_url = \"{}\"\ncookie_file = \"{}\"\n",
            self.url(),
            self.cookie_file().display(),
        )
    }

    /// The file with its output.
    pub fn log(&self) -> PathBuf {
        self.scratch.path().join("bitcoind.log")
    }

    /// The folder with its data and log.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn connect(&self) -> anyhow::Result<Client> {
        let cookie =
            fs::read_to_string(self.cookie_file()).context("it has written no cookie yet")?;
        let transport = MinreqHttpTransport::builder()
            .timeout(CALL_TIMEOUT)
            .url(&format!("{}/wallet/{WALLET}", self.url()))?
            .cookie_auth(cookie)
            .build();
        Ok(Client::from_jsonrpc(jsonrpc::Client::with_transport(
            transport,
        )))
    }
}

fn configuration(port: &Port) -> String {
    format!(
        "regtest=1\n\
         server=1\n\
         txindex=1\n\
         # Regtest has no fees to estimate from.\n\
         fallbackfee=0.00002\n\
         # Tests must meet the policy of mainnet's nodes. Bitcoin Knots has another one of its\n\
         # own; Bitcoin Core ignores the line that turns it off.\n\
         acceptnonstdtxn=0\n\
         corepolicy=1\n\
         # No peers, and small: several nodes share a machine.\n\
         [regtest]\n\
         listen=0\n\
         connect=0\n\
         dbcache=16\n\
         par=1\n\
         rpcworkqueue=256\n\
         rpcport={number}\n\
         rpcbind=127.0.0.1\n\
         rpcallowip=127.0.0.1\n",
        number = port.number()
    )
}

impl std::fmt::Debug for Bitcoind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Bitcoind")
            .field("url", &self.url())
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}
