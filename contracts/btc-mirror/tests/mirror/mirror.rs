//! The mirror on its own chain, with its own `btc-light`.

use btc_mesh::msg::{Bytes32, FinalizedResponse};
use btc_mirror::ContractError;
use btc_mirror::contract::{execute, instantiate, query};
use btc_mirror::msg::{
    ExecuteMsg, InstantiateMsg, MirroredVote, QueryMsg, StatusResponse, Subject, Table,
};
use cosmwasm_std::testing::{MockApi, message_info, mock_env};
use cosmwasm_std::{Addr, Coin, Env, Event, OwnedDeps, Response, from_json};
use serde::de::DeserializeOwned;

use crate::rig::bitcoin_chain::Bitcoin;
use crate::rig::light::{LightClient, Neighbours, follow_clock};
use crate::rig::storage::Store;
use crate::subject::EPOCH;

pub(crate) struct Mirror {
    deps: OwnedDeps<Store, MockApi, Neighbours>,
    pub(crate) env: Env,
    light: LightClient,
    /// Height up to which the light client was brought headers.
    known: u32,
}

/// How a mirror begins, with numbers that make tests short.
pub(crate) fn beginning(subject: Subject, table: Table) -> InstantiateMsg {
    let api = MockApi::default();
    InstantiateMsg {
        light: LightClient::address().into(),
        gov: api.addr_make("governance").into(),
        subject,
        table,
        max_age: 50,
        max_stale: 6 * 60 * 60,
        window: u32::try_from(EPOCH).unwrap(),
    }
}

impl Mirror {
    pub(crate) fn begin(bitcoin: &Bitcoin, msg: InstantiateMsg) -> Result<Self, ContractError> {
        let mut env = mock_env();
        "y-1".clone_into(&mut env.block.chain_id);
        follow_clock(&mut env, bitcoin);
        let light = LightClient::begin(bitcoin, &env);
        let mut mirror = Self {
            deps: light.dependencies(),
            env,
            light,
            known: bitcoin.height(),
        };
        let info = message_info(&mirror.address("creator"), &[]);
        instantiate(mirror.deps.as_mut(), mirror.env.clone(), info, msg)?;
        Ok(mirror)
    }

    /// Brings all headers, and lets the clock follow.
    pub(crate) fn bring(&mut self, bitcoin: &Bitcoin) {
        follow_clock(&mut self.env, bitcoin);
        self.light.bring(bitcoin, self.known, &self.env);
        self.known = bitcoin.height();
    }

    fn address(&self, name: &str) -> Addr {
        self.deps.api.addr_make(name)
    }

    pub(crate) fn execute_with(
        &mut self,
        sender: &str,
        funds: &[Coin],
        msg: ExecuteMsg,
    ) -> Result<Response, ContractError> {
        let info = message_info(&self.address(sender), funds);
        let before = self.deps.storage.clone();
        let result = execute(self.deps.as_mut(), self.env.clone(), info, msg);
        if result.is_err() {
            self.deps.storage = before;
        }
        result
    }

    pub(crate) fn execute(&mut self, msg: ExecuteMsg) -> Result<Response, ContractError> {
        self.execute_with("anybody", &[], msg)
    }

    /// SDK gas that a message's reads and writes of this contract's storage cost.
    pub(crate) fn storage_gas(&mut self, msg: ExecuteMsg) -> u64 {
        let before = self.deps.storage.gas();
        self.execute(msg).unwrap();
        self.deps.storage.gas() - before
    }

    /// Number of entries in the contract's storage.
    pub(crate) fn size(&self) -> usize {
        self.deps.storage.len()
    }

    pub(crate) fn cast(&mut self, items: &[MirroredVote]) -> Vec<Event> {
        let items = items.to_vec();
        self.execute(ExecuteMsg::Votes { items }).unwrap().events
    }

    pub(crate) fn next_table(&mut self, table: Table) -> Result<Response, ContractError> {
        let table = Box::new(table);
        self.execute(ExecuteMsg::NextTable { table })
    }

    pub(crate) fn repin(&mut self, table: Table) -> Result<Response, ContractError> {
        let table = Box::new(table);
        self.execute_with("governance", &[], ExecuteMsg::Repin { table })
    }

    pub(crate) fn try_ask<T: DeserializeOwned>(&self, msg: QueryMsg) -> Result<T, ContractError> {
        query(self.deps.as_ref(), self.env.clone(), msg).map(|answer| from_json(answer).unwrap())
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, msg: QueryMsg) -> T {
        self.try_ask(msg).unwrap()
    }

    pub(crate) fn status(&self) -> StatusResponse {
        self.ask(QueryMsg::Status {})
    }

    pub(crate) fn table(&self, epoch: u64) -> Table {
        self.ask(QueryMsg::Table { epoch })
    }

    pub(crate) fn finalized(&self, k: u64) -> Result<FinalizedResponse, ContractError> {
        self.try_ask(QueryMsg::Finalized {
            k: Some(k),
            height: None,
        })
    }

    pub(crate) fn slashed_key(&self, pk: Bytes32) -> Option<Bytes32> {
        let slashed: Result<btc_mesh::msg::SlashedResponse, _> =
            self.try_ask(QueryMsg::Slashed { pk });
        slashed.ok().map(|slashed| slashed.sk)
    }
}

/// An attribute of the first event of a kind.
pub(crate) fn attribute(events: &[Event], kind: &str, key: &str) -> Option<String> {
    let event = events.iter().find(|event| event.ty == kind)?;
    let attribute = event.attributes.iter().find(|a| a.key == key)?;
    Some(attribute.value.clone())
}

/// Why the first vote that was refused was refused.
pub(crate) fn refusal(events: &[Event]) -> String {
    attribute(events, "vote_refused", "reason").unwrap_or_default()
}
