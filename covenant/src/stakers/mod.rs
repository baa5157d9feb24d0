//! The service for stakers that stake without a hub: they ask this member for its signatures directly.
//!
//! A request takes this way, cheapest refusal first:
//!
//! 1. it needs one of a few [`Places`], before any of it is read;
//! 2. it is read at the edge, and names one of this member's own [sets of parameters](ParamsSets);
//! 3. it is judged by the same [`examine`] as the signer's: every script rebuilt, and the staker's own signatures of both
//!    slashing transactions verified. So whoever comes further shows what the staker once signed;
//! 4. it takes one of the delegations that the [`Hour`] has for this staker key and for all;
//! 5. it goes to the same [`CovenantSigner`] as the chain's delegations: same checks again, same record of one unbonding
//!    transaction for each staking output, same audit log.
//!
//! What is refused before the signer is asked is counted and not in the audit log: the public must not be able to fill
//! the disk. Limits live in memory; what may never happen twice is in the signer's record, which outlives everything.

mod config;
mod hour;
mod params;
mod places;
mod server;
mod status;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use committee::{Delegation, Refusal, Terms};
use daemon::readiness::Dependency;
use staking::delegation::CovenantSignatures;
use staking::params::StakingParams;

pub use config::Config;
pub use hour::{Exceeded, Hour, HourlyLimits, Limited};
pub use params::{ParamsConfig, ParamsSets, ParamsSetsError};
pub use places::{NoPlace, Place, PlaceLimits, Places};
pub use server::serve;
pub use status::Status;

use crate::metrics;
use crate::signer::{CovenantSigner, Identity, SignerError, SigningRequest, examine};

/// Why a staker gets no signatures.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Declined {
    /// The delegation breaks a rule.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A limit was reached.
    #[error(transparent)]
    Limited(#[from] Exceeded),
    /// The signer does not sign at the moment; the reason is not the public's business.
    #[error("the signer does not sign at the moment")]
    Unavailable,
}

/// Everything that requests of stakers share.
pub struct Stakers {
    signer: Arc<dyn CovenantSigner>,
    health: Dependency,
    identity: Identity,
    sets: BTreeMap<u32, StakingParams>,
    places: Arc<Places>,
    hour: Mutex<Hour>,
    signed: AtomicU64,
    refused: AtomicU64,
    limited: AtomicU64,
}

impl Stakers {
    /// Puts a service together; `identity` is what the signer said when it was checked, `health` is about the signer.
    pub fn new(
        signer: Arc<dyn CovenantSigner>,
        health: Dependency,
        identity: Identity,
        sets: ParamsSets,
        places: PlaceLimits,
        hourly: HourlyLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            signer,
            health,
            identity,
            sets: sets.into_versions(),
            places: Arc::new(Places::new(places)),
            hour: Mutex::new(Hour::new(hourly)),
            signed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            limited: AtomicU64::new(0),
        })
    }

    /// Which member this is, and what it signs under.
    pub fn terms(&self) -> Terms {
        Terms {
            key: self.identity.key,
            network: self.identity.network,
            params: self.sets.values().cloned().collect(),
        }
    }

    /// Signs a delegation under the set of this number, if everything about it is right.
    pub async fn sign(
        &self,
        params_version: u32,
        delegation: Delegation,
    ) -> Result<CovenantSignatures, Declined> {
        let outcome = self.judge_and_sign(params_version, delegation).await;
        match &outcome {
            Ok(_) => {
                self.signed.fetch_add(1, Ordering::Relaxed);
                metrics::STAKERS_SIGNED.increment();
            }
            Err(Declined::Refused(refusal)) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                metrics::STAKERS_REFUSED.increment_for(&refusal.rule);
                tracing::debug!(%refusal, "refused a staker's delegation");
            }
            Err(Declined::Limited(exceeded)) => self.count_limited(exceeded.limit.name()),
            Err(Declined::Unavailable) => {}
        }
        outcome
    }

    async fn judge_and_sign(
        &self,
        params_version: u32,
        delegation: Delegation,
    ) -> Result<CovenantSignatures, Declined> {
        let params = self.sets.get(&params_version).ok_or_else(|| {
            let known: Vec<u32> = self.sets.keys().copied().collect();
            let message = format!("params {params_version} are none of {known:?}");
            Refusal::new("unknown-params", message)
        })?;
        one_finality_provider(&delegation)?;
        let request = SigningRequest::of_staker(delegation, params.clone());
        let valid = examine(&request, self.identity.key)?;
        let staker = valid.keys().staker();
        let txid = valid.staking_outpoint().txid;
        let began = Instant::now();
        lock(&self.hour).take(staker, began)?;
        let outcome = self.signer.sign(request).await;
        metrics::SIGN_SECONDS.record(began.elapsed().as_secs_f64());
        match outcome {
            Ok(signatures) => {
                self.health.ok();
                tracing::info!(%staker, %txid, "signed a staker's delegation");
                Ok(signatures)
            }
            Err(SignerError::Refused(refusal)) => {
                tracing::warn!(%staker, %txid, %refusal, "the signer refused a staker's delegation");
                Err(refusal.into())
            }
            Err(SignerError::Unavailable(reason)) => {
                // The staker got nothing, through no fault of its own.
                lock(&self.hour).give_back(staker, began);
                self.health.degraded(reason);
                Err(Declined::Unavailable)
            }
        }
    }

    fn count_limited(&self, limit: &str) {
        self.limited.fetch_add(1, Ordering::Relaxed);
        metrics::STAKERS_LIMITED.increment_for(limit);
    }

    /// A picture of the service for `status` and `/status`.
    pub fn status(&self) -> Status {
        Status {
            key: self.identity.key,
            bitcoin_network: self.identity.network,
            params: self.sets.keys().copied().collect(),
            busy: self.places.taken(),
            signed: self.signed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            last_hour: lock(&self.hour).taken(Instant::now()),
        }
    }
}

/// Partner chains take exactly one provider for a stake, and each further one would make the member sign twice more.
fn one_finality_provider(delegation: &Delegation) -> Result<(), Refusal> {
    match delegation.finality_providers.len() {
        // None at all is refused with the other rules.
        0 | 1 => Ok(()),
        many => Err(Refusal::new(
            "finality-providers",
            format!("{many} finality providers; a stake without a hub has exactly 1"),
        )),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is consistent after each statement, so a panic elsewhere leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
