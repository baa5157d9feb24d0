//! Inclusion proofs: for every transaction of any block, and for nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::transaction;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Sequence, Transaction,
    TxIn, TxMerkleNode, TxOut, Txid, Witness,
};
use proptest::prelude::*;
use staking::inclusion::{InclusionError, InclusionProof, MAX_DEPTH};

/// A transaction with an output script of this length; 60 bytes plus the script.
fn transaction(number: u32, script_length: usize) -> Transaction {
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

fn block_of(transactions: Vec<Transaction>) -> Block {
    let header = Header {
        version: Version::TWO,
        prev_blockhash: BlockHash::all_zeros(),
        merkle_root: TxMerkleNode::all_zeros(),
        time: 0,
        bits: CompactTarget::from_consensus(0x207f_ffff),
        nonce: 0,
    };
    let mut block = Block {
        header,
        txdata: transactions,
    };
    // rust-bitcoin's own tree is the reference.
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    block
}

fn block(length: u32) -> Block {
    block_of((0..length).map(|number| transaction(number, 22)).collect())
}

fn proof_at(block: &Block, index: usize) -> InclusionProof {
    InclusionProof::new(block, block.txdata[index].compute_txid()).unwrap()
}

#[test]
fn the_only_transaction_of_the_genesis_block_needs_no_sibling() {
    let block = genesis_block(Network::Bitcoin);
    let proof = proof_at(&block, 0);
    assert!(proof.siblings.is_empty());
    assert_eq!(proof.verify(&block.txdata[0], &block.header), Ok(()));
    assert_eq!(
        proof.verify_not_coinbase(&block.txdata[0], &block.header),
        Err(InclusionError::Coinbase(proof.txid))
    );
}

#[test]
fn the_coinbase_is_refused_where_it_cannot_stake() {
    let block = block(5);
    let coinbase = proof_at(&block, 0);
    assert_eq!(coinbase.verify(&block.txdata[0], &block.header), Ok(()));
    assert!(matches!(
        coinbase.verify_not_coinbase(&block.txdata[0], &block.header),
        Err(InclusionError::Coinbase(_))
    ));
    let other = proof_at(&block, 1);
    assert_eq!(
        other.verify_not_coinbase(&block.txdata[1], &block.header),
        Ok(())
    );
}

#[test]
fn a_coinbase_cannot_hide_behind_a_larger_index() {
    // The node ignores the high bits of an index (spec 6.6): 4 verifies there like 0 in a block of four.
    let block = block(4);
    let proof = InclusionProof {
        index: 4,
        ..proof_at(&block, 0)
    };
    assert_eq!(
        proof.verify_not_coinbase(&block.txdata[0], &block.header),
        Err(InclusionError::Index { index: 4, depth: 2 })
    );
}

#[test]
fn the_duplicate_of_a_last_node_is_no_position() {
    // CVE-2012-2459: in a block of three, index 3 hashes like index 2.
    let block = block(3);
    let proof = InclusionProof {
        index: 3,
        ..proof_at(&block, 2)
    };
    assert_eq!(
        proof.verify(&block.txdata[2], &block.header),
        Err(InclusionError::Duplicate { index: 3, level: 0 })
    );
}

#[test]
fn a_transaction_as_long_as_an_inner_node_is_refused() {
    let block = block_of(vec![
        transaction(0, 22),
        transaction(1, 4),
        transaction(2, 5),
    ]);
    assert_eq!(block.txdata[1].base_size(), 64);
    assert_eq!(
        proof_at(&block, 1).verify(&block.txdata[1], &block.header),
        Err(InclusionError::AmbiguousLength(
            block.txdata[1].compute_txid()
        ))
    );
    assert_eq!(
        proof_at(&block, 2).verify(&block.txdata[2], &block.header),
        Ok(())
    );
}

#[test]
fn nothing_is_provable_below_a_transaction_that_reads_as_a_node() {
    // CVE-2017-12842. The id of this stranger was ground to be the end of a transaction of 64 bytes, which a block has.
    let stranger = transaction(660_535, 22);
    let mut bytes = [0; 64];
    bytes[0] = 2; // Version.
    bytes[4] = 1; // Number of inputs.
    bytes[32..].copy_from_slice(&stranger.compute_txid().to_byte_array());
    let forged: Transaction = encode::deserialize(&bytes).unwrap();
    let block = block_of(vec![transaction(0, 22), forged]);

    let left = TxMerkleNode::from_slice(&bytes[..32]).unwrap();
    let proof = InclusionProof {
        index: 3,
        txid: stranger.compute_txid(),
        siblings: vec![left, proof_at(&block, 1).siblings[0]],
        block_hash: block.block_hash(),
    };
    assert_eq!(proof.verify(&stranger, &block.header), Ok(()));
    assert_eq!(
        proof.verify_unambiguous(&stranger, &block.header),
        Err(InclusionError::HiddenTransaction { level: 1 })
    );
}

#[test]
fn a_proof_is_of_one_transaction_in_one_block() {
    let (block, other) = (block(4), block(5));
    let proof = proof_at(&block, 1);
    assert!(matches!(
        proof.verify(&block.txdata[2], &block.header),
        Err(InclusionError::OtherTransaction { .. })
    ));
    assert!(matches!(
        proof.verify(&block.txdata[1], &other.header),
        Err(InclusionError::OtherBlock { .. })
    ));
    let missing = transaction(9, 22).compute_txid();
    assert!(matches!(
        InclusionProof::new(&block, missing),
        Err(InclusionError::NotInBlock { txid, .. }) if txid == missing
    ));
}

#[test]
fn a_block_whose_header_commits_to_others_gives_no_proof() {
    let mut block = block(4);
    block.txdata.swap(2, 3);
    let txid = block.txdata[1].compute_txid();
    assert_eq!(
        InclusionProof::new(&block, txid),
        Err(InclusionError::BlockRoot(block.block_hash()))
    );
}

#[test]
fn a_path_is_whole_hashes_and_not_deeper_than_a_block() {
    assert_eq!(
        InclusionProof::parse_path(&[0; 33]),
        Err(InclusionError::PathLength(33))
    );
    assert!(InclusionProof::parse_path(&[0; 32 * MAX_DEPTH]).is_ok());
    assert_eq!(
        InclusionProof::parse_path(&vec![0; 32 * (MAX_DEPTH + 1)]),
        Err(InclusionError::Depth(MAX_DEPTH + 1))
    );
    let block = block(1);
    let siblings = vec![TxMerkleNode::all_zeros(); 40];
    let proof = InclusionProof {
        siblings,
        index: u32::MAX,
        ..proof_at(&block, 0)
    };
    assert_eq!(
        proof.verify(&block.txdata[0], &block.header),
        Err(InclusionError::Depth(40))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_transaction_of_any_block_is_provable(length in 1..70_u32) {
        let block = block(length);
        for (index, transaction) in block.txdata.iter().enumerate() {
            let proof = proof_at(&block, index);
            prop_assert_eq!(proof.index as usize, index);
            prop_assert_eq!(proof.verify(transaction, &block.header), Ok(()));
            prop_assert_eq!(proof.verify_unambiguous(transaction, &block.header), Ok(()));
            let path = InclusionProof::parse_path(&proof.path_bytes()).unwrap();
            prop_assert_eq!(path, proof.siblings);
        }
    }

    #[test]
    fn no_other_index_verifies(length in 1..40_u32, index in any::<prop::sample::Index>(), other in 0..300_u32) {
        let block = block(length);
        let index = index.index(block.txdata.len());
        let proof = proof_at(&block, index);
        prop_assume!(other as usize != index);
        let moved = InclusionProof { index: other, ..proof };
        prop_assert!(moved.verify(&block.txdata[index], &block.header).is_err());
    }

    #[test]
    fn no_changed_path_verifies(
        length in 2..40_u32,
        index in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let block = block(length);
        let index = index.index(block.txdata.len());
        let proof = proof_at(&block, index);
        let mut path = proof.path_bytes();
        let byte = byte.index(path.len());
        path[byte] ^= 1_u8 << bit;
        let changed = InclusionProof { siblings: InclusionProof::parse_path(&path).unwrap(), ..proof.clone() };
        prop_assert!(changed.verify(&block.txdata[index], &block.header).is_err());
        let shorter = InclusionProof { siblings: proof.siblings[1..].to_vec(), ..proof };
        prop_assert!(shorter.verify(&block.txdata[index], &block.header).is_err());
    }

    #[test]
    fn any_path_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..700), index in any::<u32>()) {
        if let Ok(siblings) = InclusionProof::parse_path(&bytes) {
            let block = block(3);
            let proof = InclusionProof { siblings, index, ..proof_at(&block, 1) };
            prop_assert!(proof.verify(&block.txdata[1], &block.header).is_err());
        }
    }
}
