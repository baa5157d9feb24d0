//! Header rules: real chains pass, every change of one is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, CompactTarget, Network, TxMerkleNode, Work};
use proptest::prelude::*;
use staking::header::{HeaderError, HeaderRules, Tip, UnsupportedNetwork};
use staking::units::BitcoinHeight;

const REGTEST_BITS: u32 = 0x207f_ffff;

fn rules(network: Network) -> HeaderRules {
    HeaderRules::new(network).unwrap()
}

fn parse(hex: &str) -> Header {
    encode::deserialize_hex(hex).unwrap()
}

fn genesis(network: Network) -> Tip {
    let header = genesis_block(network).header;
    Tip::base(&rules(network), BitcoinHeight(0), header).unwrap()
}

fn signet_headers() -> Vec<Header> {
    include_str!("data/signet-headers-1-to-15.hex")
        .lines()
        .map(parse)
        .collect()
}

/// A header that nobody has mined, for what judges it by its other fields.
fn unmined(time: u32, bits: u32) -> Header {
    Header {
        version: Version::TWO,
        prev_blockhash: BlockHash::all_zeros(),
        merkle_root: TxMerkleNode::all_zeros(),
        time,
        bits: CompactTarget::from_consensus(bits),
        nonce: 0,
    }
}

/// Finds a nonce; two tries on average with regtest's difficulty.
fn mine(mut header: Header) -> Header {
    while header.validate_pow(header.target()).is_err() {
        header.nonce += 1;
    }
    header
}

fn next(tip: &Tip, time: u32) -> Header {
    let header = Header {
        prev_blockhash: tip.hash(),
        ..unmined(time, REGTEST_BITS)
    };
    mine(Header {
        version: Version::from_consensus(4),
        ..header
    })
}

#[test]
fn mainnet_begins_as_it_did() {
    let blocks = [
        "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e\
         1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
        "010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000d5fdcc541e25de1c7a5added\
         f24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61",
    ];
    let rules = rules(Network::Bitcoin);
    let tip = blocks.iter().fold(genesis(Network::Bitcoin), |tip, hex| {
        tip.extend(&rules, parse(hex)).unwrap()
    });
    assert_eq!(tip.height(), BitcoinHeight(2));
    assert_eq!(
        tip.hash().to_string(),
        "000000006a625f06636b8bb6ac7b960a8d03705d1ace08b1a19da3fdcc99ddbd"
    );
}

#[test]
fn signet_begins_as_it_did() {
    let rules = rules(Network::Signet);
    let tip = signet_headers()
        .into_iter()
        .fold(genesis(Network::Signet), |tip, header| {
            tip.extend(&rules, header).unwrap()
        });
    assert_eq!(tip.height(), BitcoinHeight(15));
    let headers = signet_headers();
    assert_eq!(
        tip.work(),
        headers
            .iter()
            .fold(genesis(Network::Signet).work(), |work, header| work
                + header.work())
    );
}

#[test]
fn the_regtest_genesis_is_the_one_given_to_the_chain() {
    // spec 5.10
    let header = parse(
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
         67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000",
    );
    assert_eq!(header, *genesis(Network::Regtest).header());
    assert_eq!(
        header.block_hash().to_string(),
        "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
    );
}

#[test]
fn the_difficulty_follows_the_time_that_the_last_period_took() {
    // Bitcoin Core's src/test/pow_tests.cpp: real blocks of mainnet. The last two are clamped to a quarter and to
    // four times the target. The pair after them is signet's first two periods.
    let periods = [
        (
            Network::Bitcoin,
            32_255,
            1_261_130_161,
            1_262_152_739,
            0x1d00_ffff,
            0x1d00_d86a,
        ),
        (
            Network::Bitcoin,
            2_015,
            1_231_006_505,
            1_233_061_996,
            0x1d00_ffff,
            0x1d00_ffff,
        ),
        (
            Network::Bitcoin,
            68_543,
            1_279_008_237,
            1_279_297_671,
            0x1c05_a3f4,
            0x1c01_68fd,
        ),
        (
            Network::Bitcoin,
            46_367,
            1_263_163_443,
            1_269_211_443,
            0x1c38_7f6f,
            0x1d00_e1fd,
        ),
        (
            Network::Signet,
            2_015,
            1_598_918_400,
            1_599_332_177,
            0x1e03_77ae,
            503_394_215,
        ),
        (
            Network::Signet,
            4_031,
            1_599_332_844,
            1_600_591_200,
            503_394_215,
            503_397_348,
        ),
    ];
    for (network, height, began, ended, bits, required) in periods {
        let last = unmined(ended, bits);
        let tip = Tip::restore(BitcoinHeight(height), last.work(), began, &[last]).unwrap();
        let found = tip.required_bits(&rules(network)).to_consensus();
        assert_eq!(found, required, "{found:#010x} after height {height}");
    }
}

#[test]
fn inside_a_period_and_on_regtest_the_difficulty_stays() {
    let last = unmined(1_262_152_739, 0x1d00_ffff);
    let start = unmined(1_261_130_161, 0x1d00_ffff);
    let tip = Tip::restore(BitcoinHeight(32_254), last.work(), start.time, &[last]).unwrap();
    assert_eq!(
        tip.required_bits(&rules(Network::Bitcoin)).to_consensus(),
        0x1d00_ffff
    );

    let (start, last) = (unmined(0, REGTEST_BITS), unmined(1, REGTEST_BITS));
    let tip = Tip::restore(BitcoinHeight(2_015), last.work(), start.time, &[last]).unwrap();
    assert_eq!(
        tip.required_bits(&rules(Network::Regtest)).to_consensus(),
        REGTEST_BITS
    );
}

#[test]
fn a_period_that_runs_backwards_counts_as_the_shortest() {
    let (start, last) = (
        unmined(2_000_000_000, 0x1c05_a3f4),
        unmined(1_000_000_000, 0x1c05_a3f4),
    );
    let tip = Tip::restore(BitcoinHeight(68_543), last.work(), start.time, &[last]).unwrap();
    assert_eq!(
        tip.required_bits(&rules(Network::Bitcoin)).to_consensus(),
        0x1c01_68fd
    );
}

#[test]
fn a_header_must_have_the_prescribed_difficulty() {
    let tip = genesis(Network::Regtest);
    let easy = Header {
        bits: CompactTarget::from_consensus(0x207f_fffe),
        ..next(&tip, 2_000_000_000)
    };
    assert!(matches!(
        tip.extend(&rules(Network::Regtest), mine(easy)),
        Err(HeaderError::Difficulty {
            found: 0x207f_fffe,
            required: REGTEST_BITS,
            ..
        })
    ));
}

#[test]
fn a_header_must_have_its_proof_of_work() {
    let tip = genesis(Network::Regtest);
    let mut header = next(&tip, 2_000_000_000);
    while header.validate_pow(header.target()).is_ok() {
        header.nonce += 1;
    }
    assert!(matches!(
        tip.extend(&rules(Network::Regtest), header),
        Err(HeaderError::ProofOfWork { .. })
    ));
}

#[test]
fn a_header_must_be_later_than_the_median_of_eleven() {
    let rules = rules(Network::Regtest);
    let mut tip = genesis(Network::Regtest);
    let start = tip.header().time;
    // Times rise by ten, except that every third block is far ahead.
    for number in 1..=20 {
        let ahead = if number % 3 == 0 { 100_000 } else { 0 };
        let header = next(&tip, start + number * 10 + ahead);
        tip = tip.extend(&rules, header).unwrap();
    }
    let mut times: Vec<u32> = (10..=20)
        .map(|number| number * 10 + if number % 3 == 0 { 100_000 } else { 0 })
        .collect();
    times.sort_unstable();
    let median = start + times[5];
    assert_eq!(tip.median_time_past(), median);
    assert!(matches!(
        tip.extend(&rules, next(&tip, median)),
        Err(HeaderError::Time { median: found, .. }) if found == median
    ));
    assert!(tip.extend(&rules, next(&tip, median + 1)).is_ok());
}

#[test]
fn a_header_must_build_on_the_tip() {
    let rules = rules(Network::Regtest);
    let tip = genesis(Network::Regtest);
    let first = next(&tip, 2_000_000_000);
    let second = tip.extend(&rules, first).unwrap();
    assert!(matches!(
        second.extend(&rules, first),
        Err(HeaderError::Parent { .. })
    ));
}

#[test]
fn old_versions_end_where_the_soft_forks_ended_them() {
    let rules = rules(Network::Regtest);
    // Regtest as btcd and Bitcoin Core have it: version 3 from 1251, 4 from 1351 on; version 2 never.
    for (height, least) in [
        (2, i32::MIN),
        (1_250, i32::MIN),
        (1_251, 3),
        (1_350, 3),
        (1_351, 4),
    ] {
        let parent = mine(unmined(1_600_000_000, REGTEST_BITS));
        let tip = Tip::restore(
            BitcoinHeight(height - 1),
            parent.work(),
            parent.time,
            &[parent],
        )
        .unwrap();
        for version in [i32::MIN, -1, 1, 2, 3, 4, 0x2000_0000] {
            let header = next(&tip, 1_600_000_001);
            let header = mine(Header {
                version: Version::from_consensus(version),
                ..header
            });
            let judged = tip.extend(&rules, header);
            if version >= least {
                assert!(judged.is_ok(), "version {version} at {height}");
            } else {
                assert!(
                    matches!(judged, Err(HeaderError::Version { required, .. }) if required == least)
                );
            }
        }
    }
}

#[test]
fn a_base_must_begin_a_period_and_belong_to_the_network() {
    let header = genesis_block(Network::Regtest).header;
    let rules_of_regtest = rules(Network::Regtest);
    assert_eq!(
        Tip::base(&rules_of_regtest, BitcoinHeight(2_017), header),
        Err(HeaderError::BaseHeight(BitcoinHeight(2_017)))
    );
    assert!(Tip::base(&rules_of_regtest, BitcoinHeight(4_032), header).is_ok());
    // Regtest's target is far above mainnet's limit (spec 6.6: the wrong base header).
    assert!(matches!(
        Tip::base(&rules(Network::Bitcoin), BitcoinHeight(0), header),
        Err(HeaderError::ProofOfWork { .. })
    ));
}

#[test]
fn networks_with_the_twenty_minute_rule_are_refused() {
    for network in [Network::Testnet, Network::Testnet4] {
        assert_eq!(
            HeaderRules::new(network).unwrap_err(),
            UnsupportedNetwork(network)
        );
    }
}

#[test]
fn a_stored_window_must_be_one_chain() {
    let headers = signet_headers();
    let height = BitcoinHeight(15);
    let restore =
        |recent: &[Header]| Tip::restore(height, headers[0].work(), headers[0].time, recent);
    assert!(restore(&headers).is_ok());
    assert_eq!(restore(&[]), Err(HeaderError::Window(height)));
    assert_eq!(
        restore(&[headers[3], headers[5]]),
        Err(HeaderError::Window(height))
    );
}

#[test]
fn nothing_follows_the_last_height() {
    let parent = mine(unmined(1_600_000_000, REGTEST_BITS));
    let tip = Tip::restore(
        BitcoinHeight(u32::MAX),
        parent.work(),
        parent.time,
        &[parent],
    )
    .unwrap();
    assert_eq!(
        tip.extend(&rules(Network::Regtest), next(&tip, 1_600_000_001)),
        Err(HeaderError::HeightOverflow(BitcoinHeight(u32::MAX)))
    );
}

#[test]
fn every_flipped_bit_of_a_real_header_is_refused() {
    let rules = rules(Network::Signet);
    let tip = genesis(Network::Signet);
    let original = encode::serialize(&signet_headers()[0]);
    for position in 0..original.len() {
        for bit in 0..8 {
            let mut bytes = original.clone();
            bytes[position] ^= 1_u8 << bit;
            let header = encode::deserialize(&bytes).unwrap();
            assert!(
                tip.extend(&rules, header).is_err(),
                "bit {bit} of byte {position}"
            );
        }
    }
}

/// A regtest chain with times as the steps say.
fn chain(steps: &[u32]) -> Vec<(Header, Tip)> {
    let rules = rules(Network::Regtest);
    let mut tip = genesis(Network::Regtest);
    steps
        .iter()
        .map(|step| {
            let header = next(&tip, tip.median_time_past() + step);
            tip = tip.extend(&rules, header).unwrap();
            (header, tip.clone())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_change_anywhere_but_in_the_last_header_breaks_a_chain(
        steps in prop::collection::vec(1..10_000_u32, 2..40),
        victim in any::<prop::sample::Index>(),
        position in 0..80_usize,
        bit in 0..8,
    ) {
        let mut headers: Vec<Header> = chain(&steps).into_iter().map(|(header, _)| header).collect();
        let victim = victim.index(headers.len() - 1);
        let mut bytes = encode::serialize(&headers[victim]);
        bytes[position] ^= 1_u8 << bit;
        headers[victim] = encode::deserialize(&bytes).unwrap();
        let rules = rules(Network::Regtest);
        let judged = headers.into_iter().try_fold(genesis(Network::Regtest), |tip, header| tip.extend(&rules, header));
        prop_assert!(judged.is_err());
    }

    #[test]
    fn a_restored_tip_is_the_one_that_was_stored(
        steps in prop::collection::vec(1..10_000_u32, 1..40),
        at in any::<prop::sample::Index>(),
    ) {
        let base = genesis(Network::Regtest);
        let chain = chain(&steps);
        let at = at.index(chain.len());
        let mut stored = vec![*base.header()];
        stored.extend(chain[..=at].iter().map(|(header, _)| *header));
        let tip = &chain[at].1;
        let recent = &stored[stored.len().saturating_sub(11)..];
        prop_assert_eq!(&Tip::restore(tip.height(), tip.work(), base.header().time, recent).unwrap(), tip);
        prop_assert_eq!(&Tip::restore(tip.height(), tip.work(), base.header().time, &stored).unwrap(), tip);
    }

    #[test]
    fn any_header_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 80), height in any::<u32>()) {
        let header: Header = encode::deserialize(&bytes).unwrap();
        for network in [Network::Bitcoin, Network::Signet, Network::Regtest] {
            let rules = rules(network);
            prop_assert!(genesis(network).extend(&rules, header).is_err());
            let tip = Tip::restore(BitcoinHeight(height), Work::from_be_bytes([0; 32]), header.time, &[header]).unwrap();
            let child = Header { prev_blockhash: tip.hash(), bits: tip.required_bits(&rules), ..header };
            let _judged = tip.extend(&rules, child);
        }
    }
}
