//! Commitment trees of any size: their shape, their proofs, and what no proof may show.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use eots::PublicRandomness;
use eots::commitment::{Block, Commitment, Proof, ProofError, Tree, TreeError, block_ranges};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Leaves that are all different and as good as any for a tree.
fn leaves(count: u64) -> Vec<PublicRandomness> {
    (0..count)
        .map(|i| PublicRandomness::from_bytes(Sha256::digest(i.to_be_bytes()).into()).unwrap())
        .collect()
}

/// The definition of RFC 6962, by recursion.
fn root_by_definition(leaves: &[PublicRandomness]) -> [u8; 32] {
    if let [leaf] = leaves {
        return Sha256::new()
            .chain_update([0x00])
            .chain_update(leaf)
            .finalize()
            .into();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    Sha256::new()
        .chain_update([0x01])
        .chain_update(root_by_definition(left))
        .chain_update(root_by_definition(right))
        .finalize()
        .into()
}

fn prove(tree: &Tree, leaves: &[PublicRandomness], index: u64) -> Proof {
    let range = tree.block_of(index).unwrap();
    let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
    tree.prove(index, &leaves[range]).unwrap()
}

fn at(leaves: &[PublicRandomness], index: u64) -> &PublicRandomness {
    &leaves[usize::try_from(index).unwrap()]
}

#[test]
fn every_leaf_of_every_small_tree_is_proven() {
    for count in 1..=70 {
        let leaves = leaves(count);
        let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
        assert_eq!(
            tree.commitment().to_bytes(),
            root_by_definition(&leaves),
            "{count} leaves"
        );
        for index in 0..count {
            let proof = prove(&tree, &leaves, index);
            proof
                .verify(&tree.commitment(), at(&leaves, index))
                .unwrap();
        }
    }
}

#[test]
fn trees_around_the_ends_of_blocks_have_the_same_shape() {
    for count in [255, 256, 257, 511, 512, 513, 767, 769, 1024, 1025, 1281] {
        let leaves = leaves(count);
        let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
        assert_eq!(tree.total(), count);
        assert_eq!(
            tree.commitment().to_bytes(),
            root_by_definition(&leaves),
            "{count} leaves"
        );
        let blocks = block_ranges(count).map(|range| {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            Block::new(&leaves[range]).unwrap()
        });
        assert_eq!(Tree::from_blocks(blocks).unwrap(), tree);
        for index in [0, 1, 254, count / 2, count - 2, count - 1] {
            let proof = prove(&tree, &leaves, index);
            proof
                .verify(&tree.commitment(), at(&leaves, index))
                .unwrap();
        }
    }
}

#[test]
fn trees_that_cannot_be_are_refused() {
    assert_eq!(Tree::from_leaves([]), Err(TreeError::Empty));
    assert_eq!(Tree::from_blocks([]), Err(TreeError::Empty));
    assert_eq!(Block::new(&[]), Err(TreeError::Empty));
    assert_eq!(
        Block::new(&leaves(257)),
        Err(TreeError::BlockLength { found: 257 })
    );
    let short = Block::new(&leaves(3)).unwrap();
    assert_eq!(
        Tree::from_blocks([short, short]),
        Err(TreeError::BlockLength { found: 3 })
    );
    assert_eq!(block_ranges(0).count(), 0);
}

#[test]
fn no_leaf_is_lost_between_blocks_where_their_number_is_not_known_beforehand() {
    let all = leaves(600);
    let tree = Tree::from_leaves(all.iter().copied()).unwrap();
    let of_unknown_length = all.iter().copied().filter(|_| true);
    assert_eq!(Tree::from_leaves(of_unknown_length), Ok(tree));
}

#[test]
fn a_proof_is_made_from_the_committed_leaves_only() {
    let all = leaves(600);
    let tree = Tree::from_leaves(all.iter().copied()).unwrap();
    let other_leaves = Err(TreeError::OtherLeaves { index: 300 });
    assert_eq!(tree.block_of(300), Ok(256..512));
    assert_eq!(tree.block_of(599), Ok(512..600));
    assert_eq!(tree.prove(300, &all[0..256]), other_leaves);
    assert_eq!(tree.prove(300, &all[256..511]), other_leaves);
    assert_eq!(tree.prove(300, &all), other_leaves);
    assert_eq!(tree.prove(300, &[]), other_leaves);
    assert!(tree.prove(300, &all[256..512]).is_ok());
    assert_eq!(
        tree.prove(600, &all[512..]),
        Err(TreeError::Index {
            index: 600,
            total: 600
        })
    );
    assert_eq!(
        tree.block_of(u64::MAX),
        Err(TreeError::Index {
            index: u64::MAX,
            total: 600
        })
    );
}

#[test]
fn a_proof_of_another_place_than_the_height_is_refused() {
    let all = leaves(20);
    let tree = Tree::from_leaves(all.iter().copied()).unwrap();
    let root = tree.commitment();
    let proof = prove(&tree, &all, 5);
    assert_eq!(proof.verify_height(100, 20, &root, 105, &all[5]), Ok(()));
    for (start, count, height) in [
        (100, 20, 104),
        (101, 20, 105),
        (100, 21, 105),
        (u64::MAX, 20, 4),
        (0, 20, 105),
    ] {
        assert_eq!(
            proof.verify_height(start, count, &root, height, &all[5]),
            Err(ProofError::Position {
                index: 5,
                total: 20,
                height,
                start,
                count
            })
        );
    }
}

proptest! {
    #[test]
    fn an_altered_proof_is_refused(
        count in 1_u64..600, place: prop::sample::Index, aunt: prop::sample::Index, bit in 0_usize..256,
        index: u64, total: u64,
    ) {
        let all = leaves(count);
        let tree = Tree::from_leaves(all.iter().copied()).unwrap();
        let root = tree.commitment();
        let place = place.index(all.len());
        let proof = prove(&tree, &all, u64::try_from(place).unwrap());
        let leaf = &all[place];
        prop_assert_eq!(proof.verify(&root, leaf), Ok(()));

        let refused = |alter: &dyn Fn(&mut Proof)| {
            let mut altered = proof.clone();
            alter(&mut altered);
            altered == proof || altered.verify(&root, leaf).is_err()
        };
        let flip = |hash: &mut [u8; 32]| hash[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(refused(&|proof| flip(&mut proof.leaf_hash)));
        prop_assert!(refused(&|proof| proof.aunts.push([0; 32])));
        prop_assert!(refused(&|proof| proof.aunts.insert(0, proof.leaf_hash)));
        prop_assert!(refused(&|proof| proof.aunts.truncate(proof.aunts.len().saturating_sub(1))));
        prop_assert!(refused(&|proof| proof.aunts.reverse()) || proof.aunts.is_empty());
        prop_assert!(refused(&|proof| proof.total = 0));
        prop_assert!(refused(&|proof| proof.index = proof.total));
        if !proof.aunts.is_empty() {
            prop_assert!(refused(&|proof| flip(aunt.get_mut(&mut proof.aunts))));
            prop_assert!(refused(&|proof| proof.index = index));
        }
        let mut other = root.to_bytes();
        flip(&mut other);
        prop_assert!(proof.verify(&Commitment::from_bytes(other), leaf).is_err());
        if let Some(other) = all.iter().find(|other| *other != leaf) {
            prop_assert_eq!(proof.verify(&root, other), Err(ProofError::LeafHash(*other)));
        }
        // Several totals give a leaf the same way up; which one was committed to is what `verify_height` checks.
        let mut retold = proof.clone();
        retold.total = total;
        if total != count {
            prop_assert!(retold.verify_height(1, count, &root, 1 + retold.index, leaf).is_err());
        }
    }

    #[test]
    fn no_proof_makes_verification_panic(
        total: u64, index: u64, leaf: u64, aunts in prop::collection::vec(any::<[u8; 32]>(), 0..130),
    ) {
        let leaf = PublicRandomness::from_bytes(Sha256::digest(leaf.to_be_bytes()).into()).unwrap();
        let leaf_hash = Sha256::new().chain_update([0x00]).chain_update(leaf).finalize().into();
        let proof = Proof { total, index, leaf_hash, aunts };
        prop_assert!(proof.verify(&Commitment::from_bytes([7; 32]), &leaf).is_err());
    }
}

#[test]
fn the_largest_trees_that_numbers_allow_are_judged() {
    let leaf = leaves(1)[0];
    let leaf_hash = Sha256::new()
        .chain_update([0x00])
        .chain_update(leaf)
        .finalize()
        .into();
    // The last leaf of an odd number has no sibling.
    for (index, aunts) in [(0, 64), (1, 64), (u64::MAX / 2, 64), (u64::MAX - 1, 63)] {
        let proof = Proof {
            total: u64::MAX,
            index,
            leaf_hash,
            aunts: vec![[1; 32]; aunts],
        };
        let verdict = proof.verify(&Commitment::from_bytes([7; 32]), &leaf);
        assert_eq!(
            verdict,
            Err(ProofError::Root(Commitment::from_bytes([7; 32]))),
            "leaf {index}"
        );
    }
}
