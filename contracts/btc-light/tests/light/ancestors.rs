//! Older headers come down by their hashes, and only so.

use bitcoin::block::Header;
use btc_light::ContractError;

use crate::contract::Contract;
use crate::miner::{Chain, transaction};
use staking::inclusion::InclusionProof;

fn downwards(chain: &Chain, from: u32, to: u32) -> Vec<Header> {
    (to..from)
        .rev()
        .map(|height| chain.headers()[height as usize])
        .collect()
}

#[test]
fn a_walk_stores_its_lowest_and_every_hundred_and_forty_fourth() {
    let chain = Chain::of(1_000);
    let mut contract = Contract::at(&chain);
    // The base holds 990 to 1000.
    contract
        .ancestor(990, &downwards(&chain, 990, 500))
        .unwrap();
    for height in 400..990 {
        let stored = contract.header(height);
        if height == 500 || height >= 500 && height % 144 == 0 {
            let stored = stored.unwrap();
            assert_eq!(stored.hash, chain.headers()[height as usize].block_hash());
            assert_eq!(stored.depth, 1_000 - height);
        } else {
            assert!(matches!(stored, Err(ContractError::UnknownHeight(_))));
        }
    }
    // It goes on from where it ended, down to the first block of all.
    contract.ancestor(500, &downwards(&chain, 500, 0)).unwrap();
    assert_eq!(
        contract.header(0).unwrap().hash,
        chain.headers()[0].block_hash()
    );
    assert!(matches!(
        contract.ancestor(0, &downwards(&chain, 1, 0)),
        Err(ContractError::NotAnAncestor { .. })
    ));
}

#[test]
fn what_is_no_ancestor_is_refused_and_nothing_of_the_walk_stays() {
    let chain = Chain::of(400);
    let mut contract = Contract::at(&chain);
    let size = contract.size();
    let mut walk = downwards(&chain, 390, 100);
    let strange = chain.fork(150, 1);
    let position = walk.len() - 50;
    walk[position] = *strange.last();
    assert!(matches!(
        contract.ancestor(390, &walk),
        Err(ContractError::NotAnAncestor { .. })
    ));
    assert!(matches!(
        contract.ancestor(389, &downwards(&chain, 389, 380)),
        Err(ContractError::UnknownHeight(389))
    ));
    assert!(matches!(
        contract.ancestor(401, &downwards(&chain, 401, 400)),
        Err(ContractError::UnknownHeight(401))
    ));
    assert!(matches!(
        contract.ancestor(390, &[]),
        Err(ContractError::HeaderBytes(0))
    ));
    assert_eq!(contract.size(), size);
}

#[test]
fn a_walk_within_what_is_stored_changes_nothing() {
    let chain = Chain::of(400);
    let mut contract = Contract::at(&chain);
    let size = contract.size();
    contract
        .ancestor(400, &downwards(&chain, 400, 392))
        .unwrap();
    assert_eq!(contract.size(), size);
}

#[test]
fn a_transaction_older_than_the_beginning_is_provable() {
    let mut chain = Chain::of(100);
    let block = chain.mine_block(vec![transaction(0, 22), transaction(1, 22)]);
    chain.mine(100);
    let mut contract = Contract::at(&chain);
    let tx = &block.txdata[1];
    let proof = InclusionProof::new(&block, tx.compute_txid()).unwrap();
    assert!(matches!(
        contract.verify(101, tx, &proof),
        Err(ContractError::UnknownHeight(101))
    ));
    contract
        .ancestor(191, &downwards(&chain, 191, 101))
        .unwrap();
    let verified = contract.verify(101, tx, &proof).unwrap();
    assert_eq!(verified.depth, 100);
    assert_eq!(verified.block_hash, block.block_hash());
}
