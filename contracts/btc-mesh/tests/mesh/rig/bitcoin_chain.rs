//! A regtest chain, mined here.

use bitcoin::block::{Header, Version};
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::{Block, Network, Transaction, TxMerkleNode, Work};
use btc_mesh::msg::Inclusion;
use staking::inclusion::InclusionProof;

use super::staker::funded;

/// Seconds from block to block.
const SPACING: u32 = 600;

#[derive(Debug, Clone)]
pub(crate) struct Bitcoin {
    headers: Vec<Header>,
    /// Seconds from block to block.
    pub(crate) spacing: u32,
}

impl Bitcoin {
    /// Genesis and this many blocks on it.
    pub(crate) fn of(blocks: u32) -> Self {
        let mut chain = Self {
            headers: vec![genesis_block(Network::Regtest).header],
            spacing: SPACING,
        };
        chain.mine(blocks);
        chain
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.headers.len() - 1).unwrap()
    }

    pub(crate) fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The headers above a height.
    pub(crate) fn above(&self, height: u32) -> &[Header] {
        &self.headers[height as usize + 1..]
    }

    pub(crate) fn tip(&self) -> &Header {
        self.headers.last().unwrap()
    }

    pub(crate) fn work(&self) -> Work {
        let genesis = self.headers[0].work();
        let others = &self.headers[1..];
        others
            .iter()
            .fold(genesis, |work, header| work + header.work())
    }

    pub(crate) fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.mine_root(TxMerkleNode::all_zeros());
        }
    }

    /// Mines a block of a first transaction, which stands for the coinbase, and these; returns where each of them is.
    pub(crate) fn mine_block(&mut self, transactions: &[Transaction]) -> Vec<Inclusion> {
        let mut block = Block {
            header: *self.tip(),
            txdata: [&[funded(0, Vec::new())], transactions].concat(),
        };
        self.mine_root(block.compute_merkle_root().unwrap());
        block.header = *self.tip();
        let height = self.height();
        transactions
            .iter()
            .map(|tx| {
                let proof = InclusionProof::new(&block, tx.compute_txid()).unwrap();
                Inclusion {
                    height,
                    index: proof.index,
                    branch: proof.path_bytes().into(),
                }
            })
            .collect()
    }

    fn mine_root(&mut self, merkle_root: TxMerkleNode) {
        let parent = self.tip();
        let mut header = Header {
            version: Version::from_consensus(4),
            prev_blockhash: parent.block_hash(),
            merkle_root,
            time: parent.time + self.spacing,
            bits: parent.bits,
            nonce: 0,
        };
        while header.validate_pow(header.target()).is_err() {
            header.nonce += 1;
        }
        self.headers.push(header);
    }

    /// Another chain that parts from this one above a height, and has this many other blocks from there.
    pub(crate) fn fork(&self, height: u32, blocks: u32) -> Self {
        let mut fork = Self {
            headers: self.headers[..=height as usize].to_vec(),
            spacing: self.spacing,
        };
        for _ in 0..blocks {
            // Any other content makes it another block; the tip's hash makes it another one each time.
            fork.mine_root(TxMerkleNode::from_byte_array(
                self.tip().block_hash().to_byte_array(),
            ));
        }
        fork
    }
}
