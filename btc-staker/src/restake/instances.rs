//! The partner chains of the configuration, and what each knows of a stake.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::OutPoint;
use chain::mesh::{self, Exposure, InstanceTerms, Mesh, StakeStanding};
use chain::{Chain as _, ChainError, FinalityProvider, LightClientParams};
use futures::future::join_all;
use mesh_core::Domain;
use mesh_core::consent::Target;
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::{AccountAddress, AccountAddressError};
use staking::units::BitcoinHeight;
use tokio::sync::Mutex;

use super::number::Numbered;
use super::taken::Offer;
use crate::error::Error;
use crate::seed::{Keys, SeedError};

/// Between two attempts to reach a chain that did not answer.
const PAUSE: Duration = Duration::from_secs(5);

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

/// The partner chains of a home while a command works with them: reached when they are first asked for, and tried again
/// where that failed.
#[derive(Clone)]
pub struct PartnerChains {
    configs: Arc<[mesh::Config]>,
    keys: Option<Keys>,
    reached: Arc<Mutex<Reached>>,
}

/// What was reached, and when it was tried last.
type Reached = Option<(Vec<Arc<Instance>>, Instant)>;

impl PartnerChains {
    /// Chains that are asked only.
    pub fn watched(configs: Vec<mesh::Config>) -> Self {
        Self {
            configs: configs.into(),
            keys: None,
            reached: Arc::default(),
        }
    }

    /// Chains that are told something by the seed's account.
    pub fn told_by(configs: Vec<mesh::Config>, keys: Keys) -> Self {
        Self {
            keys: Some(keys),
            ..Self::watched(configs)
        }
    }

    /// All of them, those too that do not answer.
    ///
    /// # Errors
    ///
    /// Fails where the account's key cannot be derived.
    pub async fn instances(&self) -> Result<Vec<Arc<Instance>>, Error> {
        let mut reached = self.reached.lock().await;
        let before = match reached.as_ref() {
            Some((instances, tried)) => {
                let complete = instances.iter().all(|instance| instance.mesh.is_ok());
                if complete || tried.elapsed() < PAUSE {
                    return Ok(instances.clone());
                }
                instances.clone()
            }
            None => Vec::new(),
        };
        let mut known = before.into_iter();
        let tried = self.configs.iter().map(|config| {
            let known = known.next().filter(|instance| instance.mesh.is_ok());
            async move {
                match known {
                    Some(instance) => Ok(instance),
                    None => self.reach(config).await.map(Arc::new),
                }
            }
        });
        let instances: Vec<_> = join_all(tried)
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        *reached = Some((instances.clone(), Instant::now()));
        Ok(instances)
    }

    async fn reach(&self, config: &mesh::Config) -> Result<Instance, SeedError> {
        let mesh = match &self.keys {
            Some(keys) => Mesh::connect(config.clone(), keys.account_key()?).await,
            None => Mesh::watch(config.clone()).await,
        };
        Ok(Instance::new(config, mesh))
    }
}

impl fmt::Debug for PartnerChains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.configs.iter().map(|config| &config.name);
        f.debug_list().entries(names).finish()
    }
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
    /// The newest Bitcoin header that it knows.
    pub light_client_tip: BitcoinHeight,
    /// What it asks of Bitcoin.
    pub light_client: LightClientParams,
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

    /// The chain, where it was reached.
    pub fn reached(&self) -> Result<&Mesh, ChainError> {
        self.mesh.as_ref().map_err(Clone::clone)
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
        let mesh = self.reached()?;
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
        let mesh = self.reached()?;
        Ok(Look {
            terms: mesh.instance_terms().await?,
            provider: mesh.finality_provider(provider).await?,
            known: self.known(outpoint).await?,
            light_client_tip: mesh.light_client_tip().await?.height,
            light_client: mesh.light_client_params().await?,
        })
    }
}

impl Look {
    /// What it says before it is shown a stake.
    pub fn offer<'a>(&'a self, chain: &'a str) -> Offer<'a> {
        Offer {
            chain,
            terms: &self.terms,
            provider: self.provider.as_ref(),
        }
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
