//! How the contracts beside the escrow begin.

use bitcoin::block::{Header, Version};
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, CompactTarget, TxMerkleNode};
use btc_mesh::msg::{Bytes32, CovenantSet, Params};
use cosmwasm_std::HexBinary;

/// Seconds since 1970 at which everything happens.
pub(crate) const NOW: u64 = 1_700_000_000;

/// Eleven headers of a private network.
pub(crate) fn light() -> btc_light::msg::InstantiateMsg {
    let mut headers: Vec<Header> = Vec::new();
    for number in 0..11 {
        let mut header = Header {
            version: Version::from_consensus(0x2000_0000),
            prev_blockhash: headers
                .last()
                .map_or(BlockHash::all_zeros(), Header::block_hash),
            merkle_root: TxMerkleNode::all_zeros(),
            time: u32::try_from(NOW).unwrap() - 7_000 + 600 * number,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        };
        while header.validate_pow(header.target()).is_err() {
            header.nonce += 1;
        }
        headers.push(header);
    }
    let mut work = [0; 32];
    work[31] = 100;
    btc_light::msg::InstantiateMsg {
        network: btc_light::msg::Network::Regtest,
        test_only: true,
        height: 10,
        headers: headers
            .iter()
            .map(|header| serialize(header).into())
            .collect(),
        epoch_start_time: headers[0].time,
        chainwork: HexBinary::from(work),
        max_reorg: 10,
        submitters: Vec::new(),
    }
}

pub(crate) fn mesh(light: String, gov: String) -> btc_mesh::msg::InstantiateMsg {
    btc_mesh::msg::InstantiateMsg {
        light,
        gov,
        denom: "stake".to_owned(),
        params: params(),
        covenants: vec![covenant()],
    }
}

fn params() -> Params {
    Params {
        depth_min: 10,
        challenge: 12,
        settled_depth: 144,
        thaw: 144,
        consent_delay: 144,
        pace_min: 0,
        max_lag: 10_800,
        max_stale: 21_600,
        max_age: 120,
        report_margin: 60,
        slash_margin: 120,
        stall_min: 12,
        epoch_len: 60,
        interval: 10,
        margin: 5,
        window: 32,
        growth: 1_000,
        max_share: 5_000,
        min_total: 1,
        min_providers: 1,
        participation_floor: 5_000,
        jail_epochs: 1,
        late: 100,
        max_commission: 2_000,
        min_slashing_rate: 10,
        grace: 36,
        vesting: 301,
        bounty: 1_000,
    }
}

fn covenant() -> CovenantSet {
    // Once and twice the generator.
    let keys = [
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    ];
    CovenantSet {
        keys: keys
            .map(|key| Bytes32::from_slice(&HexBinary::from_hex(key).unwrap()).unwrap())
            .to_vec(),
        quorum: 2,
        min_staking_value: 10_000,
        max_staking_value: 100_000_000,
        min_staking_time: 1_000,
        max_staking_time: 60_000,
        slashing_script: vec![0x6a].into(),
        min_slashing_fee: 1_000,
        slashing_rate: 1_000,
        unbonding_time: 301,
        unbonding_fee: 1_000,
        max_share: 10_000,
    }
}
