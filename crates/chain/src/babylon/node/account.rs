//! The chain itself, and what accounts own.

use proto::babylon::incentive::QueryRewardGaugesRequest;
use proto::cosmos::bank::v1beta1::QueryBalanceRequest;
use proto::cosmos::base::node::v1beta1::StatusRequest;
use proto::cosmos::base::tendermint::v1beta1::GetNodeInfoRequest;
use proto::field;
use staking::units::ChainHeight;

use super::{Node, client, invalid};
use crate::babylon::read;
use crate::{ChainError, Reward};

impl Node {
    /// Id of the chain that the node serves.
    pub(in crate::babylon) async fn chain_id(&self) -> Result<String, ChainError> {
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
    pub(in crate::babylon) async fn height(&self) -> Result<ChainHeight, ChainError> {
        let mut client = client!(
            self,
            cosmos::base::node::v1beta1::service_client::ServiceClient
        );
        let answer = self
            .ask(client.status(StatusRequest {}))
            .await
            .map_err(|failure| self.error("Status", failure))?;
        Ok(ChainHeight(answer.height))
    }

    /// What an account has of a denomination, in its smallest unit.
    pub(in crate::babylon) async fn balance(
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
            .and_then(|coin| read::amount("balance.amount", &coin.amount))
            .map_err(invalid(QUERY))
    }

    /// What an account earned as stakeholder of any kind and has not withdrawn.
    pub(in crate::babylon) async fn rewards(
        &self,
        address: &str,
    ) -> Result<Vec<Reward>, ChainError> {
        const QUERY: &str = "RewardGauges";
        /// The account never earned anything.
        const GAUGE_NOT_FOUND: u32 = 1101;
        let mut client = client!(self, babylon::incentive::query_client::QueryClient);
        let request = QueryRewardGaugesRequest {
            address: address.to_owned(),
        };
        match self.ask(client.reward_gauges(request)).await {
            Ok(answer) => read::rewards(answer).map_err(invalid(QUERY)),
            Err(failure) if failure.is("incentive", GAUGE_NOT_FOUND) => Ok(Vec::new()),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }
}
