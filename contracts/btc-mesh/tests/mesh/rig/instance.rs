//! The two contracts, and whom they hear.

use bitcoin::OutPoint;
use bitcoin::hashes::{Hash, sha256};
use btc_mesh::ContractError;
use btc_mesh::contract::{execute, instantiate, query};
use btc_mesh::msg::{
    Bytes32, ConfigResponse, CovenantSet, ExecuteMsg, InstantiateMsg, Params, ProviderResponse,
    QueryMsg, StakeResponse, StatusResponse,
};
use cosmwasm_std::testing::{MockApi, message_info, mock_env};
use cosmwasm_std::{Addr, Binary, Coin, Env, OwnedDeps, Response, coins, from_json};
use eots::SecretKey;
use mesh_core::{Domain, commit::Commit, registration};
use serde::de::DeserializeOwned;

use super::bitcoin_chain::Bitcoin;
use super::light::{LightClient, Neighbours, follow_clock};
use super::storage::Store;

/// Denomination of rewards.
pub(crate) const DENOM: &str = "ureward";

/// Name of governance's account.
pub(crate) const GOVERNANCE: &str = "governance";

/// Numbers that make tests short.
pub(crate) fn params() -> Params {
    Params {
        depth_min: 3,
        challenge: 2,
        settled_depth: 20,
        thaw: 10,
        consent_delay: 5,
        pace_min: 0,
        max_lag: 3 * 60 * 60,
        max_stale: 6 * 60 * 60,
        max_age: 50,
        report_margin: 20,
        slash_margin: 20,
        stall_min: 1,
        epoch_len: 20,
        interval: 10,
        margin: 5,
        window: 20,
        growth: 1_000,
        max_share: 10_000,
        min_total: 1,
        min_providers: 1,
        participation_floor: 0,
        jail_epochs: 1,
        late: 10,
        max_commission: 10_000,
        min_slashing_rate: 1,
        grace: 6,
        vesting: 100,
        bounty: 1_000,
    }
}

/// A secret key of no value.
pub(crate) fn secret(name: &str) -> SecretKey {
    SecretKey::from_bytes(&sha256::Hash::hash(name.as_bytes()).to_byte_array()).unwrap()
}

pub(crate) struct Rig {
    /// Bitcoin as it is, whether `btc-light` knows it or not.
    pub(crate) bitcoin: Bitcoin,
    pub(crate) deps: OwnedDeps<Store, MockApi, Neighbours>,
    pub(crate) env: Env,
    light: LightClient,
}

impl Rig {
    /// An instance with these numbers and committees.
    pub(crate) fn with(params: Params, covenants: Vec<CovenantSet>) -> Self {
        Self::try_with(params, covenants).unwrap()
    }

    pub(crate) fn try_with(
        params: Params,
        covenants: Vec<CovenantSet>,
    ) -> Result<Self, ContractError> {
        Self::try_as("mesh-1", params, covenants)
    }

    pub(crate) fn try_as(
        chain_id: &str,
        params: Params,
        covenants: Vec<CovenantSet>,
    ) -> Result<Self, ContractError> {
        let bitcoin = Bitcoin::of(20);
        let mut env = mock_env();
        chain_id.clone_into(&mut env.block.chain_id);
        follow_clock(&mut env, &bitcoin);
        let light = LightClient::begin(&bitcoin, &env);
        let mut rig = Self {
            deps: light.dependencies(),
            bitcoin,
            env,
            light,
        };
        let msg = InstantiateMsg {
            light: LightClient::address().into(),
            gov: rig.deps.api.addr_make(GOVERNANCE).into(),
            denom: DENOM.to_owned(),
            params,
            covenants,
        };
        let info = message_info(&rig.deps.api.addr_make("creator"), &[]);
        instantiate(rig.deps.as_mut(), rig.env.clone(), info, msg)?;
        Ok(rig)
    }

    /// Mines blocks and brings them.
    pub(crate) fn mine(&mut self, blocks: u32) {
        let known = self.bitcoin.height();
        self.bitcoin.mine(blocks);
        self.bring(known);
    }

    /// Brings the headers above a height, and sets the clock by the tip.
    pub(crate) fn bring(&mut self, height: u32) {
        follow_clock(&mut self.env, &self.bitcoin);
        self.light.bring(&self.bitcoin, height, &self.env);
    }

    /// Another branch takes over above a height, with this many blocks.
    pub(crate) fn reorganise(&mut self, height: u32, blocks: u32) {
        self.bitcoin = self.bitcoin.fork(height, blocks);
        self.bring(height);
    }

    pub(crate) fn address(&self, name: &str) -> Addr {
        self.deps.api.addr_make(name)
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

    /// Executes a message with coins, which are in the contract's balance while it runs.
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

    /// Executes a message of governance.
    pub(crate) fn govern(&mut self, msg: ExecuteMsg) -> Result<Response, ContractError> {
        self.execute_as(GOVERNANCE, msg)
    }

    /// SDK gas that a message's reads and writes of this contract's storage cost.
    pub(crate) fn storage_gas(&mut self, msg: ExecuteMsg) -> u64 {
        let before = self.deps.storage.gas();
        self.execute(msg).unwrap();
        self.deps.storage.gas() - before
    }

    pub(crate) fn try_ask<T: DeserializeOwned>(&self, msg: QueryMsg) -> Result<T, ContractError> {
        query(self.deps.as_ref(), self.env.clone(), msg).map(|answer| from_json(answer).unwrap())
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, msg: QueryMsg) -> T {
        self.try_ask(msg).unwrap()
    }

    pub(crate) fn domain(&self) -> Domain {
        let config: ConfigResponse = self.ask(QueryMsg::Config {});
        Domain::from_bytes(config.domain.0)
    }

    pub(crate) fn status(&self) -> StatusResponse {
        self.ask(QueryMsg::Status {})
    }

    pub(crate) fn stake(&self, outpoint: OutPoint) -> StakeResponse {
        self.ask(QueryMsg::Stake { outpoint })
    }

    pub(crate) fn provider(&self, key: &SecretKey) -> ProviderResponse {
        let pk = Bytes32(key.public_key().to_bytes());
        self.ask(QueryMsg::Provider { pk })
    }

    /// Number of entries in the contract's storage.
    pub(crate) fn size(&self) -> usize {
        self.deps.storage.len()
    }

    /// Bytes of the keys and values there.
    pub(crate) fn bytes(&self) -> usize {
        self.deps.storage.bytes()
    }

    /// What the contract holds.
    pub(crate) fn set_balance(&mut self, amount: u128) {
        let contract = self.env.contract.address.clone();
        self.deps
            .querier
            .others
            .bank
            .update_balance(contract, coins(amount, DENOM));
    }

    /// Registers a provider by name and commits it to randomness for the first million checkpoints.
    pub(crate) fn register_provider(&mut self, name: &str) -> SecretKey {
        let key = secret(name);
        let (pk, domain) = (key.public_key(), self.domain());
        let operator = self.address("operator");
        let digest = registration::digest(&domain, &pk, 1, operator.as_str(), 500).unwrap();
        self.execute(ExecuteMsg::RegisterProvider {
            pk: Bytes32(pk.to_bytes()),
            seq: 1,
            operator: operator.into(),
            commission: 500,
            signature: sign(&key, &digest),
        })
        .unwrap();
        let root = [7; 32];
        let commitment = eots::commitment::Commitment::from_bytes(root);
        let commit = Commit::new(0, 1 << 20, commitment).unwrap();
        self.execute(ExecuteMsg::Commit {
            pk: Bytes32(pk.to_bytes()),
            seq: 1,
            start: 0,
            num: 1 << 20,
            root: Bytes32(root),
            signature: sign(&key, &commit.digest(&domain, &pk, 1)),
        })
        .unwrap();
        key
    }
}

/// A BIP-0340 signature of a digest.
pub(crate) fn sign(key: &SecretKey, digest: &[u8; 32]) -> Binary {
    eots::bip340::sign(key, digest, &[7; 32]).as_bytes().into()
}
