//! Doing what is next for a stake. Each action may be repeated: what is there already is a success.

use bitcoin::{Amount, Block, Transaction};
use bitcoin_source::{BitcoinSource, BlockId, Location, Rejection, SourceError};
use chain::{AddInclusionProof, Chain, ChainError, CreateDelegation, Message, ReportSpend};
use staking::delegation::{StakerSignatures, ValidDelegation};
use staking::inclusion::InclusionProof;
use wallet::{Draft, FeeLimit, Wallet};

use super::drive::Seen;
use super::error::LifeError;
use super::stake::Stake;
use super::step::Action;
use crate::config::ProofKind;
use crate::error::Error;
use crate::journal::Intent;
use crate::nodes::Nodes;
use crate::seed::Keys;
use crate::staker::Connected;

/// Module of the chain that refuses messages about stakes.
const MODULE: &str = "btcstaking";

/// The chain knows the staking transaction already (spec 2.17).
const REUSED_STAKING_TX: u32 = 1106;

impl Connected {
    /// Does what is next for `stake`.
    ///
    /// # Errors
    ///
    /// Fails where a node does not answer or refuses; what was done before is kept.
    pub async fn act(&self, action: Action, seen: &Seen) -> Result<(), Error> {
        let stake = &seen.stake;
        let txid = stake.entry.staking_txid();
        tracing::info!(%txid, %action, "acting");
        match action {
            Action::Register => self.register(stake).await,
            Action::Cosign => self.cosign(stake).await,
            Action::Broadcast => self.broadcast_stake(stake).await,
            Action::Show | Action::Prove | Action::ReportUnbonding => {
                let Some(partners) = &seen.partners else {
                    return self.tell_babylon(action, stake).await;
                };
                self.tell_partners(action, partners, stake).await
            }
            Action::Unbond => self.unbond(stake).await,
            Action::Withdraw => match &stake.entry.withdrawal {
                Some(withdrawal) => broadcast(&self.nodes, &withdrawal.transaction).await,
                None => Ok(()),
            },
        }
    }

    async fn register(&self, stake: &Stake) -> Result<(), Error> {
        let message = registration(
            self.keys()?,
            self.staker.config.staking.proof_of_possession,
            stake,
        )?;
        let babylon = self.nodes.babylon()?;
        match submit(babylon, Message::CreateDelegation(Box::new(message))).await {
            // Sent before, by this process or by one that did not live to see the answer.
            Err(ChainError::Rejected(rejection))
                if rejection.codespace == MODULE && rejection.code == REUSED_STAKING_TX =>
            {
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }

    /// Signs and sends the staking transaction, if its owner still wants it.
    async fn broadcast_stake(&self, stake: &Stake) -> Result<(), Error> {
        let keys = self.keys()?;
        let mut ledger = self.staker.ledger().await?;
        let current = ledger.journal.get(stake.entry.staking_txid())?;
        if current.is_none_or(|entry| entry.intent == Intent::Cancel) {
            return Ok(());
        }
        let limit = self.staker.config.fee_limit();
        let draft = revive_own(&mut ledger.wallet, stake, limit)?;
        ledger.wallet.reserve(&draft)?;
        keys.unlock(&mut ledger.wallet)?;
        let signed = ledger.wallet.sign(&draft);
        ledger.wallet.lock();
        let signed = signed?;
        broadcast(&self.nodes, &signed).await?;
        ledger.wallet.record_broadcast(&signed)?;
        Ok(())
    }

    /// Tells Babylon where the stake's coins are.
    async fn tell_babylon(&self, action: Action, stake: &Stake) -> Result<(), Error> {
        let chain = self.nodes.babylon()?;
        match action {
            Action::ReportUnbonding => self.report_unbonding(chain, stake).await,
            _ => self.prove(chain, stake).await,
        }
    }

    async fn prove(&self, chain: &dyn Chain, stake: &Stake) -> Result<(), Error> {
        let (id, block) = block_of(&self.nodes, &stake.entry.staking_tx).await?;
        let staking_txid = stake.entry.staking_txid();
        let inclusion_proof = InclusionProof::new(&block, staking_txid).map_err(LifeError::from)?;
        let proof = AddInclusionProof {
            staking_output: stake.delegation.staking_outpoint(),
            inclusion_proof,
            block_height: id.height,
        };
        Ok(submit(chain, Message::AddInclusionProof(proof)).await?)
    }

    async fn unbond(&self, stake: &Stake) -> Result<(), Error> {
        let delegation = &stake.delegation;
        let signature = self
            .keys()?
            .sign_as_staker(delegation.unbonding_sighash().to_bytes())?;
        let signed = delegation
            .signed_unbonding_tx(&signature, &stake.unbonding_signatures())
            .map_err(LifeError::from)?;
        broadcast(&self.nodes, &signed).await
    }

    pub(super) async fn report_unbonding(
        &self,
        chain: &dyn Chain,
        stake: &Stake,
    ) -> Result<(), Error> {
        let unbonding_tx = stake.delegation.unbonding_tx();
        let (id, block) = block_of(&self.nodes, unbonding_tx).await?;
        let txid = unbonding_tx.compute_txid();
        let inclusion_proof = InclusionProof::new(&block, txid).map_err(LifeError::from)?;
        // With its witness, which proves to the chain that the staker consented (spec 2.11).
        let spending_tx = block
            .txdata
            .into_iter()
            .find(|transaction| transaction.compute_txid() == txid)
            .ok_or(LifeError::LeftItsBlock(txid))?;
        let report = ReportSpend {
            staking_output: stake.delegation.staking_outpoint(),
            spending_tx,
            inclusion_proof,
            block_height: id.height,
            funding_txs: vec![stake.entry.staking_tx.clone()],
        };
        Ok(submit(chain, Message::ReportSpend(Box::new(report))).await?)
    }
}

/// Signs the registration of a stake.
fn registration(keys: &Keys, proof: ProofKind, stake: &Stake) -> Result<CreateDelegation, Error> {
    let delegation = &stake.delegation;
    let signatures = staker_signatures(keys, delegation)?;
    Ok(CreateDelegation {
        staker: keys.identity().staker,
        proof_of_possession: keys.proof_of_possession(proof)?,
        finality_providers: delegation.keys().finality_providers().to_vec(),
        staking_time: stake.entry.staking_time,
        staking_value: stake.entry.staking_value,
        staking_tx: stake.entry.staking_tx.clone(),
        inclusion_proof: None,
        slashing_tx: delegation.slashing_tx().clone(),
        staker_slashing_signature: signatures.slashing,
        unbonding_time: stake.params.unbonding_time,
        unbonding_tx: delegation.unbonding_tx().clone(),
        unbonding_value: delegation.unbonding_output().value(),
        unbonding_slashing_tx: delegation.unbonding_slashing_tx().clone(),
        staker_unbonding_slashing_signature: signatures.unbonding_slashing,
    })
}

/// Signs both slashing transactions of a stake.
pub(crate) fn staker_signatures(
    keys: &Keys,
    delegation: &ValidDelegation,
) -> Result<StakerSignatures, Error> {
    let signatures = StakerSignatures {
        slashing: keys.sign_as_staker(delegation.slashing_sighash().to_bytes())?,
        unbonding_slashing: keys
            .sign_as_staker(delegation.unbonding_slashing_sighash().to_bytes())?,
    };
    delegation
        .check_staker_signatures(&signatures)
        .map_err(LifeError::from)?;
    Ok(signatures)
}

/// The staking transaction as a draft of the wallet; it may pay nobody but the stake and the wallet itself.
fn revive_own(wallet: &mut Wallet, stake: &Stake, limit: FeeLimit) -> Result<Draft, Error> {
    let entry = &stake.entry;
    let draft = wallet.revive(&entry.staking_tx, limit)?;
    let stranger = (0_u32..)
        .zip(&entry.staking_tx.output)
        .find(|(index, output)| {
            *index != entry.staking_output_index && Some(*output) != draft.change()
        });
    match stranger {
        None => Ok(draft),
        Some((_, output)) => Err(LifeError::PaysOthers {
            txid: entry.staking_txid(),
            script: output.script_pubkey.clone(),
        }
        .into()),
    }
}

/// Sends a transaction, after the node has said that it would take it.
pub(crate) async fn broadcast(nodes: &Nodes, transaction: &Transaction) -> Result<(), Error> {
    let verdict = nodes
        .bitcoin
        .test_mempool_accept(std::slice::from_ref(transaction))
        .await?;
    match verdict.into_iter().next() {
        Some(Err(rejection)) if !is_known(&rejection) => {
            return Err(SourceError::Rejected(rejection).into());
        }
        _ => {}
    }
    nodes.bitcoin.broadcast(transaction, Amount::ZERO).await?;
    Ok(())
}

fn is_known(rejection: &Rejection) -> bool {
    rejection.kind() == bitcoin_source::RejectionKind::AlreadyKnown
}

pub(super) async fn submit(chain: &dyn Chain, message: Message) -> Result<(), ChainError> {
    let outcome = chain.submit(vec![message]).await.pop();
    outcome.unwrap_or(Err(ChainError::Stopped)).map(|receipt| {
        tracing::info!(tx_hash = receipt.tx_hash, height = %receipt.height, "in a block of the chain");
    })
}

/// The block that a transaction is in.
pub(crate) async fn block_of(
    nodes: &Nodes,
    transaction: &Transaction,
) -> Result<(BlockId, Block), Error> {
    match nodes.bitcoin.locate(transaction).await? {
        Some(Location::Block { block, .. }) => Ok((block, nodes.bitcoin.block(block.hash).await?)),
        _ => Err(LifeError::LeftItsBlock(transaction.compute_txid()).into()),
    }
}
