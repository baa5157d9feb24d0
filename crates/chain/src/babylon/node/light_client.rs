//! The Bitcoin light client.

use bitcoin::BlockHash;
use bitcoin::hashes::Hash;
use proto::babylon::btccheckpoint::v1::QueryParamsRequest;
use proto::babylon::btclightclient::v1::{
    QueryBaseHeaderRequest, QueryContainsBytesRequest, QueryTipRequest,
};

use super::{Node, client, invalid};
use crate::babylon::read;
use crate::{ChainError, LightClientHeader, LightClientParams};

impl Node {
    pub(in crate::babylon) async fn light_client_tip(
        &self,
    ) -> Result<LightClientHeader, ChainError> {
        const QUERY: &str = "Tip";
        let mut client = client!(self, babylon::btclightclient::v1::query_client::QueryClient);
        let answer = self
            .ask(client.tip(QueryTipRequest {}))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        read::header(answer.header).map_err(invalid(QUERY))
    }

    pub(in crate::babylon) async fn light_client_base(
        &self,
    ) -> Result<LightClientHeader, ChainError> {
        const QUERY: &str = "BaseHeader";
        let mut client = client!(self, babylon::btclightclient::v1::query_client::QueryClient);
        let answer = self
            .ask(client.base_header(QueryBaseHeaderRequest {}))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        read::header(answer.header).map_err(invalid(QUERY))
    }

    pub(in crate::babylon) async fn contains_header(
        &self,
        hash: &BlockHash,
    ) -> Result<bool, ChainError> {
        let mut client = client!(self, babylon::btclightclient::v1::query_client::QueryClient);
        let request = QueryContainsBytesRequest {
            hash: hash.to_byte_array().to_vec(),
        };
        let answer = self
            .ask(client.contains_bytes(request))
            .await
            .map_err(|failure| self.error("ContainsBytes", failure))?;
        Ok(answer.contains)
    }

    pub(in crate::babylon) async fn light_client_params(
        &self,
    ) -> Result<LightClientParams, ChainError> {
        const QUERY: &str = "btccheckpoint Params";
        let mut client = client!(self, babylon::btccheckpoint::v1::query_client::QueryClient);
        let answer = self
            .ask(client.params(QueryParamsRequest {}))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        read::light_client_params(answer.params).map_err(invalid(QUERY))
    }
}
