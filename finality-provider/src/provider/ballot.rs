//! Signs votes, sends them, and takes in what became of each.

use std::time::SystemTime;

use chain::{AddFinalityVote, ChainError, FinalityBlock, Message, VotingDomain};
use eots::commitment::Proof;
use eots::curve::Native;
use eots::{PublicKey, PublicRandomness, Signature, verify};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use super::committed::CommittedError;
use super::outcome::VoteOutcome;
use super::voter::Voter;
use super::{Provider, RoundError, unix_seconds};
use crate::metrics::{DOUBLE_SIGN_REFUSED, VOTES, VOTES_LOST};
use crate::signer::{Refusal, SignerError, Vote};
use crate::votes::Window;

/// A block to vote for, and the randomness to do it with.
pub(super) struct Ballot {
    block: FinalityBlock,
    public_randomness: PublicRandomness,
    proof: Proof,
}

impl Voter {
    /// Finds the randomness of each block; one under a commitment that is not ours gets no vote.
    pub(super) async fn ballots(
        &mut self,
        blocks: Vec<FinalityBlock>,
    ) -> Result<Vec<Ballot>, RoundError> {
        let mut ballots = Vec::with_capacity(blocks.len());
        for block in blocks {
            let signer = &*self.provider.signer;
            match self.committed.prove(signer, block.height).await {
                Ok(Some((public_randomness, proof))) => ballots.push(Ballot {
                    block,
                    public_randomness,
                    proof,
                }),
                Ok(None) => {}
                Err(error @ CommittedError::Foreign { .. }) => {
                    self.lost(block.height, &error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ballots)
    }

    /// Refuses to go on where the chain has seen a vote that our signer did not make.
    pub(super) async fn check_alone(&self, voted: Option<ChainHeight>) -> Result<(), RoundError> {
        let keys = self.provider.signer.keys().await?;
        let held = keys.iter().find(|held| held.key == self.provider.key);
        // Asked after the chain was: whatever we have signed until then is in it.
        let signed_to = held.ok_or(RoundError::NotHeld)?.signed_to;
        match voted {
            Some(voted) if Some(voted) > signed_to => Err(RoundError::UsedElsewhere {
                voted,
                signed_to: signed_to.unwrap_or_default(),
            }),
            _ => Ok(()),
        }
    }

    /// Signs `ballots`; those that the signer refuses are lost.
    pub(super) async fn sign(
        &self,
        ballots: Vec<Ballot>,
    ) -> Result<Vec<AddFinalityVote>, RoundError> {
        let Provider {
            key, chain, signer, ..
        } = &self.provider;
        let votes: Vec<Vote> = ballots
            .iter()
            .map(|ballot| Vote {
                height: ballot.block.height,
                content: ballot.block.content,
            })
            .collect();
        let signatures = signer.sign_votes(*key, &votes).await?;
        let mut signed = Vec::with_capacity(ballots.len());
        for (ballot, signature) in ballots.into_iter().zip(signatures) {
            match signature {
                Ok(signature) => {
                    check_signature(&chain.voting_domain(), &ballot, *key, &signature)?;
                    signed.push(AddFinalityVote {
                        finality_provider: *key,
                        height: ballot.block.height,
                        public_randomness: ballot.public_randomness,
                        proof: ballot.proof,
                        content: ballot.block.content,
                        signature,
                    });
                }
                Err(refusal) => self.refused(ballot.block.height, refusal)?,
            }
        }
        Ok(signed)
    }

    /// Sends `votes`; returns the lowest height that has to be tried again, and why nothing could be sent, if so.
    pub(super) async fn cast(
        &self,
        votes: Vec<AddFinalityVote>,
        window: &Window,
    ) -> (Option<ChainHeight>, Option<ChainError>) {
        let heights: Vec<_> = votes.iter().map(|vote| vote.height).collect();
        let messages = votes.into_iter().map(Message::AddFinalityVote).collect();
        let answers = self.provider.chain.submit(messages).await;

        let (mut open, mut hindered, mut taken) = (None, None, Vec::new());
        for (height, answer) in heights.into_iter().zip(answers) {
            match VoteOutcome::of(answer, window.may_change(height)) {
                VoteOutcome::Taken => taken.push(height),
                VoteOutcome::NotNeeded => tracing::debug!(%height, "the chain needs no vote"),
                VoteOutcome::Lost(rejection) => self.lost(height, &rejection.to_string()),
                VoteOutcome::RefusedForNow(rejection) => {
                    tracing::warn!(%height, %rejection, "vote not taken yet");
                    open = Some(open.unwrap_or(height));
                }
                VoteOutcome::Hindered(error) => {
                    open = Some(open.unwrap_or(height));
                    hindered = Some(error);
                }
            }
        }
        self.taken(&taken);
        (open, hindered)
    }

    fn taken(&self, heights: &[ChainHeight]) {
        let (Some(first), Some(last)) = (heights.first(), heights.last()) else {
            return;
        };
        let count = u64::try_from(heights.len()).unwrap_or(u64::MAX);
        tracing::info!(from = %first, to = %last, votes = count, "voted");
        self.provider.status.update(|status| {
            VOTES.add_for(&status.name, count);
            status.votes = status.votes.saturating_add(count);
            status.last_vote = status.last_vote.max(Some(*last));
            status.last_vote_at = Some(unix_seconds(SystemTime::now()));
        });
    }

    /// A height gets no vote of ours, for good. The others go on.
    fn lost(&self, height: ChainHeight, reason: &str) {
        tracing::error!(%height, reason, "vote lost");
        self.provider.status.update(|status| {
            VOTES_LOST.increment_for(&status.name);
            status.last_lost_vote = Some(format!("height {height}: {reason}"));
        });
    }

    /// A height that may have been signed otherwise is lost but stops nothing; anything else stops all.
    fn refused(&self, height: ChainHeight, refusal: Refusal) -> Result<(), RoundError> {
        match refusal {
            Refusal::Equivocation(_) => {
                self.provider.status.update(|status| {
                    DOUBLE_SIGN_REFUSED.increment_for(&status.name);
                    status.refused = status.refused.saturating_add(1);
                });
                let reason = format!(
                    "{refusal}. The node shows another block than the one that was signed: is it of another chain with \
                     the same id, or broken?"
                );
                self.lost(height, &reason);
                Ok(())
            }
            Refusal::BelowWatermark(_) => {
                self.lost(height, &refusal.to_string());
                Ok(())
            }
            refusal => Err(SignerError::from(refusal).into()),
        }
    }
}

/// The signer may be another process; a vote that the chain would refuse is not worth sending.
fn check_signature(
    domain: &VotingDomain,
    ballot: &Ballot,
    key: FinalityProviderKey,
    signature: &Signature,
) -> Result<(), SignerError> {
    let Ballot {
        block,
        public_randomness,
        ..
    } = ballot;
    let wrong = |reason: String| {
        SignerError::InvalidAnswer(format!("vote for height {}: {reason}", block.height))
    };
    let message = domain
        .message(block.height, &block.content)
        .map_err(|error| wrong(error.to_string()))?;
    let key = PublicKey::from_bytes(key.to_bytes()).map_err(|error| wrong(error.to_string()))?;
    verify(&Native, &key, public_randomness, &message, signature)
        .map_err(|error| wrong(error.to_string()))
}
