//! Public randomness, votes, evidence and liveness.

use std::collections::HashSet;

use proto::babylon::finality::v1::{
    QueriedBlockStatus, QueryActivatedHeightRequest, QueryActiveFinalityProvidersAtHeightRequest,
    QueryBlockRequest, QueryFinalityProviderPowerAtHeightRequest, QueryListBlocksRequest,
    QueryListEvidencesRequest, QueryListPubRandCommitRequest, QueryParamsRequest,
    QuerySigningInfoRequest, QueryVotesAtHeightRequest,
};
use proto::cosmos::base::query::v1beta1::PageRequest;
use proto::field::{self, FieldError};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;
use tracing::warn;

use super::{Node, PAGE_SIZE, client, invalid};
use crate::babylon::read;
use crate::{
    ChainError, DoubleVote, FinalityBlock, FinalityParams, PageKey, PublicRandomnessCommit,
    SigningInfo,
};

const MODULE: &str = "finality";

/// Codes of [`MODULE`] (spec 2.17).
const BLOCK_NOT_FOUND: u32 = 1100;
const POWER_TABLE_NOT_UPDATED: u32 = 1113;
const STAKING_NOT_ACTIVATED: u32 = 1114;

impl Node {
    pub(in crate::babylon) async fn finality_params(&self) -> Result<FinalityParams, ChainError> {
        const QUERY: &str = "finality Params";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let answer = self
            .ask(client.params(QueryParamsRequest {}))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        read::finality_params(answer.params).map_err(invalid(QUERY))
    }

    pub(in crate::babylon) async fn signing_info(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<SigningInfo>, ChainError> {
        const QUERY: &str = "SigningInfo";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let request = QuerySigningInfoRequest {
            fp_btc_pk_hex: key.to_string(),
        };
        match self.ask(client.signing_info(request)).await {
            Ok(answer) => read::signing_info(answer.signing_info)
                .map(Some)
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    pub(in crate::babylon) async fn voting_power(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<u64, ChainError> {
        /// Of module `btcstaking`.
        const PROVIDER_NOT_FOUND: u32 = 1100;
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let request = QueryFinalityProviderPowerAtHeightRequest {
            fp_btc_pk_hex: key.to_string(),
            height: height.0,
        };
        match self
            .ask(client.finality_provider_power_at_height(request))
            .await
        {
            Ok(answer) => Ok(answer.voting_power),
            // Nobody has power at that height.
            Err(failure) if failure.is(MODULE, POWER_TABLE_NOT_UPDATED) => Ok(0),
            Err(failure) if failure.is("btcstaking", PROVIDER_NOT_FOUND) => Ok(0),
            Err(failure) => Err(self.error("FinalityProviderPowerAtHeight", failure)),
        }
    }

    /// Everybody with voting power at a height, and their power in satoshi.
    pub(in crate::babylon) async fn active_providers(
        &self,
        height: ChainHeight,
    ) -> Result<Vec<(FinalityProviderKey, u64)>, ChainError> {
        const QUERY: &str = "ActiveFinalityProvidersAtHeight";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let mut providers = Vec::new();
        let mut next = Some(PageKey::default());
        while let Some(page) = next {
            let request = QueryActiveFinalityProvidersAtHeightRequest {
                height: height.0,
                pagination: Some(page.request(PAGE_SIZE)),
            };
            let answer = self
                .ask(client.active_finality_providers_at_height(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            let read = field::each(
                "finality_providers",
                &answer.finality_providers,
                read::active_provider,
            );
            let mut read = read.map_err(invalid(QUERY))?;
            next = page.turn(QUERY, read.len(), answer.pagination)?;
            providers.append(&mut read);
        }
        Ok(providers)
    }

    pub(in crate::babylon) async fn finality_activated_at(
        &self,
    ) -> Result<Option<ChainHeight>, ChainError> {
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        match self
            .ask(client.activated_height(QueryActivatedHeightRequest {}))
            .await
        {
            Ok(answer) => Ok(Some(ChainHeight(answer.height))),
            Err(failure) if failure.is(MODULE, STAKING_NOT_ACTIVATED) => Ok(None),
            Err(failure) => Err(self.error("ActivatedHeight", failure)),
        }
    }

    pub(in crate::babylon) async fn finality_block(
        &self,
        height: ChainHeight,
    ) -> Result<Option<FinalityBlock>, ChainError> {
        const QUERY: &str = "Block";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        match self
            .ask(client.block(QueryBlockRequest { height: height.0 }))
            .await
        {
            Ok(answer) => read::block(answer.block).map(Some).map_err(invalid(QUERY)),
            Err(failure) if failure.is(MODULE, BLOCK_NOT_FOUND) => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    pub(in crate::babylon) async fn last_finalized_block(
        &self,
    ) -> Result<Option<ChainHeight>, ChainError> {
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let newest = PageRequest {
            limit: 1,
            reverse: true,
            ..PageRequest::default()
        };
        let request = QueryListBlocksRequest {
            status: QueriedBlockStatus::Finalized.into(),
            pagination: Some(newest),
        };
        let answer = self
            .ask(client.list_blocks(request))
            .await
            .map_err(|failure| self.error("ListBlocks", failure))?;
        Ok(answer.blocks.first().map(|block| ChainHeight(block.height)))
    }

    pub(in crate::babylon) async fn votes(
        &self,
        height: ChainHeight,
    ) -> Result<Vec<FinalityProviderKey>, ChainError> {
        const QUERY: &str = "VotesAtHeight";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let answer = self
            .ask(client.votes_at_height(QueryVotesAtHeightRequest { height: height.0 }))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        field::each("btc_pks", &answer.btc_pks, |key| {
            read::provider_key("", key)
        })
        .map_err(invalid(QUERY))
    }

    pub(in crate::babylon) async fn public_randomness_commits(
        &self,
        finality_provider: &FinalityProviderKey,
    ) -> Result<Vec<PublicRandomnessCommit>, ChainError> {
        const QUERY: &str = "ListPubRandCommit";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let mut commits = Vec::new();
        let mut next = Some(PageKey::default());
        while let Some(page) = next {
            let request = QueryListPubRandCommitRequest {
                fp_btc_pk_hex: finality_provider.to_string(),
                pagination: Some(page.request(PAGE_SIZE)),
            };
            let answer = self
                .ask(client.list_pub_rand_commit(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            let mut read = read::commits(answer.pub_rand_commit_map).map_err(invalid(QUERY))?;
            next = page.turn(QUERY, read.len(), answer.pagination)?;
            commits.append(&mut read);
        }
        commits.sort_by_key(|commit| commit.start);
        Ok(commits)
    }

    /// The first evidence against every provider whose first evidence is at `from` or above.
    pub(in crate::babylon) async fn evidences(
        &self,
        from: ChainHeight,
    ) -> Result<Vec<DoubleVote>, ChainError> {
        const QUERY: &str = "ListEvidences";
        let mut client = client!(self, babylon::finality::v1::query_client::QueryClient);
        let mut evidences = Vec::new();
        // The chain lists a provider's first evidence once for each that it has.
        let mut seen = HashSet::new();
        let mut next = Some(PageKey::default());
        while let Some(page) = next {
            let request = QueryListEvidencesRequest {
                start_height: from.0,
                pagination: Some(page.request(PAGE_SIZE)),
            };
            let answer = self
                .ask(client.list_evidences(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            next = page.turn(QUERY, answer.evidences.len(), answer.pagination)?;
            for answer in answer.evidences {
                if seen.insert((answer.fp_btc_pk_hex.clone(), answer.block_height)) {
                    match read::evidence(&answer) {
                        Ok(evidence) => evidences.push(evidence),
                        Err(error) => skip(&answer.fp_btc_pk_hex, answer.block_height, &error),
                    }
                }
            }
        }
        Ok(evidences)
    }
}

/// Unreadable evidence must not hide the rest.
fn skip(finality_provider: &str, height: u64, error: &FieldError) {
    warn!(finality_provider, height, %error, "skipping unreadable evidence of equivocation");
}
