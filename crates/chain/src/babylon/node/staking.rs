//! Stakes and finality providers.

use std::num::NonZeroU32;

use bitcoin::Txid;
use proto::babylon::btcstaking::v1::{
    BtcDelegationStatus as WireStatus, QueryBtcDelegationRequest, QueryBtcDelegationsRequest,
    QueryFinalityProviderDelegationsRequest, QueryFinalityProviderRequest,
    QueryFinalityProvidersRequest, QueryParamsVersionsRequest,
};
use proto::field;
use staking::keys::FinalityProviderKey;
use staking::params::ParamsVersions;
use tracing::warn;

use super::{Node, PAGE_SIZE, client, invalid, next_key, page};
use crate::babylon::read;
use crate::{ChainError, Delegation, DelegationStatus, FinalityProvider, Page, PageKey};

const MODULE: &str = "btcstaking";

/// Codes of [`MODULE`] (spec 2.17).
const FINALITY_PROVIDER_NOT_FOUND: u32 = 1100;
const DELEGATION_NOT_FOUND: u32 = 1102;

impl Node {
    pub(in crate::babylon) async fn staking_params(&self) -> Result<ParamsVersions, ChainError> {
        const QUERY: &str = "ParamsVersions";
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let mut versions = Vec::new();
        let mut key = Some(Vec::new());
        while let Some(from) = key {
            let request = QueryParamsVersionsRequest {
                pagination: Some(page(from, PAGE_SIZE)),
            };
            let mut answer = self
                .ask(client.params_versions(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            versions.append(&mut answer.params);
            key = next_key(answer.pagination);
        }
        read::staking_params(versions).map_err(invalid(QUERY))
    }

    pub(in crate::babylon) async fn delegation(
        &self,
        staking_txid: Txid,
    ) -> Result<Option<Delegation>, ChainError> {
        const QUERY: &str = "BTCDelegation";
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let request = QueryBtcDelegationRequest {
            staking_tx_hash_hex: staking_txid.to_string(),
        };
        match self.ask(client.btc_delegation(request)).await {
            Ok(answer) => field::required("btc_delegation", answer.btc_delegation.as_ref())
                .and_then(|answer| {
                    read::delegation(answer).map_err(|error| error.inside("btc_delegation"))
                })
                .map(Some)
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is(MODULE, DELEGATION_NOT_FOUND) => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    pub(in crate::babylon) async fn delegations(
        &self,
        status: Option<DelegationStatus>,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        let status = match status {
            None => WireStatus::Any,
            Some(DelegationStatus::Pending) => WireStatus::Pending,
            Some(DelegationStatus::Verified) => WireStatus::Verified,
            Some(DelegationStatus::Active) => WireStatus::Active,
            Some(DelegationStatus::Unbonded) => WireStatus::Unbonded,
            Some(DelegationStatus::Expired) => WireStatus::Expired,
        };
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let request = QueryBtcDelegationsRequest {
            status: status.into(),
            pagination: Some(page(page_key(after), limit.get().into())),
        };
        let answer = self
            .ask(client.btc_delegations(request))
            .await
            .map_err(|failure| self.error("BTCDelegations", failure))?;
        Ok(read::page(
            answer.btc_delegations,
            next_key(answer.pagination),
        ))
    }

    pub(in crate::babylon) async fn delegations_to(
        &self,
        finality_provider: &FinalityProviderKey,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let request = QueryFinalityProviderDelegationsRequest {
            fp_btc_pk_hex: finality_provider.to_string(),
            pagination: Some(page(page_key(after), limit.get().into())),
        };
        let answer = self
            .ask(client.finality_provider_delegations(request))
            .await
            .map_err(|failure| self.error("FinalityProviderDelegations", failure))?;
        let delegations = answer
            .btc_delegator_delegations
            .into_iter()
            .flat_map(|one| one.dels);
        Ok(read::page(delegations, next_key(answer.pagination)))
    }

    pub(in crate::babylon) async fn finality_providers(
        &self,
    ) -> Result<Vec<FinalityProvider>, ChainError> {
        const QUERY: &str = "FinalityProviders";
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let mut providers = Vec::new();
        let mut key = Some(Vec::new());
        while let Some(from) = key {
            let request = QueryFinalityProvidersRequest {
                pagination: Some(page(from, PAGE_SIZE)),
            };
            let answer = self
                .ask(client.finality_providers(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            for answer in answer.finality_providers {
                let address = answer.addr.clone();
                match read::finality_provider(answer) {
                    Ok(provider) => providers.push(provider),
                    // It must not hide the others.
                    Err(error) => {
                        warn!(address, %error, "skipping an unreadable finality provider");
                    }
                }
            }
            key = next_key(answer.pagination);
        }
        Ok(providers)
    }

    pub(in crate::babylon) async fn finality_provider(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<FinalityProvider>, ChainError> {
        const QUERY: &str = "FinalityProvider";
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let request = QueryFinalityProviderRequest {
            fp_btc_pk_hex: key.to_string(),
        };
        match self.ask(client.finality_provider(request)).await {
            Ok(answer) => field::required("finality_provider", answer.finality_provider)
                .and_then(|answer| {
                    read::finality_provider(answer)
                        .map_err(|error| error.inside("finality_provider"))
                })
                .map(Some)
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is(MODULE, FINALITY_PROVIDER_NOT_FOUND) => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }
}

fn page_key(after: Option<PageKey>) -> Vec<u8> {
    after.map(|key| key.0).unwrap_or_default()
}
