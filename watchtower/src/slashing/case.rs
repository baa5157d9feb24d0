//! One delegation of a slashed provider: what Bitcoin shows of it, and slashing it.

use std::fmt;

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use bitcoin_source::{BitcoinSource, Rejection, RejectionKind, SourceError};
use chain::{Delegation, DelegationStatus};
use daemon::attempts::Reason;
use eots::SecretKey;
use staking::delegation::{SlashedOutput, SpendError, StakerSignatures, ValidDelegation};
use staking::params::ParamsVersions;
use staking::quorum::CovenantAdaptorSignatures;

use super::decision::{Decision, Observation, decide};
use crate::metrics;

/// A delegation that is to be slashed.
#[derive(Debug)]
pub struct Case {
    /// What metrics call the chain.
    chain: String,
    delegation: ValidDelegation,
    staker: StakerSignatures,
    covenant: Vec<CovenantAdaptorSignatures>,
    unbonding_covenant: Vec<CovenantAdaptorSignatures>,
    proven: bool,
}

/// How far the slashing of a delegation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its slashing transaction is on the network, with so many confirmations.
    Sent {
        /// The slashing transaction.
        txid: Txid,
        /// How many blocks confirm it; 0 in the mempool.
        confirmations: u32,
    },
    /// Its slashing transaction is final.
    Finished(Txid),
    /// Both outputs were spent by other transactions: it was withdrawn before it could be slashed, or slashed by ones that
    /// this chain does not know.
    Gone,
    /// Its staking transaction is not on Bitcoin (yet).
    NotOnBitcoin,
    /// Not now; it is tried again.
    Failed(Reason),
    /// It never can be.
    Impossible(Reason),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent {
                txid,
                confirmations: 0,
            } => write!(f, "slashing transaction {txid} waits for a block"),
            Self::Sent {
                txid,
                confirmations,
            } => write!(
                f,
                "slashed by {txid}, confirmations so far: {confirmations}"
            ),
            Self::Finished(txid) => write!(f, "slashed by {txid}, final"),
            Self::Gone => f.write_str("spent otherwise than by this chain's slashing transactions"),
            Self::NotOnBitcoin => f.write_str("not on bitcoin yet; slashed when it comes"),
            Self::Failed(reason) => write!(f, "not slashed, tried again: {}", reason.message),
            Self::Impossible(reason) => write!(f, "cannot be slashed: {}", reason.message),
        }
    }
}

impl Case {
    /// Rebuilds a delegation of a chain from its keys and the parameters that govern it.
    ///
    /// # Errors
    ///
    /// Says why the delegation cannot be slashed at all.
    pub fn new(
        chain: &str,
        delegation: &Delegation,
        params: &ParamsVersions,
    ) -> Result<Self, Reason> {
        let version = delegation.params_version;
        let params = params.version(version).ok_or_else(|| {
            Reason::new(
                "params-version",
                format!("the chain does not have its params version {version}"),
            )
        })?;
        let valid = delegation
            .validate(params)
            .map_err(|error| Reason::new("delegation", error.to_string()))?;
        Ok(Self {
            chain: chain.to_owned(),
            delegation: valid,
            staker: delegation.staker_signatures(),
            covenant: delegation.covenant_slashing_signatures.clone(),
            unbonding_covenant: delegation.covenant_unbonding_slashing_signatures.clone(),
            proven: delegation.bitcoin_span.is_some()
                || delegation.status == DelegationStatus::Unbonded,
        })
    }

    /// Looks at Bitcoin and slashes what is there to be slashed.
    ///
    /// # Errors
    ///
    /// Only where the node cannot be asked; what concerns this delegation alone is its [`Progress`].
    pub async fn advance(
        &self,
        bitcoin: &dyn BitcoinSource,
        key: &SecretKey,
        final_confirmations: u32,
    ) -> Result<Progress, SourceError> {
        let seen = self.observe(bitcoin).await?;
        match decide(&seen, final_confirmations) {
            Decision::Slash(output) => self.slash(bitcoin, key, output).await,
            Decision::Watch {
                output,
                confirmations,
            } => Ok(Progress::Sent {
                txid: self.transaction(output).compute_txid(),
                confirmations,
            }),
            Decision::Finished(output) => {
                Ok(Progress::Finished(self.transaction(output).compute_txid()))
            }
            Decision::NotOnBitcoin => Ok(Progress::NotOnBitcoin),
            Decision::Gone => Ok(Progress::Gone),
        }
    }

    async fn observe(&self, bitcoin: &dyn BitcoinSource) -> Result<Observation, SourceError> {
        let unspent = |outpoint: OutPoint| async move {
            Ok::<_, SourceError>(bitcoin.unspent_output(outpoint).await?.is_some())
        };
        let mut seen = Observation {
            staking_unspent: unspent(self.delegation.staking_outpoint()).await?,
            unbonding_unspent: false,
            slashing: None,
            unbonding_slashing: None,
            proven: self.proven,
        };
        // An unspent output has no slashing transaction, so the rest needs no asking.
        if !seen.staking_unspent {
            seen.slashing = bitcoin.locate(self.delegation.slashing_tx()).await?;
            seen.unbonding_unspent = unspent(self.delegation.unbonding_outpoint()).await?;
            if !seen.unbonding_unspent {
                let slashing = self.delegation.unbonding_slashing_tx();
                seen.unbonding_slashing = bitcoin.locate(slashing).await?;
            }
        }
        Ok(seen)
    }

    async fn slash(
        &self,
        bitcoin: &dyn BitcoinSource,
        key: &SecretKey,
        output: SlashedOutput,
    ) -> Result<Progress, SourceError> {
        let transaction = match self.signed(key, output) {
            Ok(transaction) => transaction,
            Err(error) => {
                let reason = Reason::new("signatures", error.to_string());
                return Ok(Progress::Impossible(reason));
            }
        };
        let verdicts = bitcoin
            .test_mempool_accept(std::slice::from_ref(&transaction))
            .await?;
        if let Some(Err(rejection)) = verdicts.into_iter().next()
            && rejection.kind() != RejectionKind::AlreadyKnown
        {
            return Ok(refused(&rejection));
        }
        match bitcoin.broadcast(&transaction, burnt(&transaction)).await {
            Ok(txid) => {
                let stake = self.delegation.staking_outpoint();
                tracing::warn!(%stake, ?output, %txid, "sent a slashing transaction");
                metrics::SLASHINGS.increment_for(&self.chain);
                Ok(Progress::Sent {
                    txid,
                    confirmations: 0,
                })
            }
            Err(SourceError::Rejected(rejection)) => Ok(refused(&rejection)),
            Err(error) => Err(error),
        }
    }

    /// The slashing transaction with its witness; every decrypted signature in it was verified.
    fn signed(&self, key: &SecretKey, output: SlashedOutput) -> Result<Transaction, SpendError> {
        let (staker, covenant) = match output {
            SlashedOutput::Staking => (&self.staker.slashing, &self.covenant),
            SlashedOutput::Unbonding => (&self.staker.unbonding_slashing, &self.unbonding_covenant),
        };
        self.delegation
            .signed_slashing_tx(output, key, staker, covenant)
    }

    fn transaction(&self, output: SlashedOutput) -> &Transaction {
        match output {
            SlashedOutput::Staking => self.delegation.slashing_tx(),
            SlashedOutput::Unbonding => self.delegation.unbonding_slashing_tx(),
        }
    }
}

/// What a refusal of the mempool means for the slashing.
fn refused(rejection: &Rejection) -> Progress {
    let reason = Reason::new("mempool", rejection.to_string());
    match rejection.kind() {
        RejectionKind::InvalidScript | RejectionKind::Dust => Progress::Impossible(reason),
        _ => Progress::Failed(reason),
    }
}

/// What a transaction puts into outputs that nobody can spend, where the slashing script is one (spec 1.9).
fn burnt(transaction: &Transaction) -> Amount {
    transaction
        .output
        .iter()
        .filter(|output| output.script_pubkey.is_op_return())
        .map(|output| output.value)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_block_can_change_is_impossible() {
        let rejection = |reason: &str| Rejection {
            code: -26,
            reason: reason.to_owned(),
        };
        for reason in [
            "mandatory-script-verify-flag-failed (Invalid Schnorr signature)",
            "dust",
        ] {
            let progress = refused(&rejection(reason));
            assert!(matches!(progress, Progress::Impossible(_)), "{reason}");
        }
        for reason in [
            "min relay fee not met, 0 < 110",
            "bad-txns-inputs-missingorspent",
            "something new",
        ] {
            let progress = refused(&rejection(reason));
            assert!(matches!(progress, Progress::Failed(_)), "{reason}");
        }
    }
}
