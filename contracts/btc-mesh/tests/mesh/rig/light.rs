//! `btc-light` on a chain, and the chain's clock.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use bitcoin::consensus::serialize;
use btc_light::contract::{execute, instantiate};
use btc_light::msg::{ExecuteMsg, InstantiateMsg, Network};
use cosmwasm_std::testing::{MockApi, MockQuerier, message_info};
use cosmwasm_std::{
    Addr, Binary, ContractResult, DepsMut, Empty, Env, OwnedDeps, Querier, QuerierResult,
    QuerierWrapper, QueryRequest, Storage, SystemResult, Timestamp, WasmQuery, from_json,
};

use super::bitcoin_chain::Bitcoin;
use super::storage::Store;

/// Seconds that the chain's clock is ahead of Bitcoin's tip.
const AHEAD: u64 = 60;

/// Answers raw queries from `btc-light`'s storage and all others from the mock.
pub(crate) struct Neighbours {
    light: Addr,
    storage: Rc<RefCell<Store>>,
    /// The chain's other modules.
    pub(crate) others: MockQuerier,
}

impl Querier for Neighbours {
    fn raw_query(&self, request: &[u8]) -> QuerierResult {
        let parsed: QueryRequest<Empty> = from_json(request).unwrap();
        match parsed {
            QueryRequest::Wasm(WasmQuery::Raw { contract_addr, key })
                if contract_addr == self.light.as_str() =>
            {
                let value = self.storage.borrow().get(&key).unwrap_or_default();
                SystemResult::Ok(ContractResult::Ok(Binary::from(value)))
            }
            _ => self.others.raw_query(request),
        }
    }
}

pub(crate) struct LightClient {
    storage: Rc<RefCell<Store>>,
}

impl LightClient {
    /// Begins at the tip.
    pub(crate) fn begin(bitcoin: &Bitcoin, env: &Env) -> Self {
        let light = Self {
            storage: Rc::default(),
        };
        let headers = bitcoin.headers();
        let msg = InstantiateMsg {
            network: Network::Regtest,
            test_only: true,
            height: bitcoin.height(),
            headers: headers[headers.len() - 11..]
                .iter()
                .map(|header| serialize(header).into())
                .collect(),
            epoch_start_time: headers[0].time,
            chainwork: bitcoin.work().to_be_bytes().into(),
            max_reorg: 1008,
            submitters: Vec::new(),
        };
        light.run(|deps| {
            let info = message_info(&MockApi::default().addr_make("creator"), &[]);
            instantiate(deps, env.clone(), info, msg).unwrap();
        });
        light
    }

    /// Brings the headers above a height.
    pub(crate) fn bring(&self, bitcoin: &Bitcoin, height: u32, env: &Env) {
        for (number, headers) in bitcoin.above(height).chunks(2016).enumerate() {
            let raw: Vec<u8> = headers.iter().flat_map(serialize).collect();
            let msg = ExecuteMsg::Headers {
                parent_height: height + 2016 * u32::try_from(number).unwrap(),
                raw: raw.into(),
            };
            self.run(|deps| {
                let info = message_info(&MockApi::default().addr_make("relayer"), &[]);
                execute(deps, env.clone(), info, msg).unwrap();
            });
        }
    }

    pub(crate) fn address() -> Addr {
        MockApi::default().addr_make("btc-light")
    }

    /// What a contract beside it has around it.
    pub(crate) fn dependencies(&self) -> OwnedDeps<Store, MockApi, Neighbours> {
        OwnedDeps {
            storage: Store::default(),
            api: MockApi::default(),
            querier: Neighbours {
                light: Self::address(),
                storage: self.storage.clone(),
                others: MockQuerier::default(),
            },
            custom_query_type: PhantomData,
        }
    }

    fn run(&self, act: impl FnOnce(DepsMut<'_>)) {
        let nobody = MockQuerier::<Empty>::default();
        act(DepsMut {
            storage: &mut *self.storage.borrow_mut(),
            api: &MockApi::default(),
            querier: QuerierWrapper::new(&nobody),
        });
    }
}

/// Lets a chain's present block be a minute younger than Bitcoin's tip, and one higher than before.
pub(crate) fn follow_clock(env: &mut Env, bitcoin: &Bitcoin) {
    env.block.height += 1;
    let now = u64::from(bitcoin.tip().time) + AHEAD;
    env.block.time = Timestamp::from_seconds(now);
}
