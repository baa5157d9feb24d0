//! Blocks and headers.

use std::num::NonZeroU16;

use bitcoin::block::Header;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Block, BlockHash, Network};
use bitcoincore_rpc::RpcApi;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use staking::units::BitcoinHeight;

use super::answers::{ChainInfo, HeaderInfo};
use super::classify::invalid;
use super::rpc::RpcClient;
use crate::block_id::BlockId;
use crate::error::SourceError;
use crate::source::{Location, NodeStatus};

/// Most headers of one answer: what the peer-to-peer network uses too, half a megabyte of hex.
const MAX_HEADERS: u16 = 2000;

/// How often a question is asked again because the chain moved while it was answered. A reorg in each of that many
/// consecutive attempts of milliseconds does not happen; a node that contradicts itself does.
const ATTEMPTS: usize = 5;

impl RpcClient {
    /// Asks one question; `question` names it in errors.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        question: &str,
        method: &str,
        arguments: &[Value],
    ) -> Result<T, SourceError> {
        self.call(method, arguments)
            .map_err(|error| self.classify(question, &error))
    }

    /// Asks the same about several things; the first refusal is the answer.
    pub(super) fn ask_all<T: DeserializeOwned>(
        &self,
        question: &str,
        method: &str,
        arguments: &[Vec<Value>],
    ) -> Result<Vec<T>, SourceError> {
        self.batch(method, arguments)
            .and_then(|answers| answers.into_iter().collect())
            .map_err(|error| self.classify(question, &error))
    }

    pub(super) fn node_status(&self, expected: Network) -> Result<NodeStatus, SourceError> {
        let info: ChainInfo = self.ask("the state of the chain", "getblockchaininfo", &[])?;
        if info.chain != expected.to_core_arg() {
            return Err(SourceError::WrongNetwork {
                expected,
                actual: info.chain,
            });
        }
        Ok(NodeStatus {
            tip: BlockId {
                height: BitcoinHeight(info.blocks),
                hash: info.best_block_hash,
            },
            headers: BitcoinHeight(info.headers),
            initial_block_download: info.initial_block_download,
            pruned_below: info.prune_height.map(BitcoinHeight),
        })
    }

    pub(super) fn block_hash_at(&self, height: BitcoinHeight) -> Result<BlockHash, SourceError> {
        self.ask(
            &format!("a block at height {height}"),
            "getblockhash",
            &[json!(height.0)],
        )
    }

    pub(super) fn headers(
        &self,
        from: BitcoinHeight,
        count: NonZeroU16,
    ) -> Result<Vec<Header>, SourceError> {
        let question = format!("the headers from height {from}");
        for _ in 0..ATTEMPTS {
            let tip: u32 = self.ask(&question, "getblockcount", &[])?;
            let Some(above) = tip.checked_sub(from.0) else {
                return Ok(Vec::new());
            };
            let last = from
                .0
                .saturating_add(above.min(u32::from(count.get().min(MAX_HEADERS)) - 1));
            match self.headers_between(&question, from.0, last) {
                Ok(headers) if is_chain(&headers) => return Ok(headers),
                // The tip fell below `last`, or the heights were answered from two branches.
                Ok(_) | Err(SourceError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(invalid(&question, "the headers do not follow each other"))
    }

    fn headers_between(
        &self,
        question: &str,
        first: u32,
        last: u32,
    ) -> Result<Vec<Header>, SourceError> {
        let heights: Vec<_> = (first..=last).map(|height| vec![json!(height)]).collect();
        let hashes: Vec<BlockHash> = self.ask_all(question, "getblockhash", &heights)?;
        let hashes: Vec<_> = hashes
            .iter()
            .map(|hash| vec![json!(hash), json!(false)])
            .collect();
        let headers: Vec<String> = self.ask_all(question, "getblockheader", &hashes)?;
        headers
            .iter()
            .map(|header| deserialize_hex(header))
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(question, error.to_string()))
    }

    pub(super) fn block(&self, hash: BlockHash) -> Result<Block, SourceError> {
        let question = format!("block {hash}");
        let hex: String = self.ask(&question, "getblock", &[json!(hash), json!(0)])?;
        let block: Block =
            deserialize_hex(&hex).map_err(|error| invalid(&question, error.to_string()))?;
        if block.block_hash() != hash {
            return Err(invalid(
                &question,
                format!("it is block {}", block.block_hash()),
            ));
        }
        if !block.check_merkle_root() {
            return Err(invalid(
                &question,
                "its transactions do not hash to its merkle root",
            ));
        }
        Ok(block)
    }

    /// Where a transaction is that has so many confirmations when `best` is the tip; `None` if a reorg has made the
    /// question void.
    pub(super) fn location_below(
        &self,
        question: &str,
        best: BlockHash,
        confirmations: u32,
    ) -> Result<Option<Location>, SourceError> {
        let Some(depth) = confirmations.checked_sub(1) else {
            return Ok(Some(Location::Mempool));
        };
        let tip: HeaderInfo = self.ask(question, "getblockheader", &[json!(best)])?;
        let height = tip
            .height
            .checked_sub(depth)
            .ok_or_else(|| invalid(question, "more confirmations than blocks"))?;
        let height = BitcoinHeight(height);
        let hash = match self.block_hash_at(height) {
            Err(SourceError::NotFound { .. }) => return Ok(None),
            hash => hash?,
        };
        // Only if `best` is still on the best chain was the hash taken from below it.
        let tip: HeaderInfo = self.ask(question, "getblockheader", &[json!(best)])?;
        if tip.confirmations < 0 {
            return Ok(None);
        }
        Ok(Some(Location::Block {
            block: BlockId { height, hash },
            confirmations,
        }))
    }

    /// Repeats a question whose answer is `None` because the chain moved.
    pub(super) fn settled<T>(
        &self,
        question: &str,
        attempt: impl Fn() -> Result<Option<T>, SourceError>,
    ) -> Result<T, SourceError> {
        for _ in 0..ATTEMPTS {
            if let Some(answer) = attempt()? {
                return Ok(answer);
            }
        }
        Err(self.unreachable(format!("the chain kept moving while asked for {question}")))
    }
}

/// Whether each header is the parent of the next.
fn is_chain(headers: &[Header]) -> bool {
    headers
        .iter()
        .zip(headers.iter().skip(1))
        .all(|(parent, child)| child.prev_blockhash == parent.block_hash())
}
