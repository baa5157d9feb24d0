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

use super::{Failure, Node, PAGE_SIZE, client, invalid};
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
        let mut next = Some(PageKey::default());
        while let Some(page) = next {
            let request = QueryParamsVersionsRequest {
                pagination: Some(page.request(PAGE_SIZE)),
            };
            let mut answer = self
                .ask(client.params_versions(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            next = page.turn(QUERY, answer.params.len(), answer.pagination)?;
            versions.append(&mut answer.params);
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
        const QUERY: &str = "BTCDelegations";
        let status = match status {
            None => WireStatus::Any,
            Some(DelegationStatus::Pending) => WireStatus::Pending,
            Some(DelegationStatus::Verified) => WireStatus::Verified,
            Some(DelegationStatus::Active) => WireStatus::Active,
            Some(DelegationStatus::Unbonded) => WireStatus::Unbonded,
            Some(DelegationStatus::Expired) => WireStatus::Expired,
        };
        let begins = after.unwrap_or_default();
        let answer = page_that_fits(limit, |limit| {
            let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
            let request = QueryBtcDelegationsRequest {
                status: status.into(),
                pagination: Some(begins.request(limit)),
            };
            async move { self.ask(client.btc_delegations(request)).await }
        })
        .await
        .map_err(|failure| self.error(QUERY, failure))?;
        let next = begins.turn(QUERY, answer.btc_delegations.len(), answer.pagination)?;
        Ok(read::page(answer.btc_delegations, next))
    }

    pub(in crate::babylon) async fn delegations_to(
        &self,
        finality_provider: &FinalityProviderKey,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        const QUERY: &str = "FinalityProviderDelegations";
        let begins = after.unwrap_or_default();
        let answer = page_that_fits(limit, |limit| {
            let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
            let request = QueryFinalityProviderDelegationsRequest {
                fp_btc_pk_hex: finality_provider.to_string(),
                pagination: Some(begins.request(limit)),
            };
            async move {
                self.ask(client.finality_provider_delegations(request))
                    .await
            }
        })
        .await
        .map_err(|failure| self.error(QUERY, failure))?;
        let delegations: Vec<_> = answer
            .btc_delegator_delegations
            .into_iter()
            .flat_map(|one| one.dels)
            .collect();
        let next = begins.turn(QUERY, delegations.len(), answer.pagination)?;
        Ok(read::page(delegations, next))
    }

    pub(in crate::babylon) async fn finality_providers(
        &self,
    ) -> Result<Vec<FinalityProvider>, ChainError> {
        const QUERY: &str = "FinalityProviders";
        let mut client = client!(self, babylon::btcstaking::v1::query_client::QueryClient);
        let mut providers = Vec::new();
        let mut next = Some(PageKey::default());
        while let Some(page) = next {
            let request = QueryFinalityProvidersRequest {
                pagination: Some(page.request(PAGE_SIZE)),
            };
            let answer = self
                .ask(client.finality_providers(request))
                .await
                .map_err(|failure| self.error(QUERY, failure))?;
            next = page.turn(QUERY, answer.finality_providers.len(), answer.pagination)?;
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

/// Asks for a page of `limit` delegations, and for half as many each time the answer is too large to be read: stakers
/// choose how long their transactions are, and long ones must not hide the others.
async fn page_that_fits<T, A: Future<Output = Result<T, Failure>>>(
    limit: NonZeroU32,
    ask: impl Fn(u64) -> A,
) -> Result<T, Failure> {
    let mut limit = limit.get();
    loop {
        match ask(limit.into()).await {
            Err(Failure::TooLarge(_)) if limit > 1 => limit /= 2,
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(fits: u64) -> Result<u64, Failure> {
        page_that_fits(NonZeroU32::new(200).unwrap(), |limit| async move {
            if limit <= fits {
                Ok(limit)
            } else {
                Err(Failure::TooLarge("too large".to_owned()))
            }
        })
        .await
    }

    #[tokio::test]
    async fn a_page_that_is_too_large_is_asked_for_in_parts() {
        assert_eq!(ask(1_000).await, Ok(200));
        assert_eq!(ask(30).await, Ok(25));
        assert_eq!(ask(1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_single_delegation_beyond_the_limit_is_reported() {
        assert!(matches!(ask(0).await, Err(Failure::TooLarge(_))));
    }
}
