//! Bringing the wallet up to date with a bitcoind.
//!
//! Blocks come from bdk's emitter on a blocking thread, through a short channel, so that memory holds a few blocks at
//! most. The mempool is listed afterwards and only what was never looked at is fetched, in batches.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bdk_bitcoind_rpc::bitcoincore_rpc::{Error as RpcError, RpcApi as _};
use bdk_bitcoind_rpc::{BlockEvent, Emitter, NO_EXPECTED_MEMPOOL_TXS};
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Block, BlockHash, Transaction, Txid, constants};
use bitcoin_source::{BlockId, RpcClient, SourceError};
use serde_json::json;
use staking::units::BitcoinHeight;
use tokio::sync::mpsc;
use tokio::task;

use crate::error::WalletError;
use crate::wallet::Wallet;

/// Blocks read ahead of the wallet.
const BLOCKS_AHEAD: usize = 4;
/// After so many blocks the changes are stored, so that an interrupted sync does not start over.
const BLOCKS_PER_CHANGE: u32 = 500;
/// Mempool transactions asked for in one request.
const TRANSACTIONS_PER_REQUEST: usize = 200;

/// How far a sync is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncProgress {
    /// The last block read.
    pub height: BitcoinHeight,
    /// The tip when the sync began.
    pub target: BitcoinHeight,
}

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncSummary {
    /// The wallet's tip now.
    pub tip: BlockId,
    /// How many blocks were read.
    pub blocks: u32,
}

impl Wallet {
    /// Reads every block since the last sync, or since the birthday, following reorgs; then the mempool.
    ///
    /// `progress` is called after each block. May be cancelled: what was read is kept.
    ///
    /// # Errors
    ///
    /// [`WalletError::Source`] where the node fails; syncing again goes on where it stopped.
    pub async fn sync(
        &mut self,
        node: &Arc<RpcClient>,
        progress: impl FnMut(SyncProgress) + Send,
    ) -> Result<SyncSummary, WalletError> {
        let blocks = self.sync_blocks(node, progress).await?;
        self.sync_mempool(node).await?;
        self.forget_spent_reservations();
        self.persist()?;
        Ok(SyncSummary {
            tip: self.tip(),
            blocks,
        })
    }

    /// Tells the wallet of a transaction that was just broadcast, so that it counts before the next sync.
    pub fn record_broadcast(&mut self, transaction: &Transaction) -> Result<(), WalletError> {
        let now = self.later();
        self.bdk.apply_unconfirmed_txs([(transaction.clone(), now)]);
        self.persist()
    }

    async fn sync_blocks(
        &mut self,
        node: &Arc<RpcClient>,
        mut progress: impl FnMut(SyncProgress) + Send,
    ) -> Result<u32, WalletError> {
        let genesis = constants::genesis_block(self.network()).block_hash();
        let last = self.bdk.latest_checkpoint();
        let birthday = self.birthday;
        let (sender, mut receiver) =
            mpsc::channel::<(BitcoinHeight, BlockEvent<Block>)>(BLOCKS_AHEAD);
        let reader = Arc::clone(node);
        let reading = task::spawn_blocking(move || {
            let target = target(&reader, genesis)?;
            let start = birthday.0.min(target.0);
            let mut emitter = Emitter::new(&*reader, last, start, NO_EXPECTED_MEMPOOL_TXS);
            while let Some(block) = emitter
                .next_block()
                .map_err(|error| failure(&reader, &error))?
            {
                if sender.blocking_send((target, block)).is_err() {
                    // The sync was cancelled.
                    break;
                }
            }
            Ok::<_, WalletError>(())
        });

        let mut blocks = 0_u32;
        while let Some((target, event)) = receiver.recv().await {
            let height = BitcoinHeight(event.block_height());
            self.bdk
                .apply_block_connected_to(&event.block, height.0, event.connected_to())
                .map_err(|error| WalletError::Disconnected {
                    height,
                    reason: error.to_string(),
                })?;
            blocks = blocks.saturating_add(1);
            if blocks.is_multiple_of(BLOCKS_PER_CHANGE) {
                self.persist()?;
            }
            progress(SyncProgress { height, target });
        }
        self.persist()?;
        joined(reading.await)?;
        Ok(blocks)
    }

    async fn sync_mempool(&mut self, node: &Arc<RpcClient>) -> Result<(), WalletError> {
        let reader = Arc::clone(node);
        let (tip, mempool) = joined(task::spawn_blocking(move || list_mempool(&reader)).await)?;
        let now = self.later();

        let (ours, others): (Vec<_>, Vec<_>) = mempool
            .iter()
            .map(|txid| (*txid, self.bdk.tx_graph().get_tx(*txid)))
            .partition(|(_, known)| known.is_some());
        self.bdk.apply_unconfirmed_txs(
            ours.into_iter()
                .filter_map(|(_, transaction)| Some((transaction?, now))),
        );
        self.foreign_mempool.retain(|txid| mempool.contains(txid));
        let unseen: Vec<_> = others
            .into_iter()
            .map(|(txid, _)| txid)
            .filter(|txid| !self.foreign_mempool.contains(txid))
            .collect();
        for txids in unseen.chunks(TRANSACTIONS_PER_REQUEST) {
            let reader = Arc::clone(node);
            let txids = txids.to_vec();
            let fetched =
                joined(task::spawn_blocking(move || fetch_mempool(&reader, &txids)).await)?;
            self.foreign_mempool
                .extend(fetched.iter().map(Transaction::compute_txid));
            self.bdk
                .apply_unconfirmed_txs(fetched.into_iter().map(|transaction| (transaction, now)));
        }
        let bdk = &self.bdk;
        self.foreign_mempool
            .retain(|txid| bdk.tx_graph().get_tx(*txid).is_none());

        // Only with the same tip does "not in the mempool" not mean "just confirmed".
        if tip == self.tip().hash {
            let gone: Vec<_> = self
                .bdk
                .transactions()
                .filter(|transaction| transaction.chain_position.is_unconfirmed())
                .map(|transaction| transaction.tx_node.txid)
                .filter(|txid| !mempool.contains(txid))
                .map(|txid| (txid, now))
                .collect();
            self.bdk.apply_evicted_txs(gone);
        }
        Ok(())
    }

    /// Now in seconds, but later than the last answer: bdk orders what it sees by the second.
    fn later(&mut self) -> u64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        self.last_seen = now.max(self.last_seen.saturating_add(1));
        self.last_seen
    }
}

/// The tip's height, if the node is on the wallet's network.
fn target(node: &RpcClient, genesis: BlockHash) -> Result<BitcoinHeight, WalletError> {
    let first = node
        .get_block_hash(0)
        .map_err(|error| failure(node, &error))?;
    if first != genesis {
        return Err(SourceError::InvalidAnswer {
            question: "the first block".to_owned(),
            reason: format!("it is {first}, the wallet's network begins with {genesis}"),
        }
        .into());
    }
    let height = node
        .get_block_count()
        .map_err(|error| failure(node, &error))?;
    u32::try_from(height).map(BitcoinHeight).map_err(|_| {
        let question = "the height".to_owned();
        SourceError::InvalidAnswer {
            question,
            reason: height.to_string(),
        }
        .into()
    })
}

/// The ids in the mempool and the tip they were listed at.
fn list_mempool(node: &RpcClient) -> Result<(BlockHash, HashSet<Txid>), WalletError> {
    let failure = |error| failure(node, &error);
    loop {
        let tip = node.get_best_block_hash().map_err(failure)?;
        let mempool = node.get_raw_mempool().map_err(failure)?;
        if node.get_best_block_hash().map_err(failure)? == tip {
            return Ok((tip, mempool.into_iter().collect()));
        }
    }
}

/// Those of the transactions that are still in the mempool.
fn fetch_mempool(node: &RpcClient, txids: &[Txid]) -> Result<Vec<Transaction>, WalletError> {
    let arguments: Vec<_> = txids.iter().map(|txid| vec![json!(txid)]).collect();
    let answers = node
        .batch::<String>("getrawtransaction", &arguments)
        .map_err(|error| failure(node, &error))?;
    answers
        .into_iter()
        .filter_map(Result::ok)
        .map(|hex| {
            deserialize_hex(&hex).map_err(|error| {
                let question = "a mempool transaction".to_owned();
                SourceError::InvalidAnswer {
                    question,
                    reason: error.to_string(),
                }
                .into()
            })
        })
        .collect()
}

fn failure(node: &RpcClient, error: &RpcError) -> WalletError {
    node.classify("blocks and mempool", error).into()
}

fn joined<T>(result: Result<Result<T, WalletError>, task::JoinError>) -> Result<T, WalletError> {
    match result {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => {
                let reason = "the program is stopping".to_owned();
                Err(WalletError::Refused {
                    action: "sync the wallet",
                    reason,
                })
            }
        },
    }
}
