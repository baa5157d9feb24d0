//! Gathering what proves a stake to a chain: its place in Bitcoin, and signatures that the chain takes.

use std::sync::Arc;

use bitcoin::{OutPoint, Transaction};
use bitcoin_source::{BitcoinSource as _, Bitcoind, BlockId, Location, SourceError};
use chain::mesh::{InstanceTerms, Mesh, SignedConsent, StakeProof};
use chain::{AncestorsError, ChainError, Receipt, SignedDelegation, knows_block};
use daemon::attempts::Reason;
use staking::delegation::{ValidDelegation, without_witness};
use staking::inclusion::InclusionProof;
use staking::units::{BitcoinHeight, BlockInterval};

use super::ReportingError;
use super::book::Consented;
use super::proof::{Fitting, fit};

/// So many headers are brought for one stake at most, since each of them costs gas: four weeks of blocks from before the chain's
/// light client began. Of what it had forgotten, every 144th is left.
const MOST_HEADERS: u32 = 4_032;

/// What every stake is judged by in one round.
pub(super) struct Ground {
    pub(super) terms: InstanceTerms,
    /// The chain's view of Bitcoin.
    pub(super) tip: BitcoinHeight,
    pub(super) depth: u32,
    /// Our node's.
    pub(super) own_tip: BitcoinHeight,
}

/// A stake that is ready to be shown.
pub(super) struct Ready {
    pub(super) outpoint: OutPoint,
    consent: SignedConsent,
    told: Arc<SignedDelegation>,
    fitting: Fitting,
    staking_tx: Transaction,
    block_height: BitcoinHeight,
    inclusion_proof: InclusionProof,
}

/// Whether a stake can be shown now.
pub(super) enum Readiness {
    Ready(Box<Ready>),
    /// The chain does not know its block yet, it is not deep enough, or a spend waits for a block.
    Later,
    /// It fails, and may heal.
    Fails(Reason),
    /// It fails for good.
    GivenUp(Reason),
}

/// Gathers what proves a stake.
pub(super) async fn prepare(
    bitcoin: &Bitcoind,
    mesh: &Mesh,
    ground: &Ground,
    stake: &Consented,
) -> Result<Readiness, ReportingError> {
    let outpoint = stake.outpoint;
    if ground.own_tip < ground.tip {
        // What our node has not seen yet is not missing.
        return Ok(Readiness::Later);
    }
    let Some(unspent) = bitcoin.unspent_output(outpoint).await? else {
        if let [Some(_)] = bitcoin.confirmed_outputs(&[outpoint]).await?[..] {
            // A spend waits for a block, and may be replaced.
            return Ok(Readiness::Later);
        }
        let message = "its output is spent, or not in our bitcoin node's chain";
        return Ok(Readiness::Fails(Reason::new("spent", message)));
    };
    let Location::Block { block, .. } = unspent.location else {
        return Ok(Readiness::Later);
    };
    if !is_deep(ground, &block) {
        return Ok(Readiness::Later);
    }
    let mut misfit = String::new();
    let mut fitting = None;
    for told in &stake.told {
        match fit(&ground.terms, told) {
            Ok(fits) => {
                fitting = Some((Arc::clone(told), fits));
                break;
            }
            Err(error) => misfit = error.to_string(),
        }
    }
    let Some((told, fitting)) = fitting else {
        return Ok(Readiness::GivenUp(Reason::new("no-covenant-set", misfit)));
    };
    if unspent.output != *fitting.delegation.staking_output().tx_out() {
        let message = "bitcoin has another output there";
        return Ok(Readiness::GivenUp(Reason::new("other-output", message)));
    }
    if is_over(ground, &block, &fitting.delegation) {
        let message = "its time is over, but for what unbonding takes";
        return Ok(Readiness::GivenUp(Reason::new("time-over", message)));
    }
    // What is dear comes last.
    let headers = |from, count| bitcoin.headers(from, count);
    match knows_block(mesh, block.height, &block.hash, MOST_HEADERS, headers).await {
        Ok(true) => {}
        Ok(false) => return Ok(Readiness::Later),
        // It says nothing about the stake, such as where the chain has halted, and the next one would wait as long.
        Err(AncestorsError::Chain(error @ ChainError::Timeout { .. })) => return Err(error.into()),
        Err(error) => return Reason::of_ancestors(error).map(Readiness::Fails),
    }
    let content = match bitcoin.block(block.hash).await {
        Ok(content) => content,
        Err(error @ (SourceError::Pruned { .. } | SourceError::NotFound { .. })) => {
            return Ok(Readiness::Fails(Reason::new("block", error.to_string())));
        }
        Err(error) => return Err(error.into()),
    };
    let proof = InclusionProof::new(&content, outpoint.txid);
    let mut transactions = content.txdata.into_iter();
    let staking_tx = transactions.find(|one| one.compute_txid() == outpoint.txid);
    let (Ok(inclusion_proof), Some(staking_tx)) = (proof, staking_tx) else {
        // It was moved by a reorganisation between two questions.
        return Ok(Readiness::Later);
    };
    Ok(Readiness::Ready(Box::new(Ready {
        outpoint,
        consent: stake.consent.clone(),
        told,
        fitting,
        // Every byte costs gas.
        staking_tx: without_witness(&staking_tx),
        block_height: block.height,
        inclusion_proof,
    })))
}

/// Whether a block is deep enough below the chain's view of Bitcoin.
fn is_deep(ground: &Ground, block: &BlockId) -> bool {
    let deep = block.height.0.checked_add(ground.depth);
    deep.is_some_and(|deep| deep <= ground.tip.0)
}

/// Whether a stake in this block ends so soon that the chain takes it no more (spec 2.7).
fn is_over(ground: &Ground, block: &BlockId, delegation: &ValidDelegation) -> bool {
    let blocks = |blocks: BlockInterval| u64::from(blocks.blocks());
    let staking_time = blocks(delegation.staking_output().timelock().timelock());
    let unbonding_time = blocks(delegation.unbonding_output().timelock().timelock());
    u64::from(ground.tip.0) + unbonding_time >= u64::from(block.height.0) + staking_time
}

impl Ready {
    /// Shows it to the chain.
    pub(super) async fn tell(&self, mesh: &Mesh) -> Result<Receipt, ChainError> {
        let proof = StakeProof {
            covenant_set: self.fitting.covenant_set,
            delegation: &self.fitting.delegation,
            staking_tx: &self.staking_tx,
            block_height: self.block_height,
            inclusion_proof: &self.inclusion_proof,
            staker_signatures: &self.told.staker_signatures,
            covenant_signatures: &self.fitting.covenant_signatures,
        };
        mesh.show_stake(&proof, &self.consent).await
    }
}
