//! The chain itself, and what accounts own.

use proto::cosmos::bank::v1beta1::QueryBalanceRequest;
use proto::cosmos::base::node::v1beta1::{StatusRequest, StatusResponse};
use proto::cosmos::base::tendermint::v1beta1::{GetBlockByHeightRequest, GetNodeInfoRequest};
use proto::field::{self, FieldError};
use staking::units::ChainHeight;

use super::{Node, client, invalid};
use crate::ChainError;

/// Name of the question for the newest block.
pub(super) const STATUS: &str = "Status";

impl Node {
    /// Id of the chain that the node serves.
    pub(super) async fn chain_id(&self) -> Result<String, ChainError> {
        const QUERY: &str = "GetNodeInfo";
        let mut client = client!(
            self,
            cosmos::base::tendermint::v1beta1::service_client::ServiceClient
        );
        let answer = self
            .ask(client.get_node_info(GetNodeInfoRequest {}))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        field::required("default_node_info", answer.default_node_info)
            .map(|info| info.network)
            .map_err(invalid(QUERY))
    }

    /// Height of the newest block.
    pub(crate) async fn height(&self) -> Result<ChainHeight, ChainError> {
        Ok(ChainHeight(self.status().await?.height))
    }

    /// What the node says of itself and its newest block.
    pub(super) async fn status(&self) -> Result<StatusResponse, ChainError> {
        let mut client = client!(
            self,
            cosmos::base::node::v1beta1::service_client::ServiceClient
        );
        self.ask(client.status(StatusRequest {}))
            .await
            .map_err(|failure| self.error(STATUS, failure))
    }

    /// Hash of the header at a height; the block must be there.
    pub(crate) async fn header_hash(&self, height: ChainHeight) -> Result<[u8; 32], ChainError> {
        const QUERY: &str = "GetBlockByHeight";
        let mut client = client!(
            self,
            cosmos::base::tendermint::v1beta1::service_client::ServiceClient
        );
        let request = GetBlockByHeightRequest {
            height: field::number("height", height.0).map_err(invalid(QUERY))?,
        };
        let answer = self
            .ask(client.get_block_by_height(request))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        field::required("block_id", answer.block_id)
            .and_then(|id| field::array("block_id.hash", &id.hash))
            .map_err(invalid(QUERY))
    }

    /// What an account has of a denomination, in its smallest unit.
    pub(crate) async fn balance(
        &self,
        address: &str,
        denomination: &str,
    ) -> Result<u128, ChainError> {
        const QUERY: &str = "Balance";
        let mut client = client!(self, cosmos::bank::v1beta1::query_client::QueryClient);
        let request = QueryBalanceRequest {
            address: address.to_owned(),
            denom: denomination.to_owned(),
        };
        let answer = self
            .ask(client.balance(request))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        field::required("balance", answer.balance)
            .and_then(|coin| amount("balance.amount", &coin.amount))
            .map_err(invalid(QUERY))
    }
}

/// A coin's amount.
pub(crate) fn amount(name: &str, text: &str) -> Result<u128, FieldError> {
    text.parse()
        .map_err(|_| FieldError::new(name, format!("`{text}` is not an amount")))
}
