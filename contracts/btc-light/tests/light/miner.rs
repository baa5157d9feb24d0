//! A regtest chain, mined here.

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::transaction;
use bitcoin::{
    Amount, Block, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut,
    Txid, Witness, Work,
};

/// The secured chain's clock in tests: far enough after genesis for every chain mined here.
pub(crate) const NOW: u64 = 1_400_000_000;

/// Seconds from block to block.
pub(crate) const SPACING: u32 = 600;

#[derive(Debug, Clone)]
pub(crate) struct Chain(Vec<Header>);

impl Chain {
    /// Genesis and this many blocks on it.
    pub(crate) fn of(blocks: u32) -> Self {
        let mut chain = Self(vec![genesis_block(Network::Regtest).header]);
        chain.mine(blocks);
        chain
    }

    /// A chain of which the first `blocks` are as old as the genesis block and the last is dated now.
    pub(crate) fn until_now(blocks: u32) -> Self {
        let mut chain = Self::of(0);
        for number in (0..blocks).rev() {
            chain.mine_with(|header| {
                header.time = u32::try_from(NOW).unwrap() - number * SPACING;
            });
        }
        chain
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.0.len() - 1).unwrap()
    }

    pub(crate) fn headers(&self) -> &[Header] {
        &self.0
    }

    /// The headers above a height.
    pub(crate) fn above(&self, height: u32) -> &[Header] {
        &self.0[height as usize + 1..]
    }

    pub(crate) fn last(&self) -> &Header {
        self.0.last().unwrap()
    }

    pub(crate) fn work(&self) -> Work {
        self.0[1..]
            .iter()
            .fold(self.0[0].work(), |work, header| work + header.work())
    }

    pub(crate) fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.mine_with(|_| ());
        }
    }

    /// Mines one header after a change.
    pub(crate) fn mine_with(&mut self, change: impl FnOnce(&mut Header)) {
        let parent = self.last();
        let mut header = Header {
            version: Version::from_consensus(4),
            prev_blockhash: parent.block_hash(),
            merkle_root: TxMerkleNode::all_zeros(),
            time: parent.time + SPACING,
            bits: parent.bits,
            nonce: 0,
        };
        change(&mut header);
        while header.validate_pow(header.target()).is_err() {
            header.nonce += 1;
        }
        self.0.push(header);
    }

    /// Mines a block with these transactions.
    pub(crate) fn mine_block(&mut self, transactions: Vec<Transaction>) -> Block {
        let mut block = Block {
            header: *self.last(),
            txdata: transactions,
        };
        let merkle_root = block.compute_merkle_root().unwrap();
        self.mine_with(|header| header.merkle_root = merkle_root);
        block.header = *self.last();
        block
    }

    /// Another chain that parts from this one above a height, and has this many blocks from there.
    pub(crate) fn fork(&self, height: u32, blocks: u32) -> Self {
        let mut fork = Self(self.0[..=height as usize].to_vec());
        for _ in 0..blocks {
            // Any other content makes it another block.
            fork.mine_with(|header| header.merkle_root = TxMerkleNode::from_byte_array([1; 32]));
        }
        fork
    }
}

/// A transaction with an output script of this length; 60 bytes plus the script.
pub(crate) fn transaction(number: u32, script_length: usize) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::from_consensus(number),
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::all_zeros(), number),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(number.into()),
            script_pubkey: ScriptBuf::from(vec![0x51; script_length]),
        }],
    }
}
