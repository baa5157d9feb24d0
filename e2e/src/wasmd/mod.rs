//! A partner chain: stock `wasmd` with one validator and a chain id of its own.
//!
//! `settings` is what a test chooses, `home` turns it into a node folder (genesis and
//! configuration), `account` is what the genesis funds, `proof` asks for what a light client
//! verifies, this module runs the node.

mod account;
mod home;
mod proof;
mod settings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

pub use self::account::FundedAccount;
use self::home::Home;
pub use self::settings::Settings;
use crate::cometbft::{self, Node, Ports, Setup};
use crate::{Scratch, provision};

/// How the chain's addresses begin.
const ADDRESS_PREFIX: &str = "wasm";

/// A one-validator `wasmd` chain; killed when dropped.
///
/// Blocks have no gas limit and the lowest gas price is zero, as stock `wasmd` has it; proposals
/// are voted on in seconds. The methods that are not `async` block for the milliseconds that the
/// node takes.
#[derive(Debug)]
pub struct Wasmd {
    node: Node,
    accounts: Vec<FundedAccount>,
    validator_mnemonic: String,
}

impl Wasmd {
    /// The denomination of fees and stakes, which every funded account has plenty of.
    pub const DENOMINATION: &str = "stake";

    /// Starts a chain and waits for its second block, from which on queries and
    /// transactions work.
    ///
    /// # Errors
    ///
    /// When there is no `wasmd` (see [`provision`]), it refuses the settings, or it does not come
    /// up.
    pub async fn launch(settings: &Settings) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| provision::WASMD.locate()).await??;
        let scratch = Scratch::new("wasmd")?;
        let ports = Ports::reserve()?;
        let chosen = settings.chain_id.clone();
        let chain_id = chosen.unwrap_or_else(cometbft::fresh_chain_id);
        let accounts = (0..settings.funded_accounts)
            .map(|_| FundedAccount::generate())
            .collect::<Result<Vec<_>, _>>()?;
        let Home {
            path,
            validator_mnemonic,
        } = Home::create(
            &program,
            scratch.path(),
            &chain_id,
            settings,
            &accounts,
            &ports,
        )?;
        let mut node = Node::new(Setup {
            name: "wasmd",
            program,
            environment: &[],
            chain_id,
            home: path,
            ports,
            scratch,
        });
        node.start().await?;
        Ok(Self {
            node,
            accounts,
            validator_mnemonic,
        })
    }

    /// A second chain, not running yet, that goes on from this one's last block: the same id, data
    /// and keys, on ports of its own.
    ///
    /// Started, both make blocks that the one validator signs: a fork that no light client can
    /// tell from the chain. The first block of both may be the same one, if the validator had
    /// signed it before the node ended; from the one after it on they differ.
    ///
    /// # Errors
    ///
    /// When the node is running, or its folder cannot be copied.
    pub fn fork(&self) -> anyhow::Result<Self> {
        Ok(Self {
            node: self.node.fork()?,
            accounts: self.accounts.clone(),
            validator_mnemonic: self.validator_mnemonic.clone(),
        })
    }

    /// Starts the node after [`Wasmd::stop`], [`Wasmd::kill`] or [`Wasmd::fork`], on the same ports
    /// and data, and waits for the next block.
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

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.node.is_running()
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &str {
        self.node.chain_id()
    }

    /// The accounts that the genesis gave coins to.
    pub fn funded_accounts(&self) -> &[FundedAccount] {
        &self.accounts
    }

    /// The BIP-39 words of the validator's account (path m/44'/118'/0'/0/0), whose vote decides any
    /// proposal.
    pub fn validator_mnemonic(&self) -> &str {
        &self.validator_mnemonic
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

    /// How many transactions wait for a block.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub fn waiting_transactions(&self) -> anyhow::Result<u64> {
        let answer = self.rpc("num_unconfirmed_txs", &Value::Null)?;
        let waiting = answer.get("n_txs").and_then(Value::as_str);
        Ok(waiting.context("no count of transactions")?.parse()?)
    }

    /// Calls a method of CometBFT's JSON-RPC interface. `params` is an object, or null for none.
    ///
    /// # Errors
    ///
    /// When the node does not answer or answers with an error.
    pub fn rpc(&self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.node.rpc(method, params)
    }

    /// Asks the node with its own command line, which decodes what the chain says without any code
    /// of ours: `query(&["wasm", "list-code"])`.
    ///
    /// # Errors
    ///
    /// When the query fails or prints no JSON.
    pub async fn query(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.node.query(arguments).await
    }
}
