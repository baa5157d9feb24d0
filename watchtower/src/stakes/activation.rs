//! Activation: proves that the staking transactions of verified delegations are on Bitcoin.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::OutPoint;
use chain::{AddInclusionProof, Awaited, Chain, DelegationStatus, Message};
use daemon::attempts::{Attempts, Reason};
use staking::units::{BitcoinHeight, BlockInterval};

use super::book::{Book, Inclusion};
use super::watch::note_status;
use crate::metrics;
use crate::role::{Role, RoundError};
use crate::startup::Link;
use crate::status::{Cell, StakesStatus};

/// Most proofs in one submission.
const BATCH: usize = 50;

/// The chain's refusal of a stake that is older than its registration (spec 2.7): it stays so.
const INCLUDED_TOO_EARLY: &str = "btcstaking-1124";

/// What to do about a stake that is on Bitcoin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// It is not deep enough yet.
    Wait,
    /// Prove it.
    Prove,
    /// The timelock ends before the stake could count (spec 2.7).
    TooLate,
}

/// A stake whose inclusion is to be proven.
#[derive(Debug, Clone)]
struct Candidate {
    output: OutPoint,
    inclusion: Inclusion,
    awaits: Awaited,
    staking_time: BlockInterval,
    unbonding_time: BlockInterval,
}

impl Candidate {
    fn decide(&self, light_client_tip: BitcoinHeight, confirmation_depth: u32) -> Decision {
        let included = self.inclusion.block.height;
        let deep = included
            .depth_below(light_client_tip)
            .is_some_and(|depth| depth >= confirmation_depth);
        let awaited = match self.awaits {
            Awaited::Inclusion => true,
            Awaited::Tip(height) => height <= light_client_tip,
            Awaited::Registration => false,
        };
        let end = u64::from(included.0) + u64::from(self.staking_time.blocks());
        let too_late =
            u64::from(light_client_tip.0) + u64::from(self.unbonding_time.blocks()) >= end;
        match (deep && awaited, too_late) {
            (false, _) => Decision::Wait,
            (true, false) => Decision::Prove,
            (true, true) => Decision::TooLate,
        }
    }
}

/// Proves inclusion for everybody.
pub struct Activation {
    chain: Arc<dyn Chain>,
    /// What metrics call the chain.
    name: String,
    book: Cell<Book>,
    attempts: Attempts,
    interval: Duration,
    status: Cell<StakesStatus>,
}

impl Activation {
    /// Puts the role together; it looks into the book every `interval`.
    pub fn new(
        link: Link,
        book: Cell<Book>,
        attempts: Attempts,
        interval: Duration,
        status: Cell<StakesStatus>,
    ) -> Self {
        Self {
            chain: link.chain,
            name: link.name,
            book,
            attempts,
            interval,
            status,
        }
    }

    /// The stakes that are on Bitcoin and do not count yet. What was given up on is marked so in the book.
    fn candidates(&mut self) -> Vec<Candidate> {
        let attempts = &self.attempts;
        self.book.update(|book| {
            book.stakes_mut()
                .filter(|(_, stake)| stake.is_to_activate())
                .filter_map(|(output, stake)| {
                    let awaits = stake.awaits;
                    let (staking_time, unbonding_time) = (stake.staking_time, stake.unbonding_time);
                    let inclusion = stake.inclusion.as_mut()?;
                    inclusion.given_up = attempts.is_parked(output);
                    (!inclusion.given_up).then(|| Candidate {
                        output: *output,
                        inclusion: inclusion.clone(),
                        awaits,
                        staking_time,
                        unbonding_time,
                    })
                })
                .collect()
        })
    }

    /// Those of the candidates that the chain should take now.
    async fn ready(&mut self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, RoundError> {
        let tip = self.chain.light_client_tip().await?.height;
        let depth = self.chain.light_client_params().await?.confirmation_depth;
        let mut ready = Vec::new();
        for candidate in candidates {
            if !self.attempts.is_due(&candidate.output) {
                continue;
            }
            match candidate.decide(tip, depth) {
                Decision::Wait => {}
                Decision::TooLate => {
                    let message = format!(
                        "included at height {}, staked for {} blocks: too little is left at height {tip}",
                        candidate.inclusion.block.height, candidate.staking_time
                    );
                    self.attempts.park(
                        candidate.output,
                        &Reason::new("staked-too-long-ago", message),
                    )?;
                }
                Decision::Prove => {
                    let block = candidate.inclusion.block;
                    if self
                        .chain
                        .contains_header(block.height, &block.hash)
                        .await?
                    {
                        ready.push(candidate);
                    }
                }
            }
        }
        Ok(ready)
    }

    async fn prove(&mut self, batch: &[Candidate]) -> Result<(), RoundError> {
        let messages = batch
            .iter()
            .map(|candidate| {
                Message::AddInclusionProof(AddInclusionProof {
                    staking_output: candidate.output,
                    inclusion_proof: candidate.inclusion.proof.clone(),
                    block_height: candidate.inclusion.block.height,
                })
            })
            .collect();
        let outcomes = self.chain.submit(messages).await;
        for (candidate, outcome) in batch.iter().zip(outcomes) {
            let output = candidate.output;
            match outcome.map_err(Reason::of_message) {
                Ok(receipt) => {
                    tracing::info!(%output, tx = receipt.tx_hash, "a stake counts on the chain from now on");
                    metrics::ACTIVATED.increment_for(&self.name);
                    self.status.update(|status| status.activated += 1);
                    self.attempts.finished(&output);
                    self.book.update(|book| {
                        if let Some(stake) = book.get_mut(&output) {
                            stake.status = DelegationStatus::Active;
                        }
                    });
                }
                Err(Ok(reason)) => self.refused(output, &reason).await?,
                Err(Err(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// A refusal of a stake that is not verified any more only says that somebody else was faster.
    async fn refused(&mut self, output: OutPoint, reason: &Reason) -> Result<(), RoundError> {
        let delegation = self.chain.delegation_at(output).await?;
        self.book
            .update(|book| note_status(book, &output, delegation.as_ref()));
        let status = delegation.map(|delegation| delegation.status);
        if status != Some(DelegationStatus::Verified) {
            tracing::debug!(%output, ?status, "somebody else has proved or ended the stake");
            self.attempts.finished(&output);
        } else if reason.rule == INCLUDED_TOO_EARLY {
            self.attempts.park(output, reason)?;
        } else {
            self.attempts.failed(output, reason)?;
        }
        Ok(())
    }
}

impl Role for Activation {
    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        metrics::PARKED.set(metrics::count(self.attempts.refresh()?));
        let candidates = self.candidates();
        metrics::UNPROVEN.set_for(&self.name, metrics::count(candidates.len()));
        self.status
            .update(|status| status.to_activate = candidates.len());
        if candidates.is_empty() {
            return Ok(());
        }
        let ready = self.ready(candidates).await?;
        for batch in ready.chunks(BATCH) {
            self.prove(batch).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{BlockHash, Txid};
    use bitcoin_source::BlockId;
    use staking::inclusion::InclusionProof;

    use super::*;

    #[test]
    fn a_stake_is_proved_once_it_is_deep_and_while_it_can_still_count() {
        let txid = Txid::all_zeros();
        let (height, hash) = (BitcoinHeight(100), BlockHash::all_zeros());
        let mut candidate = Candidate {
            awaits: Awaited::Inclusion,
            output: OutPoint { txid, vout: 0 },
            inclusion: Inclusion {
                block: BlockId { height, hash },
                proof: InclusionProof {
                    index: 1,
                    txid,
                    siblings: Vec::new(),
                    block_hash: hash,
                },
                given_up: false,
            },
            staking_time: BlockInterval::new(50).unwrap(),
            unbonding_time: BlockInterval::new(10).unwrap(),
        };
        for (tip, expected) in [
            (99, Decision::Wait),
            (100, Decision::Wait),
            (101, Decision::Wait),
            (102, Decision::Prove),
            (139, Decision::Prove),
            (140, Decision::TooLate),
            (u32::MAX, Decision::TooLate),
        ] {
            assert_eq!(candidate.decide(BitcoinHeight(tip), 2), expected, "{tip}");
        }
        for (awaits, tip, expected) in [
            (Awaited::Tip(BitcoinHeight(110)), 109, Decision::Wait),
            (Awaited::Tip(BitcoinHeight(110)), 110, Decision::Prove),
            (Awaited::Tip(BitcoinHeight(110)), 140, Decision::TooLate),
            (Awaited::Tip(BitcoinHeight(90)), 101, Decision::Wait),
            (Awaited::Registration, 130, Decision::Wait),
        ] {
            candidate.awaits = awaits;
            let decision = candidate.decide(BitcoinHeight(tip), 2);
            assert_eq!(decision, expected, "{awaits:?} at {tip}");
        }
    }
}
