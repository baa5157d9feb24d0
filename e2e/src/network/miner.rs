//! Somebody who mines: Bitcoin goes on by itself, as it does outside.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use bitcoin::{Address, Network};
use bitcoincore_rpc::{Auth, Client, RpcApi as _};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::Bitcoind;

/// Mines one block per interval until it is dropped. While the node is away it waits for it.
pub(super) struct Miner(JoinHandle<()>);

/// Where to mine: the cookie changes with every start of the node, so each block asks for it again.
#[derive(Clone)]
struct Mine {
    url: String,
    cookie_file: PathBuf,
    address: Address,
}

impl Miner {
    /// Begins to mine on `bitcoind`.
    pub(super) fn start(bitcoind: &Bitcoind, block_interval: Duration) -> anyhow::Result<Self> {
        let mine = Mine {
            url: bitcoind.url(),
            cookie_file: bitcoind.cookie_file(),
            address: bitcoind
                .rpc()
                .get_new_address(None, None)?
                .require_network(Network::Regtest)?,
        };
        Ok(Self(tokio::spawn(async move {
            let mut ticks = interval(block_interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let mine = mine.clone();
                // A node that is stopped, or just starting, is asked again at the next tick.
                let _ = tokio::task::spawn_blocking(move || mine.one_block()).await;
            }
        })))
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Mine {
    fn one_block(&self) -> anyhow::Result<()> {
        let auth = Auth::CookieFile(self.cookie_file.clone());
        let client = Client::new(&self.url, auth).context("no cookie")?;
        client.generate_to_address(1, &self.address)?;
        Ok(())
    }
}
