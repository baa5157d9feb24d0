//! The contract against a model that keeps whole chains: after any sequence of branches both have the same best chain.

use proptest::prelude::*;

use crate::contract::{Contract, MAX_REORG};
use crate::miner::Chain;

#[derive(Debug, Clone)]
struct Branch {
    /// How far below the tip it parts.
    back: u32,
    blocks: u32,
    /// How many known headers come along.
    overlap: u32,
    /// Seconds by which its blocks differ from others.
    shift: u32,
}

fn branch() -> impl Strategy<Value = Branch> {
    (0..25_u32, 1..30_u32, 0..5_u32, 0..9_u32).prop_map(|(back, blocks, overlap, shift)| Branch {
        back,
        blocks,
        overlap,
        shift,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_best_chain_is_that_of_the_model(branches in prop::collection::vec(branch(), 1..15)) {
        let mut best = Chain::of(15);
        let mut contract = Contract::at(&best);
        let mut reorgs = 0;
        for branch in branches {
            let fork_height = best.height().saturating_sub(branch.back).max(15);
            let mut candidate = best.fork(fork_height, 0);
            for _ in 0..branch.blocks {
                candidate.mine_with(|header| header.time += branch.shift);
            }
            // Mined alike, the first blocks may be those of the best chain.
            let common = (0..=best.height().min(candidate.height()))
                .take_while(|height| best.headers()[*height as usize] == candidate.headers()[*height as usize])
                .last()
                .unwrap();
            let depth = best.height() - common;
            let known = common == candidate.height();
            let wins = depth <= MAX_REORG && candidate.work() > best.work() && !known;
            let from = fork_height.saturating_sub(branch.overlap).max(15);
            let taken = contract.headers(from, candidate.above(from));
            prop_assert_eq!(taken.is_ok(), wins || known, "{:?}", taken);
            if wins {
                reorgs += u64::from(depth > 0);
                best = candidate;
            }
            let tip = contract.tip();
            prop_assert_eq!((tip.height, tip.hash), (best.height(), best.last().block_hash()));
            prop_assert_eq!(tip.chainwork, Some(best.work().to_be_bytes().into()));
            prop_assert_eq!(contract.health(0).reorg_seq, reorgs);
            for height in 5..=best.height() {
                let stored = contract.header(height).unwrap();
                prop_assert_eq!(stored.hash, best.headers()[height as usize].block_hash());
            }
            prop_assert!(contract.header(best.height() + 1).is_err());
        }
    }
}
