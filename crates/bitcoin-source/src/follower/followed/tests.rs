//! The followed chain against a model of a node whose chain grows, shrinks and forks between any two questions.

use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, CompactTarget, TxMerkleNode, block};
use proptest::prelude::*;

use super::*;
use crate::follower::Checkpoints;

/// A node: its best chain, from genesis.
struct Node {
    chain: Vec<Header>,
    mined: u32,
}

impl Node {
    fn new(blocks: usize) -> Self {
        let mut node = Self {
            chain: Vec::new(),
            mined: 0,
        };
        node.mine(blocks);
        node
    }

    fn mine(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.mined += 1;
            self.chain.push(Header {
                version: block::Version::ONE,
                prev_blockhash: self
                    .chain
                    .last()
                    .map_or(BlockHash::all_zeros(), Header::block_hash),
                merkle_root: TxMerkleNode::all_zeros(),
                time: 0,
                bits: CompactTarget::from_consensus(0x207f_ffff),
                // No two blocks are ever the same, as on a real chain.
                nonce: self.mined,
            });
        }
    }

    /// Replaces the last `depth` blocks by `depth + growth` others.
    fn reorganise(&mut self, depth: usize, growth: usize) {
        let depth = depth.min(self.chain.len() - 1);
        self.chain.truncate(self.chain.len() - depth);
        self.mine(depth + growth);
    }

    fn id(&self, height: usize) -> BlockId {
        let hash = self.chain[height].block_hash();
        BlockId {
            height: BitcoinHeight(u32::try_from(height).unwrap()),
            hash,
        }
    }

    fn tip(&self) -> BlockId {
        self.id(self.chain.len() - 1)
    }

    fn ids(&self, from: usize) -> Vec<BlockId> {
        (from..self.chain.len())
            .map(|height| self.id(height))
            .collect()
    }

    fn header(&self, height: BitcoinHeight) -> Option<&Header> {
        self.chain.get(usize::try_from(height.0).unwrap())
    }
}

/// What a caller would know from the events alone.
struct Listener {
    chain: FollowedChain,
    heard: Vec<BlockId>,
}

impl Listener {
    fn new(start: Start, remembered: usize) -> Self {
        let chain = FollowedChain::new(start, NonZeroUsize::new(remembered).unwrap());
        let heard = chain.blocks().collect();
        Self { chain, heard }
    }

    /// One step that was told `tip` earlier and reads `node` as it is now; whether anything happened.
    fn step(&mut self, tip: BlockId, node: &Node) -> Result<bool, FollowError> {
        match self.chain.next(tip)? {
            Next::Wait => return Ok(false),
            Next::Disconnect => {}
            Next::Read(height) => {
                let Some(header) = node.header(height) else {
                    return Ok(false);
                };
                if self.chain.is_parent_of(header) {
                    let id = BlockId {
                        height,
                        hash: header.block_hash(),
                    };
                    self.chain.connect(id);
                    if let Some(last) = self.heard.last() {
                        assert_eq!(
                            last.height.checked_add(1),
                            Some(height),
                            "blocks come in order"
                        );
                    }
                    self.heard.push(id);
                    return Ok(true);
                }
            }
        }
        let gone = self.chain.disconnect();
        assert_eq!(
            gone,
            self.heard.pop(),
            "only the last block can be disconnected"
        );
        Ok(gone.is_some())
    }

    fn settle(&mut self, node: &Node) -> Result<(), FollowError> {
        while self.step(node.tip(), node)? {}
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Change {
    Mine(usize),
    Reorganise {
        depth: usize,
        growth: usize,
    },
    /// The listener takes so many steps, the first with a tip from before the last change.
    Listen(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (1..4_usize).prop_map(Change::Mine),
        (1..7_usize, 0..3_usize).prop_map(|(depth, growth)| Change::Reorganise { depth, growth }),
        (1..12_usize).prop_map(Change::Listen),
    ]
}

proptest! {
    #[test]
    fn the_listener_ends_with_the_nodes_chain_whatever_happened(
        start in 0..12_usize,
        changes in proptest::collection::vec(change(), 0..60),
    ) {
        let mut node = Node::new(5);
        let height = BitcoinHeight(u32::try_from(start).unwrap());
        let mut listener = Listener::new(Start::At(height), 10_000);
        let mut known_tip = node.tip();
        for change in changes {
            match change {
                Change::Mine(blocks) => node.mine(blocks),
                Change::Reorganise { depth, growth } => node.reorganise(depth, growth),
                Change::Listen(steps) => {
                    for _ in 0..steps {
                        listener.step(known_tip, &node).unwrap();
                        known_tip = node.tip();
                    }
                }
            }
        }
        node.mine(20);
        listener.settle(&node).unwrap();
        prop_assert_eq!(&listener.heard, &node.ids(start));
    }

    #[test]
    fn a_resumed_listener_undoes_what_left_the_chain_and_hears_the_rest(
        processed in 1..20_usize,
        depth in 0..20_usize,
        growth in 1..5_usize,
    ) {
        let mut node = Node::new(30);
        let mut first = Listener::new(Start::At(BitcoinHeight(10)), 1000);
        for _ in 0..processed {
            first.step(node.tip(), &node).unwrap();
        }
        let stored = Checkpoints::new(first.chain.blocks().collect()).unwrap();

        node.reorganise(depth, growth);
        let mut second = Listener::new(Start::After(stored), 1000);
        let forked_below = 30 - depth.min(29) < 11;
        match second.settle(&node) {
            Ok(()) => prop_assert_eq!(&second.heard, &node.ids(10)),
            Err(error) => {
                prop_assert!(forked_below, "{}", error);
                prop_assert!(second.heard.is_empty());
            }
        }
    }

    #[test]
    fn a_late_node_on_our_branch_disconnects_nothing(behind in 1..9_usize) {
        let node = Node::new(10);
        let mut listener = Listener::new(Start::At(BitcoinHeight(0)), 1000);
        listener.settle(&node).unwrap();
        let late = node.id(9 - behind);
        prop_assert_eq!(listener.chain.next(late).unwrap(), Next::Wait);
    }
}

#[test]
fn memory_is_bounded_and_a_reorg_within_it_is_followed() {
    let mut node = Node::new(100);
    let mut listener = Listener::new(Start::At(BitcoinHeight(0)), 6);
    listener.settle(&node).unwrap();
    assert_eq!(listener.chain.blocks().len(), 6);
    node.reorganise(5, 1);
    listener.settle(&node).unwrap();
    assert_eq!(listener.heard, node.ids(0));
}

#[test]
fn a_reorg_below_everything_remembered_is_an_error_that_stays() {
    let mut node = Node::new(100);
    let mut listener = Listener::new(Start::At(BitcoinHeight(0)), 6);
    listener.settle(&node).unwrap();
    let lowest = node.id(94);
    node.reorganise(7, 1);
    for _ in 0..2 {
        let error = listener.settle(&node).unwrap_err();
        assert!(
            matches!(error, FollowError::ForkBelowCheckpoints { lowest: named } if named == lowest),
            "{error}"
        );
    }
    assert_eq!(
        listener.heard.len(),
        94,
        "what is known to be stale was disconnected"
    );
}
