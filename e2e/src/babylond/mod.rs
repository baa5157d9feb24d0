//! A single-validator `babylond` with a chain id of its own.
//!
//! `settings` is what a test chooses, `home` turns it into a node folder (genesis and
//! configuration), this module runs the node and asks it things.

mod command_line;
mod home;
mod settings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoincore_rpc::jsonrpc;
use bitcoincore_rpc::jsonrpc::minreq_http::MinreqHttpTransport;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use self::home::Home;
pub use self::settings::{GenesisEdit, Settings};
use crate::process::{Process, bound_to_us};
use crate::{Port, Scratch, poll_until, provision};

/// Generous: a machine that runs the whole test suite is slow.
const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_mins(1);
/// The password that the `testnet` command encrypts the validator's BLS key with (spec 5.11).
const BLS_PASSWORD: (&str, &str) = ("BABYLON_BLS_PASSWORD", "password");

/// The ports that one node listens on.
#[derive(Debug)]
struct Ports {
    rpc: Port,
    p2p: Port,
    grpc: Port,
    rest: Port,
}

/// A one-validator Babylon chain; killed when dropped.
///
/// [`Babylond::height`] and [`Babylond::rpc`] block for the milliseconds that the node takes.
#[derive(Debug)]
pub struct Babylond {
    // Before the folder it writes to: fields are dropped in this order.
    process: Option<Process>,
    program: PathBuf,
    chain_id: String,
    home: Home,
    ports: Ports,
    /// Held while a transfer of the funded account is on its way: its sequence allows one at a
    /// time.
    transfer: Mutex<()>,
    scratch: Scratch,
}

impl Babylond {
    /// Starts a chain with a fresh id and waits for its second block, from which on queries and
    /// transactions work.
    ///
    /// # Errors
    ///
    /// When there is no `babylond` (see [`provision`]), it refuses the settings, or it does not
    /// come up.
    pub async fn launch(settings: &Settings) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| provision::BABYLOND.locate()).await??;
        let scratch = Scratch::new("babylond")?;
        let ports = Ports {
            rpc: Port::reserve()?,
            p2p: Port::reserve()?,
            grpc: Port::reserve()?,
            rest: Port::reserve()?,
        };
        // A provider's key used again on a new chain of the same name would disclose itself (spec
        // 3.14).
        let chain_id = format!("test-{:016x}", rand::random::<u64>());
        let home = Home::create(&program, scratch.path(), &chain_id, settings, &ports)?;
        let mut node = Self {
            process: None,
            program,
            chain_id,
            home,
            ports,
            transfer: Mutex::new(()),
            scratch,
        };
        node.start().await?;
        Ok(node)
    }

    /// Starts the node again after [`Babylond::stop`] or [`Babylond::kill`], on the same ports and
    /// data, and waits for the next block.
    ///
    /// # Errors
    ///
    /// When it is running already or does not come up.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "babylond is running already");
        let mut command = bound_to_us(&self.program);
        command
            .arg("start")
            .arg("--home")
            .arg(self.home.path())
            .env(BLS_PASSWORD.0, BLS_PASSWORD.1);
        let mut process = Process::spawn("babylond", command, &self.log())?;
        let seen = std::cell::Cell::new(None);
        let ready = poll_until(START_DEADLINE, "babylond to make blocks", || async {
            let height = self.height()?;
            let first = seen.get().unwrap_or(height);
            seen.set(Some(first));
            ensure!(height >= 2 && height > first, "it is at height {height}");
            Ok(())
        });
        tokio::select! {
            result = ready => result?,
            status = process.ended(START_DEADLINE) => {
                process.ensure_running()?;
                anyhow::bail!("babylond ended with {}", status?);
            }
        }
        self.process = Some(process);
        Ok(())
    }

    /// Asks the node to stop and waits until it has.
    ///
    /// # Errors
    ///
    /// When it is not running or does not stop in a minute.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("babylond is not running")?;
        process.terminate(STOP_DEADLINE).await?;
        Ok(())
    }

    /// Kills the node (`SIGKILL`), as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Whether the process is there. A chain that has halted still runs: see [`Babylond::height`].
    pub fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.exit_status().is_none())
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// Where the gRPC services listen, as `http://127.0.0.1:<port>`.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.ports.grpc.address())
    }

    /// Where CometBFT's RPC listens, as `http://127.0.0.1:<port>`.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.ports.rpc.address())
    }

    /// Where the REST interface listens, as `http://127.0.0.1:<port>`.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.ports.rest.address())
    }

    /// The file with its output.
    pub fn log(&self) -> PathBuf {
        self.scratch.path().join("babylond.log")
    }

    /// The node's home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The BIP-39 words of an account with a million BABY (path m/44'/118'/0'/0/0).
    pub fn funded_mnemonic(&self) -> &str {
        self.home.funded_mnemonic()
    }

    /// The height of the newest block.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub fn height(&self) -> anyhow::Result<u64> {
        let status = self.rpc("status", &Value::Null)?;
        let height = status
            .pointer("/sync_info/latest_block_height")
            .and_then(Value::as_str);
        Ok(height.context("the node's status has no height")?.parse()?)
    }

    /// Waits until the chain has reached `height`.
    ///
    /// # Errors
    ///
    /// When it has not by `deadline`.
    pub async fn wait_for_height(&self, height: u64, deadline: Duration) -> anyhow::Result<()> {
        poll_until(
            deadline,
            &format!("babylond to reach height {height}"),
            || async {
                let current = self.height()?;
                ensure!(current >= height, "it is at height {current}");
                Ok(())
            },
        )
        .await
    }

    /// Calls a method of CometBFT's JSON-RPC interface. `params` is an object, or null for none.
    ///
    /// # Errors
    ///
    /// When the node does not answer or answers with an error.
    pub fn rpc(&self, method: &str, params: &Value) -> anyhow::Result<Value> {
        let transport = MinreqHttpTransport::builder().url(&self.rpc_url())?.build();
        let client = jsonrpc::Client::with_transport(transport);
        let params = (!params.is_null())
            .then(|| RawValue::from_string(params.to_string()))
            .transpose()?;
        Ok(client.call(method, params.as_deref())?)
    }
}
