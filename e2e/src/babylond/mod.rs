//! A single-validator `babylond` with a chain id of its own.
//!
//! `settings` is what a test chooses, `home` turns it into a node folder (genesis and
//! configuration), this module runs the node and asks it things.

mod command_line;
mod home;
mod settings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use self::home::Home;
pub use self::settings::Settings;
use crate::cometbft::{self, Node, Ports, Setup};
use crate::{Scratch, provision};

/// The password that the `testnet` command encrypts the validator's BLS key with (spec 5.11).
const BLS_PASSWORD: (&str, &str) = ("BABYLON_BLS_PASSWORD", "password");

/// A one-validator Babylon chain; killed when dropped.
///
/// [`Babylond::height`] and [`Babylond::rpc`] block for the milliseconds that the node takes.
#[derive(Debug)]
pub struct Babylond {
    node: Node,
    funded_mnemonic: String,
    /// Held while a transfer of the funded account is on its way: its sequence allows one at a
    /// time.
    transfer: Mutex<()>,
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
        let ports = Ports::reserve()?;
        let chain_id = cometbft::fresh_chain_id();
        let Home {
            path,
            funded_mnemonic,
        } = Home::create(&program, scratch.path(), &chain_id, settings, &ports)?;
        let mut node = Node::new(Setup {
            name: "babylond",
            program,
            environment: &[BLS_PASSWORD],
            chain_id,
            home: path,
            ports,
            scratch,
        });
        node.start().await?;
        Ok(Self {
            node,
            funded_mnemonic,
            transfer: Mutex::new(()),
        })
    }

    /// Starts the node again after [`Babylond::stop`] or [`Babylond::kill`], on the same ports and
    /// data, and waits for the next block.
    ///
    /// # Errors
    ///
    /// When it is running already or does not come up.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.node.start().await
    }

    /// Asks the node to stop and waits until it has.
    ///
    /// # Errors
    ///
    /// When it is not running or does not stop in a minute.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.node.stop().await
    }

    /// Kills the node (`SIGKILL`), as a power cut would.
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Whether the process is there. A chain that has halted still runs: see [`Babylond::height`].
    pub fn is_running(&mut self) -> bool {
        self.node.is_running()
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &str {
        self.node.chain_id()
    }

    /// Where the gRPC services listen, as `http://127.0.0.1:<port>`.
    pub fn grpc_url(&self) -> String {
        self.node.grpc_url()
    }

    /// Where CometBFT's RPC listens, as `http://127.0.0.1:<port>`.
    pub fn rpc_url(&self) -> String {
        self.node.rpc_url()
    }

    /// Where the REST interface listens, as `http://127.0.0.1:<port>`.
    pub fn rest_url(&self) -> String {
        self.node.rest_url()
    }

    /// The file with its output.
    pub fn log(&self) -> PathBuf {
        self.node.log()
    }

    /// The node's home folder.
    pub fn home(&self) -> &Path {
        self.node.home()
    }

    /// The BIP-39 words of an account with a million BABY (path m/44'/118'/0'/0/0).
    pub fn funded_mnemonic(&self) -> &str {
        &self.funded_mnemonic
    }

    /// The height of the newest block.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub fn height(&self) -> anyhow::Result<u64> {
        self.node.height()
    }

    /// Waits until the chain has reached `height`.
    ///
    /// # Errors
    ///
    /// When it has not by `deadline`.
    pub async fn wait_for_height(&self, height: u64, deadline: Duration) -> anyhow::Result<()> {
        self.node.wait_for_height(height, deadline).await
    }

    /// Calls a method of CometBFT's JSON-RPC interface. `params` is an object, or null for none.
    ///
    /// # Errors
    ///
    /// When the node does not answer or answers with an error.
    pub fn rpc(&self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.node.rpc(method, params)
    }
}
