//! The signer itself, in this process.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use async_trait::async_trait;
use bitcoin::Network;
use serde::{Deserialize, Serialize};
use staking::delegation::{CovenantSignatures, ValidDelegation};
use staking::keys::CovenantKey;
use staking::sighash::SlashingSighash;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{
    CovenantSecret, CovenantSigner, HistoryError, Identity, RecordError, Refusal, SecretError,
    SignedTransactions, SignerError, SigningHistory, SigningRecord, SigningRequest, TrustedParams,
    examine, fingerprint,
};
use crate::audit::{AuditLog, Event, Head};
use crate::metrics;

/// Signs with a key in memory, a record and an audit log on disk.
pub struct Embedded {
    core: Arc<Core>,
    params: TrustedParams,
    /// One signature a core at a time; more would only compete.
    cores: Semaphore,
}

struct Core {
    identity: Identity,
    secret: CovenantSecret,
    record: SigningRecord,
    audit: Mutex<AuditLog>,
}

impl Embedded {
    /// Puts a signer together and notes the start in its log.
    pub fn new(
        history: SigningHistory,
        secret: CovenantSecret,
        network: Network,
        params: TrustedParams,
    ) -> Result<Self, HistoryError> {
        let identity = Identity {
            key: secret.key(),
            network,
        };
        let SigningHistory { record, mut audit } = history;
        let network = network.to_string();
        audit.append(
            Event::Started {
                covenant: identity.key,
                network,
            },
            SystemTime::now(),
        )?;
        tracing::info!(
            key = %identity.key,
            signed = record.signed()?,
            audit_head = %audit.head(),
            "the signer is open"
        );
        let core = Arc::new(Core {
            identity,
            secret,
            record,
            audit: Mutex::new(audit),
        });
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            core,
            params,
            cores: Semaphore::new(cores),
        })
    }

    /// What the signer is and has done.
    pub fn status(&self) -> Result<SignerStatus, RecordError> {
        let Identity { key, network } = self.core.identity;
        let signed = self.core.record.signed()?;
        // A head is copied whole, whatever a thread that panicked was about to do.
        let audit = self
            .core
            .audit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(SignerStatus {
            key,
            bitcoin_network: network,
            signed,
            audit_log: audit.head(),
        })
    }
}

/// What a signer is and has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignerStatus {
    /// Key of the member.
    pub key: CovenantKey,
    /// Its Bitcoin network.
    pub bitcoin_network: Network,
    /// Staking outputs for which it has signed.
    pub signed: u64,
    /// Where the audit log ends.
    pub audit_log: Head,
}

impl Display for SignerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "signer of     {} ({})", self.key, self.bitcoin_network)?;
        writeln!(f, "signed        {} delegations", self.signed)?;
        write!(f, "audit log     {}", self.audit_log)
    }
}

#[async_trait]
impl CovenantSigner for Embedded {
    async fn identity(&self) -> Result<Identity, SignerError> {
        Ok(self.core.identity)
    }

    async fn sign(&self, request: SigningRequest) -> Result<CovenantSignatures, SignerError> {
        let trusted = self.params.check(&request.params).await;
        let _one_core = self.cores.acquire().await.map_err(unavailable)?;
        let core = Arc::clone(&self.core);
        spawn_blocking(move || core.sign(&request, trusted))
            .await
            .map_err(unavailable)?
    }
}

impl Core {
    /// Signs what may be signed. The outcome is in the audit log, on disk, when this returns.
    fn sign(
        &self,
        request: &SigningRequest,
        trusted: Result<(), SignerError>,
    ) -> Result<CovenantSignatures, SignerError> {
        let outcome = trusted.and_then(|()| self.permit_and_sign(request));
        let event = match &outcome {
            Ok((delegation, _)) => signed(request, delegation),
            Err(SignerError::Refused(Refusal { rule, message })) => {
                metrics::POLICY_DENIED.increment_for(rule);
                Event::Refused {
                    origin: request.origin,
                    staking_txid: request.delegation.staking_tx.compute_txid(),
                    rule: rule.clone(),
                    message: message.clone(),
                }
            }
            // Nothing was decided; whoever asked will ask again.
            Err(SignerError::Unavailable(reason)) => {
                return Err(SignerError::Unavailable(reason.clone()));
            }
        };
        let mut audit = self.audit.lock().map_err(unavailable)?;
        audit
            .append(event, SystemTime::now())
            .map_err(unavailable)?;
        outcome.map(|(_, signatures)| signatures)
    }

    fn permit_and_sign(
        &self,
        request: &SigningRequest,
    ) -> Result<(ValidDelegation, CovenantSignatures), SignerError> {
        let delegation = examine(request, self.identity.key)?;
        let transactions = SignedTransactions::of(&delegation);
        self.record
            .check_and_record(delegation.staking_outpoint(), transactions)
            .map_err(|error| match error {
                RecordError::Refused(refused) => {
                    Refusal::new(refused.rule(), refused.to_string()).into()
                }
                other => unavailable(other),
            })?;
        let signatures = self.signatures(&delegation).map_err(unavailable)?;
        Ok((delegation, signatures))
    }

    fn signatures(&self, delegation: &ValidDelegation) -> Result<CovenantSignatures, SecretError> {
        let for_each_provider = |sighash: SlashingSighash| {
            delegation
                .keys()
                .finality_providers()
                .iter()
                .map(|provider| self.secret.sign_slashing(sighash, *provider))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(CovenantSignatures {
            key: self.identity.key,
            slashing: for_each_provider(delegation.slashing_sighash())?,
            unbonding: self.secret.sign_unbonding(delegation.unbonding_sighash())?,
            unbonding_slashing: for_each_provider(delegation.unbonding_slashing_sighash())?,
        })
    }
}

fn signed(request: &SigningRequest, delegation: &ValidDelegation) -> Event {
    Event::Signed {
        origin: request.origin,
        staking_output: delegation.staking_outpoint(),
        unbonding_txid: delegation.unbonding_outpoint().txid,
        slashing_txid: delegation.slashing_tx().compute_txid(),
        unbonding_slashing_txid: delegation.unbonding_slashing_tx().compute_txid(),
        staker: delegation.keys().staker(),
        finality_providers: delegation.keys().finality_providers().to_vec(),
        params_version: request.params.version,
        params_fingerprint: fingerprint(&request.params),
    }
}

fn unavailable(error: impl Display) -> SignerError {
    SignerError::Unavailable(error.to_string())
}
