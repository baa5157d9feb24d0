//! A proof of inclusion is of one transaction at one place in one block, or it is refused.

use bitcoin::TxMerkleNode;
use bitcoin::consensus::encode::{self, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{Block, Transaction, Witness};
use btc_light::ContractError;
use btc_light::msg::{QueryMsg, VerifyTxResponse};
use proptest::prelude::*;
use staking::inclusion::{InclusionError, InclusionProof};

use crate::contract::Contract;
use crate::miner::{Chain, transaction};

/// A contract that knows a block of these transactions at height 16, under ten others.
fn setting(transactions: Vec<Transaction>) -> (Contract, Block) {
    let mut chain = Chain::of(15);
    let mut contract = Contract::at(&chain);
    let block = chain.mine_block(transactions);
    chain.mine(10);
    contract.headers(15, chain.above(15)).unwrap();
    (contract, block)
}

fn transactions(count: u32) -> Vec<Transaction> {
    (0..count).map(|number| transaction(number, 22)).collect()
}

fn proof(block: &Block, index: usize) -> InclusionProof {
    InclusionProof::new(block, block.txdata[index].compute_txid()).unwrap()
}

#[test]
fn every_transaction_is_provable_with_and_without_its_witness() {
    let (contract, block) = setting(transactions(5));
    for (index, tx) in block.txdata.iter().enumerate() {
        let verified = contract.verify(16, tx, &proof(&block, index)).unwrap();
        let expected = VerifyTxResponse {
            test_only: true,
            depth: 10,
            block_hash: block.block_hash(),
        };
        assert_eq!(verified, expected);
    }
    let mut witnessed = block.txdata[2].clone();
    witnessed.input[0].witness = Witness::from_slice(&[[7; 64]]);
    assert!(contract.verify(16, &witnessed, &proof(&block, 2)).is_ok());
}

#[test]
fn fake_inclusion_is_refused_in_every_form() {
    let (contract, block) = setting(transactions(3));
    let good = proof(&block, 2);
    let tx = &block.txdata[2];
    let refusal = |height, tx: &Transaction, proof: &InclusionProof| {
        contract.verify(height, tx, proof).unwrap_err()
    };
    // An index beyond the tree, which hashes like the right one.
    let high = InclusionProof {
        index: 2 + 4,
        ..good.clone()
    };
    assert!(matches!(
        refusal(16, tx, &high),
        ContractError::Inclusion(InclusionError::Index { index: 6, depth: 2 })
    ));
    // The duplicate of the odd last transaction.
    let duplicate = InclusionProof {
        index: 3,
        ..good.clone()
    };
    assert!(matches!(
        refusal(16, tx, &duplicate),
        ContractError::Inclusion(InclusionError::Duplicate { .. })
    ));
    // The wrong block, transaction, path.
    assert!(matches!(
        refusal(17, tx, &good),
        ContractError::Inclusion(InclusionError::Root { .. })
    ));
    assert!(matches!(
        refusal(16, &block.txdata[1], &good),
        ContractError::Inclusion(InclusionError::Root { .. })
    ));
    let mut short = good.clone();
    short.siblings.pop();
    assert!(matches!(
        refusal(16, tx, &short),
        ContractError::Inclusion(InclusionError::Index { .. })
    ));
    // A block that is not there.
    assert!(matches!(
        refusal(27, tx, &good),
        ContractError::UnknownHeight(27)
    ));
}

#[test]
fn transactions_of_sixty_four_bytes_prove_nothing_neither_themselves_nor_what_is_below() {
    let stranger = transaction(660_535, 22);
    let mut bytes = [0; 64];
    bytes[0] = 2;
    bytes[4] = 1;
    bytes[32..].copy_from_slice(&stranger.compute_txid().to_byte_array());
    let forged: Transaction = encode::deserialize(&bytes).unwrap();
    let (contract, block) = setting(vec![transaction(0, 22), forged.clone()]);
    let of_forged = proof(&block, 1);
    assert!(matches!(
        contract.verify(16, &forged, &of_forged),
        Err(ContractError::Inclusion(InclusionError::AmbiguousLength(_)))
    ));
    let below = InclusionProof {
        index: 3,
        txid: stranger.compute_txid(),
        siblings: vec![
            TxMerkleNode::from_slice(&bytes[..32]).unwrap(),
            of_forged.siblings[0],
        ],
        block_hash: block.block_hash(),
    };
    assert!(matches!(
        contract.verify(16, &stranger, &below),
        Err(ContractError::Inclusion(
            InclusionError::HiddenTransaction { level: 1 }
        ))
    ));
}

#[test]
fn oversized_and_garbled_questions_are_refused() {
    let (contract, block) = setting(transactions(2));
    let ask = |tx: Vec<u8>, branch: Vec<u8>| {
        contract
            .ask::<VerifyTxResponse>(QueryMsg::VerifyTx {
                height: 16,
                tx: tx.into(),
                index: 1,
                branch: branch.into(),
            })
            .unwrap_err()
    };
    let tx = serialize(&block.txdata[1]);
    assert!(matches!(
        ask(vec![0; 400_001], vec![]),
        ContractError::TransactionSize(400_001)
    ));
    assert!(matches!(ask(vec![], vec![]), ContractError::Transaction(_)));
    let trailing = [tx.clone(), vec![0]].concat();
    assert!(matches!(
        ask(trailing, vec![]),
        ContractError::Transaction(_)
    ));
    assert!(matches!(
        ask(tx.clone(), vec![0; 33]),
        ContractError::Inclusion(InclusionError::PathLength(33))
    ));
    assert!(matches!(
        ask(tx, vec![0; 32 * 16]),
        ContractError::Inclusion(InclusionError::Depth(16))
    ));
}

#[test]
fn a_reorganisation_takes_its_blocks_and_their_proofs_away() {
    let mut chain = Chain::of(15);
    let mut contract = Contract::at(&chain);
    let block = chain.mine_block(transactions(4));
    contract.headers(15, chain.above(15)).unwrap();
    let proof = proof(&block, 1);
    assert_eq!(
        contract.verify(16, &block.txdata[1], &proof).unwrap().depth,
        0
    );
    let fork = chain.fork(15, 2);
    contract.headers(15, fork.above(15)).unwrap();
    assert!(matches!(
        contract.verify(16, &block.txdata[1], &proof),
        Err(ContractError::Inclusion(InclusionError::Root { .. }))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_question_is_answered_without_a_panic(
        height in prop_oneof![14..28_u32, any::<u32>()],
        tx in prop::collection::vec(any::<u8>(), 0..200),
        index in any::<u32>(),
        branch in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (contract, _) = setting(transactions(2));
        let asked = contract.ask::<VerifyTxResponse>(QueryMsg::VerifyTx {
            height,
            tx: tx.into(),
            index,
            branch: branch.into(),
        });
        prop_assert!(asked.is_err());
    }
}
