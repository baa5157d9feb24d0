//! Real headers of the main network across a change of difficulty (height 824,544).

use bitcoin::block::Header;
use bitcoin::consensus::{encode::deserialize_hex, serialize};
use btc_light::ContractError;
use btc_light::msg::{InstantiateMsg, Network};
use staking::header::HeaderError;

use crate::contract::Contract;

/// Time of the header at 822,528, with which the period began.
const EPOCH_START_TIME: u32 = 1_703_311_464;

fn headers() -> Vec<Header> {
    include_str!("data/mainnet-headers-824530-to-824548.hex")
        .lines()
        .map(|line| deserialize_hex(line).unwrap())
        .collect()
}

fn begin(epoch_start_time: u32) -> Contract {
    let headers = headers();
    let msg = InstantiateMsg {
        network: Network::Bitcoin,
        test_only: false,
        height: 824_540,
        headers: headers[..11]
            .iter()
            .map(|header| serialize(header).into())
            .collect(),
        epoch_start_time,
        // Of the right size; only differences of work matter.
        chainwork: [[0; 16], (1_u128 << 94).to_be_bytes()].concat().into(),
        max_reorg: 100,
        submitters: Vec::new(),
    };
    Contract::try_new(1_704_506_000, msg).unwrap()
}

#[test]
fn the_difficulty_changes_where_and_as_it_did() {
    let headers = headers();
    let mut contract = begin(EPOCH_START_TIME);
    contract.headers(824_540, &headers[11..]).unwrap();
    let tip = contract.tip();
    assert_eq!((tip.height, tip.test_only), (824_548, false));
    assert_eq!(tip.hash, headers[18].block_hash());
    assert_ne!(headers[13].bits, headers[14].bits);
    // The very same headers over again, in two messages that meet at the change.
    let mut contract = begin(EPOCH_START_TIME);
    contract.headers(824_540, &headers[11..14]).unwrap();
    contract.headers(824_543, &headers[14..]).unwrap();
    assert_eq!(contract.tip(), tip);
}

#[test]
fn a_wrong_start_of_the_period_shows_at_its_end() {
    let headers = headers();
    let mut contract = begin(EPOCH_START_TIME - 600);
    contract.headers(824_540, &headers[11..14]).unwrap();
    assert!(matches!(
        contract.headers(824_543, &headers[14..]),
        Err(ContractError::Header(HeaderError::Difficulty { .. }))
    ));
}

#[test]
fn no_bit_of_a_real_header_can_be_changed() {
    let headers = headers();
    let original = serialize(&headers[14]);
    for position in 0..80 {
        let mut contract = begin(EPOCH_START_TIME);
        let mut bytes = original.clone();
        bytes[position] ^= 1;
        let changed: Header = bitcoin::consensus::deserialize(&bytes).unwrap();
        contract.headers(824_540, &headers[11..14]).unwrap();
        assert!(
            contract.headers(824_543, &[changed]).is_err(),
            "byte {position}"
        );
    }
}
