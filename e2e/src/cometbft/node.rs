//! A node as a process: its life, its RPC, its command line.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoincore_rpc::jsonrpc;
use bitcoincore_rpc::jsonrpc::minreq_http::MinreqHttpTransport;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Ports;
use crate::process::{Process, bound_to_us};
use crate::{Scratch, poll_until};

/// Generous: a machine that runs the whole test suite is slow.
const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_mins(1);

/// A node with its folder and ports; killed when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    // Before the folder it writes to: fields are dropped in this order.
    pub(super) process: Option<Process>,
    pub(super) setup: Setup,
}

/// What it takes to run a node.
#[derive(Debug)]
pub(crate) struct Setup {
    /// What messages and the log file call it.
    pub(crate) name: &'static str,
    /// The chain's program.
    pub(crate) program: PathBuf,
    /// Variables to start it with.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// The chain's id.
    pub(crate) chain_id: String,
    /// The node's folder, in `scratch`.
    pub(crate) home: PathBuf,
    /// The ports that the files in `home` name.
    pub(crate) ports: Ports,
    /// Where the log goes, too.
    pub(crate) scratch: Scratch,
}

impl Node {
    /// A node that is not running yet.
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            process: None,
            setup,
        }
    }

    /// Starts the node and waits for the next block, at least the second one: from then on queries
    /// and transactions work.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let name = self.setup.name;
        ensure!(!self.is_running(), "{name} is running already");
        let mut command = bound_to_us(&self.setup.program);
        command
            .arg("start")
            .arg("--home")
            .arg(&self.setup.home)
            .envs(self.setup.environment.iter().copied());
        let mut process = Process::spawn(name, command, &self.log())?;
        let seen = Cell::new(None);
        let what = format!("{name} to make blocks");
        let ready = poll_until(START_DEADLINE, &what, || async {
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
                anyhow::bail!("{name} ended with {}", status?);
            }
        }
        self.process = Some(process);
        Ok(())
    }

    /// Asks the node to stop and waits until it has.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let process = self.process.take();
        let mut process = process.with_context(|| format!("{} is not running", self.setup.name))?;
        process.terminate(STOP_DEADLINE).await?;
        Ok(())
    }

    /// Kills the node (`SIGKILL`), as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Whether the process is there.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.exit_status().is_none())
    }

    /// The chain's id.
    pub(crate) fn chain_id(&self) -> &str {
        &self.setup.chain_id
    }

    /// `http://127.0.0.1:<port>` of the gRPC services.
    pub(crate) fn grpc_url(&self) -> String {
        format!("http://{}", self.setup.ports.grpc.address())
    }

    /// `http://127.0.0.1:<port>` of CometBFT's RPC.
    pub(crate) fn rpc_url(&self) -> String {
        format!("http://{}", self.setup.ports.rpc.address())
    }

    /// `http://127.0.0.1:<port>` of the REST interface.
    pub(crate) fn rest_url(&self) -> String {
        format!("http://{}", self.setup.ports.rest.address())
    }

    /// The file with its output.
    pub(crate) fn log(&self) -> PathBuf {
        let name = format!("{}.log", self.setup.name);
        self.setup.scratch.path().join(name)
    }

    /// Its home folder.
    pub(crate) fn home(&self) -> &Path {
        &self.setup.home
    }

    /// The height of the newest block.
    pub(crate) fn height(&self) -> anyhow::Result<u64> {
        // The node's own status counts a block that the application has yet to execute.
        let information = self.rpc("abci_info", &Value::Null)?;
        let height = information
            .pointer("/response/last_block_height")
            .and_then(Value::as_str);
        Ok(height.context("the application has no block")?.parse()?)
    }

    /// Waits until the chain has reached `height`.
    pub(crate) async fn wait_for_height(
        &self,
        height: u64,
        deadline: Duration,
    ) -> anyhow::Result<()> {
        let what = format!("{} to reach height {height}", self.setup.name);
        poll_until(deadline, &what, || async {
            let current = self.height()?;
            ensure!(current >= height, "it is at height {current}");
            Ok(())
        })
        .await
    }

    /// Calls a method of CometBFT's JSON-RPC interface. `params` is an object, or null for none.
    pub(crate) fn rpc(&self, method: &str, params: &Value) -> anyhow::Result<Value> {
        let transport = MinreqHttpTransport::builder().url(&self.rpc_url())?.build();
        let client = jsonrpc::Client::with_transport(transport);
        let params = (!params.is_null())
            .then(|| RawValue::from_string(params.to_string()))
            .transpose()?;
        Ok(client.call(method, params.as_deref())?)
    }

    /// Asks the node with the chain's own command line.
    pub(crate) async fn query(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let node = self.rpc_url();
        let tail = ["--node", &node, "--output", "json"];
        self.command_line(&[&["query"], arguments, &tail].concat())
            .await
    }

    /// Runs the chain's own command line on this node's folder; it must print JSON.
    pub(crate) async fn command_line(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let name = self.setup.name;
        let Output {
            status,
            stdout,
            stderr,
        } = tokio::process::Command::new(&self.setup.program)
            .arg("--home")
            .arg(&self.setup.home)
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot run {name}"))?;
        let line = arguments.join(" ");
        ensure!(
            status.success(),
            "{name} {line} ended with {status}: {}",
            String::from_utf8_lossy(&stderr).trim()
        );
        serde_json::from_slice(&stdout).with_context(|| format!("{name} {line} printed no JSON"))
    }
}
