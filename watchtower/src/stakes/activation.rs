//! Activation: proves that the staking transactions of verified delegations are on Bitcoin, and lets what has waited count.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::OutPoint;
use chain::{AddInclusionProof, Awaited, Chain, DelegationStatus, Message, Receipt};
use daemon::attempts::{Attempts, Reason};
use staking::units::{BitcoinHeight, BlockInterval};

use super::book::Book;
use super::stake::{Inclusion, Stake};
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
    /// It is not deep enough yet, or has to wait.
    Wait,
    /// Prove it, or let it count where it is proven.
    Activate,
    /// The timelock ends before the stake could count (spec 2.7).
    TooLate,
}

/// A stake that is to count, or more of it.
#[derive(Debug, Clone)]
struct Candidate {
    output: OutPoint,
    included: BitcoinHeight,
    /// What proves it; a stake that waits for nothing but a tip of Bitcoin needs none.
    inclusion: Option<Inclusion>,
    awaits: Awaited,
    staking_time: BlockInterval,
    unbonding_time: BlockInterval,
}

impl Candidate {
    /// Of a stake in the book, if our node knows what is needed of it. What was given up on is marked so.
    fn of(stake: &mut Stake, given_up: bool) -> Option<Self> {
        if !stake.is_to_activate() {
            return None;
        }
        if let Some(inclusion) = &mut stake.inclusion {
            inclusion.given_up = given_up;
        }
        let is_proven = matches!(stake.awaits, Awaited::Tip(_));
        let included = match stake.status {
            // It counts already, so its place is the chain's to say.
            DelegationStatus::Active => stake.proven_at?,
            _ => stake.inclusion.as_ref()?.block.height,
        };
        (!given_up).then(|| Self {
            output: stake.outpoint,
            included,
            inclusion: stake.inclusion.clone().filter(|_| !is_proven),
            awaits: stake.awaits,
            staking_time: stake.staking_time,
            unbonding_time: stake.unbonding_time,
        })
    }

    /// The message, if there is something to say.
    fn message(&self) -> Message {
        match &self.inclusion {
            Some(inclusion) => Message::AddInclusionProof(AddInclusionProof {
                staking_output: self.output,
                inclusion_proof: inclusion.proof.clone(),
                block_height: inclusion.block.height,
            }),
            None => Message::Activate(self.output),
        }
    }

    fn decide(&self, light_client_tip: BitcoinHeight, confirmation_depth: u32) -> Decision {
        let included = self.included;
        let deep = included
            .depth_below(light_client_tip)
            .is_some_and(|depth| depth >= confirmation_depth);
        let awaited = match self.awaits {
            Awaited::Inclusion | Awaited::Registration => true,
            Awaited::Tip(height) => height <= light_client_tip,
            Awaited::Nothing => false,
        };
        let end = u64::from(included.0) + u64::from(self.staking_time.blocks());
        let too_late =
            u64::from(light_client_tip.0) + u64::from(self.unbonding_time.blocks()) >= end;
        match (deep && awaited, too_late) {
            (false, _) => Decision::Wait,
            (true, false) => Decision::Activate,
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

    /// The stakes that are on Bitcoin and do not count yet, or not in full.
    fn candidates(&mut self) -> Vec<Candidate> {
        let attempts = &self.attempts;
        self.book.update(|book| {
            book.stakes_mut()
                .filter_map(|(output, stake)| Candidate::of(stake, attempts.is_parked(output)))
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
                        candidate.included, candidate.staking_time
                    );
                    self.attempts.park(
                        candidate.output,
                        &Reason::new("staked-too-long-ago", message),
                    )?;
                }
                Decision::Activate => {
                    let known = match &candidate.inclusion {
                        Some(Inclusion { block, .. }) => {
                            self.chain
                                .contains_header(block.height, &block.hash)
                                .await?
                        }
                        None => true,
                    };
                    if known {
                        ready.push(candidate);
                    }
                }
            }
        }
        Ok(ready)
    }

    /// Submits a batch. All that came of it is dealt with before the first error is returned.
    async fn activate(&mut self, batch: &[Candidate]) -> Result<(), RoundError> {
        let messages = batch.iter().map(Candidate::message).collect();
        let outcomes = self.chain.submit(messages).await;
        let mut all = Ok(());
        for (candidate, outcome) in batch.iter().zip(outcomes) {
            let one = match outcome.map_err(Reason::of_message) {
                Ok(receipt) => {
                    self.accepted(candidate, &receipt);
                    Ok(())
                }
                Err(Ok(reason)) => self.refused(candidate.output, &reason).await,
                Err(Err(error)) => Err(error.into()),
            };
            all = all.and(one);
        }
        all
    }

    /// Notes that the chain has taken what was submitted for a stake.
    fn accepted(&mut self, candidate: &Candidate, receipt: &Receipt) {
        let output = candidate.output;
        let tx = &receipt.tx_hash;
        let is_proven_anew = candidate.awaits == Awaited::Registration;
        if is_proven_anew {
            let block = candidate.included;
            tracing::info!(%output, %block, tx, "proved a stake anew whose block bitcoin had left");
        } else {
            tracing::info!(%output, tx, "a stake counts on the chain from now on");
            metrics::ACTIVATED.increment_for(&self.name);
            self.status.update(|status| status.activated += 1);
        }
        self.attempts.finished(&output);
        self.book.update(|book| {
            if let Some(stake) = book.get_mut(&output) {
                if !is_proven_anew {
                    stake.status = DelegationStatus::Active;
                }
                // Whatever else it waits for the chain tells when it is asked next.
                stake.awaits = Awaited::Nothing;
            }
        });
    }

    /// A refusal of a stake that does not wait any more only says that somebody else was faster.
    async fn refused(&mut self, output: OutPoint, reason: &Reason) -> Result<(), RoundError> {
        let delegation = self.chain.delegation_at(output).await?;
        let waits = self.book.update(|book| {
            note_status(book, &output, delegation.as_ref());
            book.get(&output).is_some_and(Stake::is_to_activate)
        });
        if !waits {
            let status = delegation.map(|delegation| delegation.status);
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
            self.activate(batch).await?;
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
        let mut candidate = Candidate {
            awaits: Awaited::Inclusion,
            output: OutPoint::new(Txid::all_zeros(), 0),
            included: BitcoinHeight(100),
            inclusion: None,
            staking_time: BlockInterval::new(50).unwrap(),
            unbonding_time: BlockInterval::new(10).unwrap(),
        };
        for (tip, expected) in [
            (99, Decision::Wait),
            (100, Decision::Wait),
            (101, Decision::Wait),
            (102, Decision::Activate),
            (139, Decision::Activate),
            (140, Decision::TooLate),
            (u32::MAX, Decision::TooLate),
        ] {
            assert_eq!(candidate.decide(BitcoinHeight(tip), 2), expected, "{tip}");
        }
        for (awaits, tip, expected) in [
            (Awaited::Tip(BitcoinHeight(110)), 109, Decision::Wait),
            (Awaited::Tip(BitcoinHeight(110)), 110, Decision::Activate),
            (Awaited::Tip(BitcoinHeight(110)), 140, Decision::TooLate),
            (Awaited::Tip(BitcoinHeight(90)), 101, Decision::Wait),
            (Awaited::Registration, 101, Decision::Wait),
            (Awaited::Registration, 102, Decision::Activate),
            (Awaited::Nothing, 130, Decision::Wait),
        ] {
            candidate.awaits = awaits;
            let decision = candidate.decide(BitcoinHeight(tip), 2);
            assert_eq!(decision, expected, "{awaits:?} at {tip}");
        }
    }

    #[test]
    fn what_is_proven_already_is_activated_without_a_proof() {
        let outpoint = OutPoint::new(Txid::all_zeros(), 0);
        let (height, hash) = (BitcoinHeight(100), BlockHash::all_zeros());
        let inclusion = Inclusion {
            block: BlockId { height, hash },
            proof: InclusionProof {
                index: 1,
                txid: outpoint.txid,
                siblings: Vec::new(),
                block_hash: hash,
            },
            given_up: false,
        };
        let stake = |status, awaits, inclusion, proven_at| Stake {
            outpoint,
            status,
            awaits,
            proven_at,
            staking_time: BlockInterval::new(50).unwrap(),
            unbonding_time: BlockInterval::new(10).unwrap(),
            is_expansion: false,
            inclusion,
            is_displaced: false,
            spend: None,
            missed_from: None,
        };
        let (verified, active) = (DelegationStatus::Verified, DelegationStatus::Active);
        let tip = Awaited::Tip(BitcoinHeight(110));
        let message = |mut stake: Stake| {
            let candidate = Candidate::of(&mut stake, false)?;
            assert!(Candidate::of(&mut stake, true).is_none(), "given up on");
            assert_eq!(candidate.included, height);
            Some(candidate.message())
        };
        let included = || Some(inclusion.clone());
        for awaits in [Awaited::Inclusion, Awaited::Registration, tip] {
            // Our own node has not seen it.
            assert!(message(stake(verified, awaits, None, Some(height))).is_none());
        }
        for awaits in [Awaited::Inclusion, Awaited::Registration] {
            assert!(matches!(
                message(stake(verified, awaits, included(), None)),
                Some(Message::AddInclusionProof(_))
            ));
        }
        for waiting in [
            stake(verified, tip, included(), Some(height)),
            // A larger share of one that counts.
            stake(active, tip, None, Some(height)),
            stake(active, tip, included(), Some(height)),
        ] {
            assert!(
                matches!(message(waiting), Some(Message::Activate(output)) if output == outpoint)
            );
        }
        assert!(message(stake(active, Awaited::Nothing, included(), Some(height))).is_none());
    }
}
