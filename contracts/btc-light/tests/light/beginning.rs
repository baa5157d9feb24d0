//! The trusted beginning is checked as far as it can be.

use btc_light::ContractError;
use btc_light::msg::{ConfigResponse, ExecuteMsg, InstantiateMsg, Network, QueryMsg};
use cosmwasm_std::{HexBinary, coins, testing::MockApi};

use crate::contract::{Contract, beginning_at, raw};
use crate::miner::{self, Chain};

fn begin(change: impl FnOnce(&mut InstantiateMsg)) -> Result<Contract, ContractError> {
    let mut msg = beginning_at(&Chain::of(15));
    change(&mut msg);
    Contract::try_new(miner::NOW, msg)
}

fn refusal(change: impl FnOnce(&mut InstantiateMsg)) -> ContractError {
    begin(change).err().expect("it must be refused")
}

#[test]
fn the_eleven_headers_are_stored_with_their_work() {
    let chain = Chain::of(15);
    let contract = Contract::at(&chain);
    for height in 5..=15 {
        let stored = contract.header(height).unwrap();
        assert_eq!(stored.hash, chain.headers()[height as usize].block_hash());
        assert_eq!(stored.depth, 15 - height);
    }
    let five = Chain::of(5);
    assert_eq!(
        contract.header(5).unwrap().chainwork,
        Some(five.work().to_be_bytes().into())
    );
    assert!(matches!(
        contract.header(4),
        Err(ContractError::UnknownHeight(4))
    ));
    assert!(matches!(
        contract.header(16),
        Err(ContractError::UnknownHeight(16))
    ));
}

#[test]
fn worthless_coins_are_admitted_to_in_every_answer_and_nothing_else_begins() {
    assert!(matches!(
        refusal(|msg| msg.test_only = false),
        ContractError::TestOnly {
            network: Network::Regtest,
            test_only: false
        }
    ));
    assert!(matches!(
        refusal(|msg| msg.network = Network::Bitcoin),
        ContractError::TestOnly {
            network: Network::Bitcoin,
            test_only: true
        }
    ));
    let contract = begin(|_| ()).unwrap();
    let config: ConfigResponse = contract.ask(QueryMsg::Config {}).unwrap();
    assert!(config.test_only);
    assert_eq!(config.network, Network::Regtest);
    assert!(contract.tip().test_only);
    assert!(contract.header(15).unwrap().test_only);
    assert!(contract.health(0).test_only);
}

#[test]
fn regtest_headers_are_none_of_the_main_network() {
    assert!(matches!(
        refusal(|msg| {
            msg.network = Network::Bitcoin;
            msg.test_only = false;
        }),
        ContractError::Header(_)
    ));
}

#[test]
fn on_signet_only_named_submitters_bring_headers() {
    let allowed = MockApi::default().addr_make("relayer").to_string();
    assert!(matches!(
        refusal(|msg| msg.network = Network::Signet),
        ContractError::Submitters { found: 0, .. }
    ));
    assert!(matches!(
        refusal(|msg| msg.submitters = vec![allowed.clone()]),
        ContractError::Submitters {
            network: Network::Regtest,
            found: 1,
            ..
        }
    ));
    assert!(matches!(
        refusal(|msg| {
            msg.network = Network::Signet;
            msg.submitters = vec![allowed.clone(); 33];
        }),
        ContractError::Submitters { found: 33, .. }
    ));

    let signet: Vec<bitcoin::block::Header> =
        include_str!("../../../../crates/staking/tests/data/signet-headers-1-to-15.hex")
            .lines()
            .map(|line| bitcoin::consensus::encode::deserialize_hex(line).unwrap())
            .collect();
    let begin = |submitters| {
        let genesis = bitcoin::constants::genesis_block(bitcoin::Network::Signet).header;
        let work = signet[..11]
            .iter()
            .fold(genesis.work(), |work, header| work + header.work());
        Contract::try_new(
            1_700_000_000,
            InstantiateMsg {
                network: Network::Signet,
                test_only: true,
                height: 11,
                headers: signet[..11]
                    .iter()
                    .map(|header| bitcoin::consensus::serialize(header).into())
                    .collect(),
                epoch_start_time: genesis.time,
                chainwork: work.to_be_bytes().into(),
                max_reorg: 100,
                submitters,
            },
        )
    };
    assert!(begin(vec!["no address".to_owned()]).is_err());
    let mut contract = begin(vec![allowed]).unwrap();
    let msg = ExecuteMsg::Headers {
        parent_height: 11,
        raw: raw(&signet[11..]),
    };
    assert!(matches!(
        contract.execute_as("stranger", msg.clone()),
        Err(ContractError::NotASubmitter(_))
    ));
    contract.execute_as("relayer", msg).unwrap();
    assert_eq!(contract.tip().height, 15);
    assert_eq!(contract.tip().hash, signet[14].block_hash());
}

#[test]
fn the_headers_must_be_eleven_linked_ones_with_proof_of_work_and_from_the_past() {
    assert!(matches!(
        refusal(|msg| {
            msg.headers.remove(0);
        }),
        ContractError::BaseHeaders { found: 10, .. }
    ));
    assert!(matches!(
        refusal(|msg| msg.headers[3] = vec![0; 79].into()),
        ContractError::BaseHeaders { .. }
    ));
    assert!(matches!(
        refusal(|msg| msg.height = 9),
        ContractError::BaseHeaders { height: 9, .. }
    ));
    assert!(matches!(
        refusal(|msg| msg.headers.swap(3, 4)),
        ContractError::BaseNotLinked { .. }
    ));
    let without_work = |msg: &mut InstantiateMsg| {
        let mut chain = Chain::of(15);
        chain.mine_with(|header| header.bits = bitcoin::CompactTarget::from_consensus(0x2100_ffff));
        *msg = beginning_at(&chain);
    };
    assert!(matches!(refusal(without_work), ContractError::Header(_)));
    let from_the_future = |msg: &mut InstantiateMsg| {
        let mut chain = Chain::of(15);
        chain.mine_with(|header| header.time = u32::try_from(miner::NOW).unwrap() + 7_201);
        *msg = beginning_at(&chain);
    };
    assert!(matches!(
        refusal(from_the_future),
        ContractError::Future { .. }
    ));
}

#[test]
fn work_and_period_must_fit_the_headers() {
    for chainwork in [vec![0; 32], vec![0xff; 32], vec![0; 31], vec![]] {
        assert!(matches!(
            refusal(|msg| msg.chainwork = HexBinary::from(chainwork)),
            ContractError::Chainwork
        ));
    }
    let shown = Chain::of(10);
    let mut msg = beginning_at(&shown);
    msg.epoch_start_time += 1;
    assert!(matches!(
        Contract::try_new(miner::NOW, msg).err(),
        Some(ContractError::EpochStartTime { height: 0, .. })
    ));
}

#[test]
fn coins_are_refused_with_every_message_and_at_the_beginning() {
    let (mut chain, coins) = (Chain::of(15), coins(1, "stake"));
    let refused = Contract::try_new_with(miner::NOW, &coins, beginning_at(&chain));
    assert!(matches!(refused.err(), Some(ContractError::Coins)));
    let mut contract = Contract::at(&chain);
    chain.mine(1);
    let msg = ExecuteMsg::Headers {
        parent_height: 15,
        raw: raw(chain.above(15)),
    };
    let refused = contract.execute_with("anybody", &coins, msg);
    assert!(matches!(refused, Err(ContractError::Coins)));
    assert_eq!(contract.tip().height, 15);
}

#[test]
fn the_reorganisation_limit_has_a_range() {
    for max_reorg in [0, 1009, u32::MAX] {
        assert!(matches!(
            refusal(|msg| msg.max_reorg = max_reorg),
            ContractError::MaxReorg { found, .. } if found == max_reorg
        ));
    }
    assert!(begin(|msg| msg.max_reorg = 1008).is_ok());
}
