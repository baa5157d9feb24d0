//! Telling every chain what it does not know yet of a stake and its newest consent.

use bitcoin::Transaction;
use bitcoin_source::{BitcoinSource, SourceError};
use chain::mesh::{CovenantSet, Mesh, SignedConsent, StakeProof, StakeState};
use chain::{AncestorsError, ChainError, bring_ancestors};
use futures::future::join_all;
use staking::delegation::CovenantSignatures;
use staking::inclusion::InclusionProof;
use staking::units::BitcoinHeight;

use super::instances::{KnownStake, Look};
use super::plan::{Asked, Plan};
use crate::error::Error;
use crate::life::LifeError;
use crate::life::Stake;
use crate::life::act::block_of;
use crate::staker::Connected;

/// What a chain was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// The stake, with the consent: it waits there now.
    Stake,
    /// The consent.
    Consent,
    /// Nothing: it knew all of it.
    Nothing,
    /// Nothing: it gets no share, and nobody showed it the stake.
    NotConcerned,
    /// Nothing: the stake has ended there.
    Ended,
}

/// That the staking transaction is in a block.
#[derive(Debug, Clone)]
pub struct Inclusion {
    height: BitcoinHeight,
    proof: InclusionProof,
}

/// What chains are shown.
#[derive(Clone, Copy)]
pub struct Showing<'a> {
    /// The stake.
    pub stake: &'a Stake,
    /// A quorum of the committee's signatures.
    pub covenant_signatures: &'a [CovenantSignatures],
    /// The newest consent.
    pub consent: &'a SignedConsent,
    /// Where it is on Bitcoin.
    pub inclusion: &'a Inclusion,
    /// Bitcoin's own headers.
    pub bitcoin: &'a dyn BitcoinSource,
}

impl Connected {
    /// Tells every chain what it does not know; one that is silent or refuses stops no other. The answers are in the order
    /// of the plan's chains.
    ///
    /// # Errors
    ///
    /// Fails where the Bitcoin node does not prove the stake.
    pub async fn deliver(
        &self,
        plan: &Plan<'_>,
        consent: &SignedConsent,
    ) -> Result<Vec<Result<Told, ChainError>>, Error> {
        let inclusion = self.inclusion(&plan.seen.stake.entry.staking_tx).await?;
        let showing = Showing {
            stake: &plan.seen.stake,
            covenant_signatures: &plan.covenant_signatures,
            consent,
            inclusion: &inclusion,
            bitcoin: &*self.nodes.bitcoin,
        };
        let told = plan.chains.iter().map(|asked| showing.to(asked));
        Ok(join_all(told).await)
    }

    /// Where a staking transaction is on Bitcoin.
    ///
    /// # Errors
    ///
    /// Fails where it is in no block.
    pub async fn inclusion(&self, staking_tx: &Transaction) -> Result<Inclusion, Error> {
        let (id, block) = block_of(&self.nodes, staking_tx).await?;
        let txid = staking_tx.compute_txid();
        Ok(Inclusion {
            height: id.height,
            proof: InclusionProof::new(&block, txid).map_err(LifeError::from)?,
        })
    }
}

impl Showing<'_> {
    async fn to(&self, asked: &Asked<'_>) -> Result<Told, ChainError> {
        let mesh = asked.instance.reached()?;
        let look = asked.look.as_ref().map_err(Clone::clone)?;
        self.tell(mesh, look, asked.covenant_set.as_ref()).await
    }

    /// Tells a chain what it does not know, under the covenant set by which it takes the stake; `None` where it gets no
    /// share.
    ///
    /// # Errors
    ///
    /// As [`Mesh::show_stake`].
    pub async fn tell(
        &self,
        mesh: &Mesh,
        look: &Look,
        set: Option<&CovenantSet>,
    ) -> Result<Told, ChainError> {
        let Some(KnownStake { standing, .. }) = &look.known else {
            return self.show(mesh, set).await;
        };
        if let StakeState::Ended(_) = standing.state {
            return Ok(Told::Ended);
        }
        let is_newer = standing.consent_number < self.consent.number;
        if is_newer {
            let outpoint = self.stake.delegation.staking_outpoint();
            mesh.show_consent(outpoint, self.consent).await?;
        }
        match standing.state {
            // A reorganisation undid its block: inclusion is proven anew.
            StakeState::Unproven => self.show(mesh, set).await,
            _ if is_newer => Ok(Told::Consent),
            _ => Ok(Told::Nothing),
        }
    }

    async fn show(&self, mesh: &Mesh, set: Option<&CovenantSet>) -> Result<Told, ChainError> {
        let (Some(set), Some(signatures)) = (set, self.stake.staker_signatures()) else {
            return Ok(Told::NotConcerned);
        };
        let proof = StakeProof {
            covenant_set: set.number,
            delegation: &self.stake.delegation,
            staking_tx: &self.stake.entry.staking_tx,
            block_height: self.inclusion.height,
            inclusion_proof: &self.inclusion.proof,
            staker_signatures: &signatures,
            covenant_signatures: self.covenant_signatures,
        };
        // After four weeks the chain has forgotten the stake's block.
        let headers = |from, count| self.bitcoin.headers(from, count);
        let brought = bring_ancestors(mesh, self.inclusion.height, u32::MAX, headers);
        brought.await.map_err(not_proven)?;
        mesh.show_stake(&proof, self.consent).await?;
        Ok(Told::Stake)
    }
}

fn not_proven(error: AncestorsError<SourceError>) -> ChainError {
    match error {
        AncestorsError::Chain(error) => error,
        error => ChainError::InvalidMessage {
            reason: error.to_string(),
        },
    }
}
