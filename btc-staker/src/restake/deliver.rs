//! Telling every chain what it does not know yet of a stake and its newest consent.

use bitcoin::Transaction;
use bitcoin_source::{BitcoinSource, SourceError};
use chain::mesh::{Mesh, SignedConsent, StakeProof, StakeState};
use chain::{AncestorsError, ChainError, bring_ancestors};
use futures::future::join_all;
use staking::inclusion::InclusionProof;
use staking::units::BitcoinHeight;

use super::instances::KnownStake;
use super::plan::{Asked, Plan};
use crate::error::Error;
use crate::life::LifeError;
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
struct Inclusion {
    height: BitcoinHeight,
    proof: InclusionProof,
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
        let told = plan
            .chains
            .iter()
            .map(|asked| tell(plan, asked, consent, &inclusion, &*self.nodes.bitcoin));
        Ok(join_all(told).await)
    }

    async fn inclusion(&self, staking_tx: &Transaction) -> Result<Inclusion, Error> {
        let (id, block) = block_of(&self.nodes, staking_tx).await?;
        let txid = staking_tx.compute_txid();
        Ok(Inclusion {
            height: id.height,
            proof: InclusionProof::new(&block, txid).map_err(LifeError::from)?,
        })
    }
}

async fn tell(
    plan: &Plan<'_>,
    asked: &Asked<'_>,
    consent: &SignedConsent,
    inclusion: &Inclusion,
    bitcoin: &dyn BitcoinSource,
) -> Result<Told, ChainError> {
    let mesh = asked.instance.mesh.as_ref().map_err(Clone::clone)?;
    let look = asked.look.as_ref().map_err(Clone::clone)?;
    let Some(KnownStake { standing, .. }) = &look.known else {
        return show(plan, asked, mesh, consent, inclusion, bitcoin).await;
    };
    if let StakeState::Ended(_) = standing.state {
        return Ok(Told::Ended);
    }
    let is_newer = standing.consent_number < consent.number;
    if is_newer {
        mesh.show_consent(plan.outpoint(), consent).await?;
    }
    match standing.state {
        // A reorganisation undid its block: inclusion is proven anew.
        StakeState::Unproven => show(plan, asked, mesh, consent, inclusion, bitcoin).await,
        _ if is_newer => Ok(Told::Consent),
        _ => Ok(Told::Nothing),
    }
}

async fn show(
    plan: &Plan<'_>,
    asked: &Asked<'_>,
    mesh: &Mesh,
    consent: &SignedConsent,
    inclusion: &Inclusion,
    bitcoin: &dyn BitcoinSource,
) -> Result<Told, ChainError> {
    let (Some(set), Some(registered)) = (&asked.covenant_set, &plan.seen.stake.registered) else {
        return Ok(Told::NotConcerned);
    };
    let proof = StakeProof {
        covenant_set: set.number,
        delegation: &plan.seen.stake.delegation,
        staking_tx: &plan.seen.stake.entry.staking_tx,
        block_height: inclusion.height,
        inclusion_proof: &inclusion.proof,
        staker_signatures: &registered.staker_signatures(),
        covenant_signatures: &plan.covenant_signatures,
    };
    // After four weeks the chain has forgotten the stake's block.
    let headers = |from, count| bitcoin.headers(from, count);
    let brought = bring_ancestors(mesh, inclusion.height, headers);
    brought.await.map_err(not_proven)?;
    mesh.show_stake(&proof, consent).await?;
    Ok(Told::Stake)
}

fn not_proven(error: AncestorsError<SourceError>) -> ChainError {
    match error {
        AncestorsError::Chain(error) => error,
        error => ChainError::InvalidMessage {
            reason: error.to_string(),
        },
    }
}
