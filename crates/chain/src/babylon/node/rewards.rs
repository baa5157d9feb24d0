//! Rewards.

use proto::babylon::incentive::QueryRewardGaugesRequest;

use super::{Node, client, invalid};
use crate::babylon::read;
use crate::{ChainError, Reward};

impl Node {
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
