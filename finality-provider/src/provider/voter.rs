//! Casts the votes that are due.

use chain::{AddFinalityVote, ChainError, FinalityBlock, FinalityParams, Message, Rejection};
use eots::Signature;
use staking::units::ChainHeight;

use super::{Provider, RoundError, Standing};
use crate::metrics::{SIGNATURES_REFUSED, VOTES, VOTES_LOST};
use crate::signer::{Refusal, SignerError, Vote};
use crate::votes::{Decision, Observation, SkipReason, decide, first_height};

/// Heights looked at in one round; the votes of one round travel together.
const HEIGHTS_IN_A_ROUND: u64 = 200;

/// Error codes of votes that the chain will never take and does not need (spec 2.17, module `finality`).
const DUPLICATE_VOTE: u32 = 1109;
const FINAL_AND_TIMESTAMPED: u32 = 1116;

/// How far a provider has come; everything below `next` needs nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VotingProgress {
    next: Option<ChainHeight>,
}

impl Provider {
    /// Votes for every height from `progress` to the tip for which a vote is due, as far as one round goes.
    ///
    /// Returns how far everything is settled. A height that failed for now is not: the next round begins with it,
    /// and the votes above it that did land are found on the chain and skipped.
    pub async fn vote(&self, progress: VotingProgress) -> Result<VotingProgress, RoundError> {
        let standing = self.standing().await?;
        self.status.update(|status| status.standing = standing);
        if standing != Standing::Registered {
            return Ok(progress);
        }
        let Some(activated) = self.chain.finality_activated_at().await? else {
            return Ok(progress);
        };
        let params = self.chain.finality_params().await?;
        let activated = activated.max(params.activation_height);
        let tip = self.chain.height().await?;
        self.status.update(|status| status.tip = tip);
        let next = if let Some(next) = progress.next {
            next
        } else {
            let last_finalized = self.chain.last_finalized_block().await?;
            first_height(activated, last_finalized, params.finality_vote_timeout)
        };
        let due = self.due(next, tip, activated, &params).await?;
        let settled_below = self.cast(&due.blocks, due.settled_below).await?;
        Ok(VotingProgress {
            next: Some(settled_below),
        })
    }

    /// Looks at the heights from `next` to the tip, at most a round of them.
    async fn due(
        &self,
        next: ChainHeight,
        tip: ChainHeight,
        activated: ChainHeight,
        params: &FinalityParams,
    ) -> Result<Due, RoundError> {
        let finalized_epoch = self.chain.last_finalized_epoch().await?;
        let commits = self.chain.public_randomness_commits(&self.key).await?;
        self.committed
            .lock()
            .await
            .refresh(&*self.signer, &commits, next)
            .await?;

        let end = tip.0.min(next.0.saturating_add(HEIGHTS_IN_A_ROUND - 1));
        let mut due = Due {
            blocks: Vec::new(),
            settled_below: next,
        };
        for height in (next.0..=end).map(ChainHeight) {
            let seen = self.observe(height, finalized_epoch).await?;
            match decide(height, tip, activated, params.finality_vote_timeout, &seen) {
                Decision::Vote(block) => due.blocks.push(block),
                Decision::Skip(SkipReason::NoPublicRandomness) => {
                    tracing::warn!(%height, "no timestamped public randomness covers this height");
                }
                Decision::Skip(reason) => tracing::debug!(%height, ?reason, "no vote needed"),
                Decision::Wait => break,
            }
            due.settled_below = ChainHeight(height.0 + 1);
        }
        Ok(due)
    }

    async fn observe(
        &self,
        height: ChainHeight,
        finalized_epoch: u64,
    ) -> Result<Observation, RoundError> {
        let block = self.chain.finality_block(height).await?;
        let power = self.chain.voting_power(&self.key, height).await?;
        self.status.update(|status| status.power = power);
        // Asked only where it can change the decision: it is the longest of the three answers.
        let voted = power > 0 && self.chain.votes(height).await?.contains(&self.key);
        let covered = self
            .committed
            .lock()
            .await
            .covering(height)
            .is_some_and(|commit| finalized_epoch != 0 && commit.epoch <= finalized_epoch);
        Ok(Observation {
            block,
            power,
            voted,
            covered,
        })
    }

    /// Signs and sends votes for `blocks`; returns the height below which everything is settled.
    async fn cast(
        &self,
        blocks: &[FinalityBlock],
        settled_below: ChainHeight,
    ) -> Result<ChainHeight, RoundError> {
        if blocks.is_empty() {
            return Ok(settled_below);
        }
        let votes: Vec<Vote> = blocks
            .iter()
            .map(|block| Vote {
                height: block.height,
                app_hash: block.app_hash,
            })
            .collect();
        let signatures = self.signer.sign_votes(self.key, &votes).await?;
        let mut messages = Vec::new();
        for (vote, signature) in votes.iter().zip(signatures) {
            match signature {
                Ok(signature) => messages.push(self.message(*vote, signature).await?),
                Err(refusal) => self.refused(*vote, &refusal)?,
            }
        }
        let heights: Vec<ChainHeight> = messages.iter().map(|vote| vote.height).collect();
        let messages = messages.into_iter().map(Message::AddFinalityVote).collect();
        let outcomes = self.chain.submit(messages).await;

        let mut unsettled = None;
        for (height, outcome) in heights.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => self.accepted(height),
                Err(ChainError::Rejected(rejection)) => self.rejected(height, &rejection),
                Err(error) => {
                    tracing::warn!(%height, %error, "vote not taken; trying again");
                    unsettled = Some(unsettled.unwrap_or(height).min(height));
                }
            }
        }
        Ok(unsettled.unwrap_or(settled_below))
    }

    async fn message(
        &self,
        vote: Vote,
        signature: Signature,
    ) -> Result<AddFinalityVote, RoundError> {
        let proven = self
            .committed
            .lock()
            .await
            .prove(&*self.signer, vote.height)
            .await?;
        let Some((public_randomness, proof)) = proven else {
            return Err(ChainError::InvalidAnswer {
                query: "public randomness commitments",
                reason: format!("the commitment covering height {} is gone", vote.height),
            }
            .into());
        };
        Ok(AddFinalityVote {
            finality_provider: self.key,
            height: vote.height,
            public_randomness,
            proof,
            app_hash: vote.app_hash,
            signature,
        })
    }

    fn accepted(&self, height: ChainHeight) {
        VOTES.increment_for(&self.name);
        self.status.update(|status| {
            status.votes += 1;
            status.last_vote = status.last_vote.max(Some(height));
            status.problem = None;
        });
    }

    /// The chain would refuse the same vote again, so its height is settled either way.
    fn rejected(&self, height: ChainHeight, rejection: &Rejection) {
        if rejection.codespace == "finality"
            && [DUPLICATE_VOTE, FINAL_AND_TIMESTAMPED].contains(&rejection.code)
        {
            tracing::debug!(%height, "the chain needs no vote any more");
            return;
        }
        VOTES_LOST.increment_for(&self.name);
        tracing::error!(%height, %rejection, "vote lost");
        self.status.update(|status| {
            status.problem = Some(format!("vote for height {height}: {rejection}"));
        });
    }

    /// A height that was signed otherwise before is lost but stops nothing; a record that cannot be read stops all.
    fn refused(&self, vote: Vote, refusal: &Refusal) -> Result<(), RoundError> {
        self.status.update(|status| {
            status.refused += 1;
            status.problem = Some(refusal.to_string());
        });
        SIGNATURES_REFUSED.increment_for(&self.name);
        tracing::error!(height = %vote.height, %refusal, "no vote: the signer refused");
        match refusal {
            Refusal::Equivocation(_) | Refusal::BelowWatermark(_) => Ok(()),
            _ => Err(SignerError::Refused(refusal.clone()).into()),
        }
    }
}

struct Due {
    blocks: Vec<FinalityBlock>,
    settled_below: ChainHeight,
}
