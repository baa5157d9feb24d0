//! A bitcoind (Core or Knots) as a source, over JSON-RPC.
//!
//! The RPC client blocks, so every question runs on the runtime's blocking threads, at most
//! [`Config::parallel_requests`] at once. A question that is cancelled runs to its end there unheard.

mod answers;
mod blocks;
mod classify;
mod credentials;
mod fees;
mod rpc;
mod transactions;

use std::num::NonZeroU16;
use std::sync::Arc;

use async_trait::async_trait;
use bitcoin::block::Header;
use bitcoin::{Amount, Block, BlockHash, Network, OutPoint, Transaction, Txid};
use staking::units::BitcoinHeight;
use tokio::sync::Semaphore;

pub use self::rpc::RpcClient;
use crate::block_id::BlockId;
use crate::config::{Config, ConfigError};
use crate::error::SourceError;
use crate::fees::{FeeEstimate, FeePolicy};
use crate::rejection::Rejection;
use crate::source::{
    BitcoinSource, ConfirmedOutput, FoundTransaction, MempoolAcceptance, NodeStatus, UnspentOutput,
};

/// Outputs that one request asks for: some 60 kB each way.
const OUTPUTS_AT_ONCE: usize = 200;

/// A bitcoind that is asked over JSON-RPC; needs neither its wallet nor `txindex`.
///
/// Nothing has to be done after bitcoind was restarted: while it is away questions fail with
/// [`SourceError::Unreachable`], afterwards they work again.
#[derive(Debug)]
pub struct Bitcoind {
    rpc: Arc<RpcClient>,
    network: Network,
    fees: FeePolicy,
    permits: Arc<Semaphore>,
}

impl Bitcoind {
    /// Prepares to ask the configured node; asks nothing yet.
    ///
    /// # Errors
    ///
    /// Refuses a configuration that [`Config::validate`] refuses.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let permits = usize::try_from(config.parallel_requests.get())
            .unwrap_or(Semaphore::MAX_PERMITS)
            .min(Semaphore::MAX_PERMITS);
        Ok(Self {
            rpc: Arc::new(RpcClient::new(config)?),
            network: config.network,
            fees: config.fees,
            permits: Arc::new(Semaphore::new(permits)),
        })
    }

    /// Prepares to ask the configured node and makes sure that it answers and is on the configured network.
    pub async fn connect(config: &Config) -> Result<Self, SourceError> {
        let bitcoind = Self::new(config)?;
        bitcoind.check().await?;
        Ok(bitcoind)
    }

    /// The blocking client below, for bdk's block emitter.
    pub fn rpc_client(&self) -> Arc<RpcClient> {
        Arc::clone(&self.rpc)
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&RpcClient) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let stopping = || self.rpc.unreachable("the program is stopping".to_owned());
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| stopping())?;
        let rpc = Arc::clone(&self.rpc);
        let answer = tokio::task::spawn_blocking(move || {
            // Held by the thread, not the future: a cancelled question still occupies a connection.
            let _permit = permit;
            question(&rpc)
        });
        match answer.await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => Err(stopping()),
            },
        }
    }
}

#[async_trait]
impl BitcoinSource for Bitcoind {
    fn network(&self) -> Network {
        self.network
    }

    async fn check(&self) -> Result<NodeStatus, SourceError> {
        let network = self.network;
        self.ask(move |rpc| rpc.node_status(network)).await
    }

    async fn tip(&self) -> Result<BlockId, SourceError> {
        Ok(self.check().await?.tip)
    }

    async fn block_hash(&self, height: BitcoinHeight) -> Result<BlockHash, SourceError> {
        self.ask(move |rpc| rpc.block_hash_at(height)).await
    }

    async fn headers(
        &self,
        from: BitcoinHeight,
        count: NonZeroU16,
    ) -> Result<Vec<Header>, SourceError> {
        self.ask(move |rpc| rpc.headers(from, count)).await
    }

    async fn block(&self, hash: BlockHash) -> Result<Block, SourceError> {
        self.ask(move |rpc| rpc.block(hash)).await
    }

    async fn transaction(&self, txid: Txid) -> Result<FoundTransaction, SourceError> {
        self.ask(move |rpc| rpc.found_transaction(txid)).await
    }

    async fn transaction_in(
        &self,
        block: BlockHash,
        txid: Txid,
    ) -> Result<Transaction, SourceError> {
        self.ask(move |rpc| rpc.transaction_in(block, txid)).await
    }

    async fn unspent_output(
        &self,
        outpoint: OutPoint,
    ) -> Result<Option<UnspentOutput>, SourceError> {
        self.ask(move |rpc| rpc.unspent_output(outpoint)).await
    }

    async fn confirmed_outputs(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<Option<ConfirmedOutput>>, SourceError> {
        let mut outputs = Vec::with_capacity(outpoints.len());
        for portion in outpoints.chunks(OUTPUTS_AT_ONCE) {
            let portion = portion.to_vec();
            outputs.extend(self.ask(move |rpc| rpc.confirmed_outputs(&portion)).await?);
        }
        Ok(outputs)
    }

    async fn mempool_spenders(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<Option<Txid>>, SourceError> {
        let outpoints = outpoints.to_vec();
        self.ask(move |rpc| rpc.mempool_spenders(&outpoints)).await
    }

    async fn fee_rate(&self, target: NonZeroU16) -> Result<FeeEstimate, SourceError> {
        let fees = self.fees;
        self.ask(move |rpc| rpc.fee_rate(target, &fees)).await
    }

    async fn test_mempool_accept(
        &self,
        transactions: &[Transaction],
    ) -> Result<Vec<Result<MempoolAcceptance, Rejection>>, SourceError> {
        let transactions = transactions.to_vec();
        self.ask(move |rpc| rpc.test_mempool_accept(&transactions))
            .await
    }

    async fn broadcast(
        &self,
        transaction: &Transaction,
        max_burn: Amount,
    ) -> Result<Txid, SourceError> {
        let transaction = transaction.clone();
        self.ask(move |rpc| rpc.broadcast(&transaction, max_burn))
            .await
    }
}
