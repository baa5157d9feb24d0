//! Headers: every rule, reorganisations, and what a message may hold.

use bitcoin::CompactTarget;
use bitcoin::block::{Header, Version};
use btc_light::ContractError;
use btc_light::msg::ExecuteMsg;
use cosmwasm_std::Binary;
use staking::header::HeaderError;

use crate::contract::{Contract, MAX_REORG};
use crate::miner::{self, Chain};

/// The contract at height 15 and what it knows.
fn setting() -> (Contract, Chain) {
    let chain = Chain::of(15);
    (Contract::at(&chain), chain)
}

#[test]
fn anybody_brings_headers_and_known_ones_are_no_error() {
    let (mut contract, mut chain) = setting();
    chain.mine(30);
    contract.headers(15, &chain.above(15)[..20]).unwrap();
    assert_eq!(contract.tip().height, 35);
    // The second relayer overlaps with the first.
    contract.headers(20, chain.above(20)).unwrap();
    let tip = contract.tip();
    assert_eq!((tip.height, tip.hash), (45, chain.last().block_hash()));
    assert_eq!(tip.chainwork, Some(chain.work().to_be_bytes().into()));
    let again = contract.headers(15, chain.above(15)).unwrap();
    assert!(
        again
            .attributes
            .iter()
            .any(|a| a.key == "added" && a.value == "0")
    );
    assert_eq!(contract.tip(), tip);
}

#[test]
fn a_message_holds_one_to_two_thousand_and_sixteen_whole_headers() {
    let (mut contract, mut chain) = setting();
    chain.mine(2017);
    let bytes = |length| ExecuteMsg::Headers {
        parent_height: 15,
        raw: Binary::from(vec![0; length]),
    };
    for length in [0, 79, 81, 80 * 2017] {
        assert!(matches!(
            contract.execute(bytes(length)),
            Err(ContractError::HeaderBytes(found)) if found == length
        ));
    }
    assert!(matches!(
        contract.headers(15, chain.above(15)),
        Err(ContractError::HeaderBytes(_))
    ));
    contract.headers(15, &chain.above(15)[..2016]).unwrap();
    assert_eq!(contract.tip().height, 2031);
}

#[test]
fn headers_build_on_a_stored_one_at_the_stated_height() {
    let (mut contract, mut chain) = setting();
    chain.mine(2);
    for parent_height in [0, 14, 16, u32::MAX] {
        assert!(matches!(
            contract.headers(parent_height, chain.above(15)),
            Err(ContractError::UnknownParent { height, base: 15, tip: 15 }) if height == parent_height
        ));
    }
    assert!(matches!(
        contract.headers(15, chain.above(16)),
        Err(ContractError::Header(HeaderError::Parent { .. }))
    ));
}

#[test]
fn each_rule_for_headers_holds() {
    type Break = fn(&mut Header);
    type Check = fn(&ContractError) -> bool;
    let breaks: [(Break, Check); 4] = [
        (
            |header| header.bits = CompactTarget::from_consensus(0x207f_fffe),
            |error| matches!(error, ContractError::Header(HeaderError::Difficulty { .. })),
        ),
        (
            // Easier than the network's limit.
            |header| header.bits = CompactTarget::from_consensus(0x2100_ffff),
            |error| matches!(error, ContractError::Header(HeaderError::Difficulty { .. })),
        ),
        (
            // Not after the median of the last eleven, which is that of five blocks before.
            |header| header.time -= 6 * miner::SPACING,
            |error| matches!(error, ContractError::Header(HeaderError::Time { .. })),
        ),
        (
            |header| header.time = u32::try_from(miner::NOW).unwrap() + 2 * 60 * 60 + 1,
            |error| {
                matches!(
                    error,
                    ContractError::Future {
                        now: miner::NOW,
                        ..
                    }
                )
            },
        ),
    ];
    for (change, expected) in breaks {
        let (mut contract, mut chain) = setting();
        chain.mine(3);
        chain.mine_with(change);
        let before = contract.tip();
        let error = contract.headers(15, chain.above(15)).unwrap_err();
        assert!(expected(&error), "{error}");
        assert_eq!(contract.tip(), before);
    }
}

#[test]
fn two_hours_ahead_is_still_the_present() {
    let (mut contract, mut chain) = setting();
    chain.mine_with(|header| header.time = u32::try_from(miner::NOW).unwrap() + 2 * 60 * 60);
    contract.headers(15, chain.above(15)).unwrap();
}

#[test]
fn a_header_without_proof_of_work_is_refused() {
    let (mut contract, mut chain) = setting();
    chain.mine(1);
    let mut header = *chain.last();
    while header.validate_pow(header.target()).is_ok() {
        header.nonce += 1;
    }
    assert!(matches!(
        contract.headers(15, &[header]),
        Err(ContractError::Header(HeaderError::ProofOfWork { .. }))
    ));
}

#[test]
fn versions_from_before_the_soft_forks_are_refused() {
    let chain = Chain::of(1_350);
    let mut contract = Contract::at(&chain);
    let mut old = chain.clone();
    old.mine_with(|header| header.version = Version::from_consensus(3));
    assert!(matches!(
        contract.headers(1_350, old.above(1_350)),
        Err(ContractError::Header(HeaderError::Version {
            required: 4,
            ..
        }))
    ));
}

#[test]
fn more_work_wins_and_equal_work_does_not() {
    let (mut contract, mut chain) = setting();
    chain.mine(10);
    contract.headers(15, chain.above(15)).unwrap();
    let same = chain.fork(20, 5);
    assert!(matches!(
        contract.headers(20, same.above(20)),
        Err(ContractError::LessWork {
            fork_height: 20,
            height: 25
        })
    ));
    assert_eq!(contract.tip().hash, chain.last().block_hash());

    let more = chain.fork(20, 6);
    // Headers that both chains share may come along.
    contract.headers(17, more.above(17)).unwrap();
    let tip = contract.tip();
    assert_eq!((tip.height, tip.hash), (26, more.last().block_hash()));
    for height in 15..=26 {
        let stored = contract.header(height).unwrap();
        assert_eq!(stored.hash, more.headers()[height as usize].block_hash());
    }
    let health = contract.health(0);
    assert_eq!(
        (health.reorg_seq, health.fork_height, health.reorg_depth),
        (1, Some(20), 5)
    );
}

#[test]
fn a_longer_way_back_than_the_limit_is_refused_whatever_its_work() {
    let (mut contract, mut chain) = setting();
    chain.mine(40);
    contract.headers(15, chain.above(15)).unwrap();
    let deepest = 55 - MAX_REORG;
    let too_deep = chain.fork(deepest - 1, 200);
    assert!(matches!(
        contract.headers(deepest - 1, too_deep.above(deepest - 1)),
        Err(ContractError::ReorgTooDeep { depth, max: MAX_REORG, .. }) if depth == MAX_REORG + 1
    ));
    let allowed = chain.fork(deepest, MAX_REORG + 1);
    contract.headers(deepest, allowed.above(deepest)).unwrap();
    assert_eq!(contract.tip().hash, allowed.last().block_hash());
}

#[test]
fn nothing_forks_below_the_trusted_header() {
    let (mut contract, chain) = setting();
    let fork = chain.fork(14, 10);
    assert!(matches!(
        contract.headers(14, fork.above(14)),
        Err(ContractError::UnknownParent { base: 15, .. })
    ));
    // The trusted header itself may be forked from.
    let mut contract = contract;
    let mut chain = chain;
    chain.mine(2);
    contract.headers(15, chain.above(15)).unwrap();
    let fork = chain.fork(15, 3);
    contract.headers(15, fork.above(15)).unwrap();
    assert_eq!(contract.tip().hash, fork.last().block_hash());
}

#[test]
fn the_ring_forgets_all_but_every_hundred_and_forty_fourth() {
    let (mut contract, mut chain) = setting();
    chain.mine(6_000);
    for start in (15..6_015).step_by(1_000) {
        let batch = &chain.above(start)[..1_000];
        contract.headers(start, batch).unwrap();
    }
    let first = 6_015 - 4_032 + 1;
    for height in 15..first {
        let stored = contract.header(height);
        if height % 144 == 0 {
            let stored = stored.unwrap();
            assert_eq!(stored.hash, chain.headers()[height as usize].block_hash());
            assert_eq!(stored.chainwork, None);
        } else {
            assert!(matches!(stored, Err(ContractError::UnknownHeight(_))));
        }
    }
    for height in (first..=6_015).step_by(50) {
        let stored = contract.header(height).unwrap();
        assert_eq!(stored.hash, chain.headers()[height as usize].block_hash());
    }
    let old = (first - 1) / 144;
    // The ring in pairs, the sparse old ones, and three records of the contract's own.
    assert_eq!(contract.size(), 4_032 / 2 + old as usize + 3);
    // A reorganisation across the ring's seam.
    let fork = chain.fork(6_005, 11);
    contract.headers(6_005, fork.above(6_005)).unwrap();
    assert_eq!(contract.tip().hash, fork.last().block_hash());
}

#[test]
fn the_first_header_of_all_is_kept_while_the_ring_has_its_place_and_for_good_afterwards() {
    let begun = Chain::of(10);
    let mut contract = Contract::at(&begun);
    let mut chain = begun;
    chain.mine(4_031 - 10 + 1);
    for (known, tip) in [(10, 11), (11, 1_000), (1_000, 2_900), (2_900, 4_031)] {
        let batch = &chain.above(known)[..(tip - known) as usize];
        contract.headers(known, batch).unwrap();
        let first = contract.header(0).unwrap();
        assert_eq!(first.hash, chain.headers()[0].block_hash());
        assert!(first.chainwork.is_some(), "it is in the ring at {tip}");
    }
    // The next header takes its place; it is a multiple of 144, so it is kept.
    contract.headers(4_031, chain.above(4_031)).unwrap();
    let first = contract.header(0).unwrap();
    assert_eq!(first.hash, chain.headers()[0].block_hash());
    assert_eq!(first.chainwork, None);
    let second = contract.header(1).unwrap();
    assert!(second.chainwork.is_some(), "the ring begins with it");
}
