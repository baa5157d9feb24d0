//! The partner chains of the configuration, and what each knows of a stake.

use bitcoin::OutPoint;
use chain::mesh::{self, Exposure, InstanceTerms, Mesh, StakeStanding};
use chain::{Chain as _, ChainError, FinalityProvider};
use futures::future::join_all;
use mesh_core::Domain;
use mesh_core::consent::Target;
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::{AccountAddress, AccountAddressError};

use super::number::Numbered;
use crate::error::Error;
use crate::seed::{Keys, SeedError};
use crate::staker::Staker;

/// A partner chain of the configuration, whether or not it answered.
#[derive(Debug)]
pub struct Instance {
    /// What commands call it.
    pub name: String,
    /// Whom a share for it names: known before it answers.
    pub domain: Domain,
    /// Prefix of its addresses.
    pub account_prefix: String,
    /// The chain, or why it was not reached.
    pub mesh: Result<Mesh, ChainError>,
}

/// What a chain knows of a stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownStake {
    /// Where it stands.
    pub standing: StakeStanding,
    /// With whom it is shared; `None` where the chain has forgotten that.
    pub exposure: Option<Exposure>,
}

/// What a chain says before a stake is shown to it.
#[derive(Debug, Clone)]
pub struct Look {
    /// What it prescribes.
    pub terms: InstanceTerms,
    /// The stake's provider there; `None` where it is not registered.
    pub provider: Option<FinalityProvider>,
    /// What it knows of the stake; `None` where nobody showed it.
    pub known: Option<KnownStake>,
}

impl Staker {
    /// All partner chains, to be asked only.
    pub async fn watched_instances(&self) -> Vec<Instance> {
        let chains = &self.config.chains;
        let watched = chains
            .iter()
            .map(|config| async move { Instance::new(config, Mesh::watch(config.clone()).await) });
        join_all(watched).await
    }

    /// All partner chains, to be told something by the seed's account.
    pub async fn instances(&self, keys: &Keys) -> Result<Vec<Instance>, Error> {
        let connected = self.config.chains.iter().map(|config| async move {
            let account = keys.account_key()?;
            let mesh = Mesh::connect(config.clone(), account).await;
            Ok::<_, SeedError>(Instance::new(config, mesh))
        });
        let connected = join_all(connected).await.into_iter();
        Ok(connected.collect::<Result<_, _>>()?)
    }
}

impl Instance {
    fn new(config: &mesh::Config, mesh: Result<Mesh, ChainError>) -> Self {
        if let Err(error) = &mesh {
            tracing::warn!(chain = config.name, %error, "a partner chain was not reached");
        }
        Self {
            name: config.name.clone(),
            domain: config.domain.0,
            account_prefix: config.node.account_prefix.clone(),
            mesh,
        }
    }

    /// Whom a share for it names.
    pub fn target(&self) -> Target {
        Target::instance(&self.domain)
    }

    /// The address there of the account whose address elsewhere is `account`.
    pub fn own_address(
        &self,
        account: &AccountAddress,
    ) -> Result<AccountAddress, AccountAddressError> {
        AccountAddress::new(&self.account_prefix, account.bytes())
    }

    /// What it knows of a stake; `None` where nobody showed it.
    pub async fn known(&self, outpoint: OutPoint) -> Result<Option<KnownStake>, ChainError> {
        let mesh = self.mesh.as_ref().map_err(Clone::clone)?;
        let Some(standing) = mesh.stake_standing(outpoint).await? else {
            return Ok(None);
        };
        let exposure = match mesh.exposure(outpoint).await {
            Ok(exposure) => Some(exposure),
            // It keeps the list no longer than the stake's timelock.
            Err(ChainError::Rejected(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(KnownStake { standing, exposure }))
    }

    /// What it says before a stake with this provider is shown to it.
    pub async fn look(
        &self,
        outpoint: OutPoint,
        provider: &FinalityProviderKey,
    ) -> Result<Look, ChainError> {
        let mesh = self.mesh.as_ref().map_err(Clone::clone)?;
        Ok(Look {
            terms: mesh.instance_terms().await?,
            provider: mesh.finality_provider(provider).await?,
            known: self.known(outpoint).await?,
        })
    }
}

impl KnownStake {
    /// The newest consent that the chain was shown.
    pub fn numbered(&self) -> Numbered {
        let number = self.standing.consent_number;
        let exposure = self.exposure.as_ref();
        Numbered {
            number,
            // The two answers may be of two blocks.
            shares: exposure
                .filter(|exposure| exposure.number == number)
                .map(|exposure| exposure.shares.clone()),
        }
    }
}
