//! The follower around a source that comes, goes and reorganises. Time is the runtime's own and does not pass for real.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bitcoin::block::{self, Header};
use bitcoin::hashes::Hash as _;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network, OutPoint, Transaction, TxMerkleNode, Txid,
};
use bitcoin_source::{
    BitcoinSource, BlockId, ChainEvent, Checkpoints, ConfirmedOutput, FeeEstimate, FollowError,
    Follower, FollowerConfig, FoundTransaction, MempoolAcceptance, NodeStatus, Rejection,
    SourceError, Start, UnspentOutput,
};
use staking::units::BitcoinHeight;

const POLL: Duration = Duration::from_millis(200);

/// A chain of empty blocks in memory that can be away.
#[derive(Default)]
struct MemoryChain {
    chain: Mutex<Vec<Block>>,
    failure: Mutex<Option<SourceError>>,
}

impl MemoryChain {
    fn new(blocks: u32) -> Arc<Self> {
        let source = Arc::new(Self::default());
        source.mine(blocks, 0);
        source
    }

    fn mine(&self, blocks: u32, branch: u32) {
        let mut chain = self.chain.lock().unwrap();
        for _ in 0..blocks {
            let header = Header {
                version: block::Version::ONE,
                prev_blockhash: chain
                    .last()
                    .map_or(BlockHash::all_zeros(), Block::block_hash),
                merkle_root: TxMerkleNode::all_zeros(),
                time: branch,
                bits: CompactTarget::from_consensus(0x207f_ffff),
                nonce: u32::try_from(chain.len()).unwrap(),
            };
            chain.push(Block {
                header,
                txdata: Vec::new(),
            });
        }
    }

    fn unwind(&self, blocks: usize) {
        let mut chain = self.chain.lock().unwrap();
        let kept = chain.len() - blocks;
        chain.truncate(kept);
    }

    fn fail(&self, failure: Option<SourceError>) {
        *self.failure.lock().unwrap() = failure;
    }

    fn answer<T>(&self, read: impl FnOnce(&[Block]) -> T) -> Result<T, SourceError> {
        match self.failure.lock().unwrap().clone() {
            Some(failure) => Err(failure),
            None => Ok(read(&self.chain.lock().unwrap())),
        }
    }
}

fn id_of(height: usize, block: &Block) -> BlockId {
    BlockId {
        height: BitcoinHeight(u32::try_from(height).unwrap()),
        hash: block.block_hash(),
    }
}

fn not_served<T>() -> Result<T, SourceError> {
    Err(SourceError::NotFound {
        what: "this".to_owned(),
        reason: "only blocks here".to_owned(),
    })
}

fn away() -> SourceError {
    SourceError::Unreachable {
        endpoint: "memory".to_owned(),
        reason: "stopped".to_owned(),
    }
}

#[async_trait]
impl BitcoinSource for MemoryChain {
    fn network(&self) -> Network {
        Network::Regtest
    }

    async fn check(&self) -> Result<NodeStatus, SourceError> {
        not_served()
    }

    async fn tip(&self) -> Result<BlockId, SourceError> {
        self.answer(|chain| id_of(chain.len() - 1, chain.last().unwrap()))
    }

    async fn block_hash(&self, _: BitcoinHeight) -> Result<BlockHash, SourceError> {
        not_served()
    }

    async fn headers(
        &self,
        from: BitcoinHeight,
        count: NonZeroU16,
    ) -> Result<Vec<Header>, SourceError> {
        self.answer(|chain| {
            let from = usize::try_from(from.0).unwrap();
            chain
                .iter()
                .skip(from)
                .take(count.get().into())
                .map(|block| block.header)
                .collect()
        })
    }

    async fn block(&self, hash: BlockHash) -> Result<Block, SourceError> {
        self.answer(|chain| {
            chain
                .iter()
                .find(|block| block.block_hash() == hash)
                .cloned()
        })?
        .map_or_else(not_served, Ok)
    }

    async fn transaction(&self, _: Txid) -> Result<FoundTransaction, SourceError> {
        not_served()
    }

    async fn transaction_in(&self, _: BlockHash, _: Txid) -> Result<Transaction, SourceError> {
        not_served()
    }

    async fn unspent_output(&self, _: OutPoint) -> Result<Option<UnspentOutput>, SourceError> {
        not_served()
    }

    async fn confirmed_outputs(
        &self,
        _: &[OutPoint],
    ) -> Result<Vec<Option<ConfirmedOutput>>, SourceError> {
        not_served()
    }

    async fn mempool_spenders(&self, _: &[OutPoint]) -> Result<Vec<Option<Txid>>, SourceError> {
        not_served()
    }

    async fn fee_rate(&self, _: NonZeroU16) -> Result<FeeEstimate, SourceError> {
        not_served()
    }

    async fn test_mempool_accept(
        &self,
        _: &[Transaction],
    ) -> Result<Vec<Result<MempoolAcceptance, Rejection>>, SourceError> {
        not_served()
    }

    async fn broadcast(&self, _: &Transaction, _: Amount) -> Result<Txid, SourceError> {
        not_served()
    }
}

fn follower(source: &Arc<MemoryChain>, start: Start) -> Follower {
    let source: Arc<dyn BitcoinSource> = Arc::<MemoryChain>::clone(source);
    Follower::new(source, start, FollowerConfig::new(POLL))
}

/// `+7` for a connected block at height 7, `-7` for a disconnected one.
async fn heard(follower: &mut Follower, events: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..events {
        heard.push(match follower.next_event().await.unwrap() {
            ChainEvent::Connected { id, .. } => format!("+{}", id.height),
            ChainEvent::Disconnected { id } => format!("-{}", id.height),
        });
    }
    heard
}

/// Whether the follower says nothing for a minute.
async fn is_silent(follower: &mut Follower) -> bool {
    tokio::time::timeout(Duration::from_mins(1), follower.next_event())
        .await
        .is_err()
}

#[tokio::test(start_paused = true)]
async fn a_reorg_is_undone_block_by_block_and_then_followed() {
    let source = MemoryChain::new(6);
    let mut follower = follower(&source, Start::At(BitcoinHeight(3)));
    assert_eq!(heard(&mut follower, 3).await, ["+3", "+4", "+5"]);
    assert!(is_silent(&mut follower).await);

    source.unwind(2);
    source.mine(3, 1);
    assert_eq!(
        heard(&mut follower, 5).await,
        ["-5", "-4", "+4", "+5", "+6"]
    );
    assert_eq!(follower.last_connected(), follower.source_tip());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_only_a_delay() {
    let source = MemoryChain::new(3);
    let mut follower = follower(&source, Start::At(BitcoinHeight(2)));
    assert_eq!(heard(&mut follower, 1).await, ["+2"]);

    source.fail(Some(away()));
    let back = Arc::clone(&source);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        back.mine(1, 0);
        back.fail(None);
    });
    let asked = tokio::time::Instant::now();
    assert_eq!(heard(&mut follower, 1).await, ["+3"]);
    let waited = asked.elapsed();
    assert!(
        waited >= Duration::from_secs(30) && waited < Duration::from_mins(1),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_that_needs_a_human_is_returned_and_nothing_is_lost() {
    let source = MemoryChain::new(2);
    let mut follower = follower(&source, Start::At(BitcoinHeight(0)));
    assert_eq!(heard(&mut follower, 1).await, ["+0"]);

    let actual = "test".to_owned();
    source.fail(Some(SourceError::WrongNetwork {
        expected: Network::Regtest,
        actual,
    }));
    let error = follower.next_event().await.unwrap_err();
    assert!(
        matches!(error, FollowError::Source(SourceError::WrongNetwork { .. })),
        "{error}"
    );

    source.fail(None);
    assert_eq!(heard(&mut follower, 1).await, ["+1"]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_calls_lose_nothing() {
    let source = MemoryChain::new(1);
    let mut follower = follower(&source, Start::At(BitcoinHeight(0)));
    let mut heights = Vec::new();
    for round in 0..200_u32 {
        if round % 4 == 0 {
            source.mine(1, 0);
        }
        // Shorter than the poll interval, so that most calls are dropped while they wait.
        let limit = Duration::from_millis(u64::from(round % 7) * 40);
        if let Ok(event) = tokio::time::timeout(limit, follower.next_event()).await {
            let ChainEvent::Connected { id, .. } = event.unwrap() else {
                panic!("no reorg here")
            };
            heights.push(id.height.0);
        }
    }
    assert!(heights.len() > 20, "{}", heights.len());
    assert_eq!(
        heights,
        (0..u32::try_from(heights.len()).unwrap()).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_resumed_follower_undoes_what_left_the_chain_while_it_was_off() {
    let source = MemoryChain::new(8);
    let mut first = follower(&source, Start::At(BitcoinHeight(2)));
    heard(&mut first, 6).await;
    let stored = Checkpoints::new(first.checkpoints().collect()).unwrap();
    drop(first);

    source.unwind(3);
    source.mine(4, 1);
    let mut second = follower(&source, Start::After(stored));
    assert_eq!(
        heard(&mut second, 7).await,
        ["-7", "-6", "-5", "+5", "+6", "+7", "+8"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_fork_below_the_checkpoints_is_named() {
    let source = MemoryChain::new(8);
    let mut first = follower(&source, Start::At(BitcoinHeight(6)));
    heard(&mut first, 2).await;
    let stored: Vec<_> = first.checkpoints().collect();

    source.unwind(4);
    source.mine(6, 1);
    let mut second = follower(
        &source,
        Start::After(Checkpoints::new(stored.clone()).unwrap()),
    );
    assert_eq!(heard(&mut second, 2).await, ["-7", "-6"]);
    let error = second.next_event().await.unwrap_err();
    assert!(
        error.to_string().contains(&stored[0].to_string()),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_follower_waits_for_a_height_that_does_not_exist_yet() {
    let source = MemoryChain::new(2);
    let mut follower = follower(&source, Start::At(BitcoinHeight(4)));
    assert!(is_silent(&mut follower).await);
    source.mine(3, 0);
    assert_eq!(heard(&mut follower, 1).await, ["+4"]);
}
