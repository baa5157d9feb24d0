//! Questions that only nodes of CosmWasm chains answer.

use proto::cosmos::tx::v1beta1::GetTxsEventRequest;
use proto::cosmwasm::wasm::v1::{
    QueryContractInfoRequest, QueryRawContractStateRequest, QuerySmartContractStateRequest,
};
use serde::de::DeserializeOwned;
use staking::proof_of_possession::AccountAddress;

use super::refusal::{self, MODULE};
use super::{ContractInfo, read};
use crate::ChainError;
use crate::cosmos::node::{Node, client, invalid};

/// Error code of [`MODULE`] for an address without contract.
const NO_SUCH_CONTRACT: u32 = 22;

/// Transactions that are looked at for one question.
const MOST_TRANSACTIONS: u64 = 10;

/// Largest answer of a contract that is read.
const MAX_CONTRACT_ANSWER_BYTES: usize = 4 << 20;

impl Node {
    pub(super) async fn contract(
        &self,
        address: &AccountAddress,
    ) -> Result<Option<ContractInfo>, ChainError> {
        const QUERY: &str = "ContractInfo";
        let mut client = client!(self, cosmwasm::wasm::v1::query_client::QueryClient);
        let request = QueryContractInfoRequest {
            address: address.text().to_owned(),
        };
        match self.ask(client.contract_info(request)).await {
            Ok(answer) => read::contract(answer.contract_info)
                .map(Some)
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is(MODULE, NO_SUCH_CONTRACT) => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        contract: &AccountAddress,
        msg: Vec<u8>,
    ) -> Result<T, ChainError> {
        const QUERY: &str = "SmartContractState";
        let mut client = client!(self, cosmwasm::wasm::v1::query_client::QueryClient)
            .max_decoding_message_size(MAX_CONTRACT_ANSWER_BYTES);
        let request = QuerySmartContractStateRequest {
            address: contract.text().to_owned(),
            query_data: msg,
        };
        let answer = self
            .ask(client.smart_contract_state(request))
            .await
            .map_err(|failure| self.error(QUERY, refusal::of_query(failure)))?;
        read::json("data", &answer.data).map_err(invalid(QUERY))
    }

    pub(super) async fn raw(
        &self,
        contract: &AccountAddress,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ChainError> {
        let mut client = client!(self, cosmwasm::wasm::v1::query_client::QueryClient)
            .max_decoding_message_size(MAX_CONTRACT_ANSWER_BYTES);
        let request = QueryRawContractStateRequest {
            address: contract.text().to_owned(),
            query_data: key.to_vec(),
        };
        let answer = self
            .ask(client.raw_contract_state(request))
            .await
            .map_err(|failure| self.error("RawContractState", failure))?;
        // No contract can store an empty value.
        Ok(Some(answer.data).filter(|data| !data.is_empty()))
    }

    /// What `contract` was told in the oldest transactions of the node's index that match a query; `None` where none does.
    pub(super) async fn told(
        &self,
        contract: &AccountAddress,
        query: String,
    ) -> Result<Option<Vec<Vec<u8>>>, ChainError> {
        const QUERY: &str = "GetTxsEvent";
        let mut client = client!(self, cosmos::tx::v1beta1::service_client::ServiceClient)
            .max_decoding_message_size(MAX_CONTRACT_ANSWER_BYTES);
        let request = GetTxsEventRequest {
            page: 1,
            limit: MOST_TRANSACTIONS,
            query,
        };
        let answer = self
            .ask(client.get_txs_event(request))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        if answer.txs.is_empty() {
            return Ok(None);
        }
        let messages = answer
            .txs
            .into_iter()
            .filter_map(|transaction| transaction.body)
            .flat_map(|body| body.messages);
        read::told(contract, messages)
            .map(Some)
            .map_err(invalid(QUERY))
    }
}
