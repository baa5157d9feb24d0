//! The contract on mocked storage, spoken to through its entry points.

use bitcoin::Transaction;
use bitcoin::block::Header;
use bitcoin::consensus::serialize;
use btc_light::ContractError;
use btc_light::contract::{execute, instantiate, query};
use btc_light::msg::{
    ExecuteMsg, HeaderResponse, HealthResponse, InstantiateMsg, Network, QueryMsg, VerifyTxResponse,
};
use cosmwasm_std::testing::{
    MockApi, MockQuerier, MockStorage, message_info, mock_dependencies, mock_env,
};
use cosmwasm_std::{Binary, Coin, Env, HexBinary, OwnedDeps, Response, Timestamp, from_json};
use serde::de::DeserializeOwned;
use staking::inclusion::InclusionProof;

use crate::miner::{self, Chain};

pub(crate) const MAX_REORG: u32 = 20;

pub(crate) struct Contract {
    deps: OwnedDeps<MockStorage, MockApi, MockQuerier>,
    pub(crate) env: Env,
}

pub(crate) fn raw(headers: &[Header]) -> Binary {
    headers
        .iter()
        .flat_map(serialize)
        .collect::<Vec<u8>>()
        .into()
}

pub(crate) fn work(work: bitcoin::Work) -> HexBinary {
    work.to_be_bytes().into()
}

/// The message that begins at a chain's last header.
pub(crate) fn beginning_at(chain: &Chain) -> InstantiateMsg {
    let headers = chain.headers();
    InstantiateMsg {
        network: Network::Regtest,
        test_only: true,
        height: chain.height(),
        headers: headers[headers.len() - 11..]
            .iter()
            .map(|header| serialize(header).into())
            .collect(),
        epoch_start_time: headers[(chain.height() - chain.height() % 2016) as usize].time,
        chainwork: work(chain.work()),
        max_reorg: MAX_REORG,
        submitters: Vec::new(),
    }
}

impl Contract {
    /// On a chain whose present block has this time.
    pub(crate) fn try_new(now: u64, msg: InstantiateMsg) -> Result<Self, ContractError> {
        Self::try_new_with(now, &[], msg)
    }

    /// The same with coins.
    pub(crate) fn try_new_with(
        now: u64,
        funds: &[Coin],
        msg: InstantiateMsg,
    ) -> Result<Self, ContractError> {
        let mut deps = mock_dependencies();
        let mut env = mock_env();
        env.block.time = Timestamp::from_seconds(now);
        let info = message_info(&deps.api.addr_make("creator"), funds);
        instantiate(deps.as_mut(), env.clone(), info, msg)?;
        Ok(Self { deps, env })
    }

    /// Begins at a regtest chain's last header.
    pub(crate) fn at(chain: &Chain) -> Self {
        Self::try_new(miner::NOW, beginning_at(chain)).unwrap()
    }

    pub(crate) fn execute(&mut self, msg: ExecuteMsg) -> Result<Response, ContractError> {
        self.execute_as("anybody", msg)
    }

    pub(crate) fn execute_as(
        &mut self,
        sender: &str,
        msg: ExecuteMsg,
    ) -> Result<Response, ContractError> {
        self.execute_with(sender, &[], msg)
    }

    pub(crate) fn execute_with(
        &mut self,
        sender: &str,
        funds: &[Coin],
        msg: ExecuteMsg,
    ) -> Result<Response, ContractError> {
        let info = message_info(&self.deps.api.addr_make(sender), funds);
        execute(self.deps.as_mut(), self.env.clone(), info, msg)
    }

    pub(crate) fn headers(
        &mut self,
        parent_height: u32,
        headers: &[Header],
    ) -> Result<Response, ContractError> {
        let raw = raw(headers);
        self.execute(ExecuteMsg::Headers { parent_height, raw })
    }

    pub(crate) fn ancestor(
        &mut self,
        child_height: u32,
        headers: &[Header],
    ) -> Result<Response, ContractError> {
        let raw = raw(headers);
        self.execute(ExecuteMsg::Ancestor { child_height, raw })
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, msg: QueryMsg) -> Result<T, ContractError> {
        query(self.deps.as_ref(), self.env.clone(), msg).map(|answer| from_json(answer).unwrap())
    }

    pub(crate) fn tip(&self) -> HeaderResponse {
        self.ask(QueryMsg::Tip {}).unwrap()
    }

    pub(crate) fn header(&self, height: u32) -> Result<HeaderResponse, ContractError> {
        self.ask(QueryMsg::Header { height })
    }

    pub(crate) fn health(&self, reorgs_seen: u64) -> HealthResponse {
        self.ask(QueryMsg::Health { reorgs_seen }).unwrap()
    }

    pub(crate) fn verify(
        &self,
        height: u32,
        tx: &Transaction,
        proof: &InclusionProof,
    ) -> Result<VerifyTxResponse, ContractError> {
        self.ask(QueryMsg::VerifyTx {
            height,
            tx: serialize(tx).into(),
            index: proof.index,
            branch: proof.path_bytes().into(),
        })
    }

    /// Number of entries in storage.
    pub(crate) fn size(&self) -> usize {
        use cosmwasm_std::{Order, Storage};
        self.deps
            .storage
            .range(None, None, Order::Ascending)
            .count()
    }
}
