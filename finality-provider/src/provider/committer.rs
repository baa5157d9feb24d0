//! Keeps the runway of public randomness long enough.

use std::time::Duration;

use chain::{ChainError, CommitPublicRandomness, Message, PublicRandomnessCommit};

use super::committed::check;
use super::work::{Next, Worker};
use super::{Concern, Provider, RewardStatus, RoundError, Standing};
use crate::metrics::show;
use crate::randomness::{CommitPolicy, Coverage, PlannedCommit, plan_commit, runway};
use crate::signer::{HeightRange, MOST_COMMITTED};

/// Commits one provider to public randomness. A jailed provider goes on, so that it can vote as soon as it is back.
pub struct Committer {
    provider: Provider,
    policy: CommitPolicy,
    interval: Duration,
    /// The newest commitment of which it is known that it is ours.
    checked: Option<PublicRandomnessCommit>,
}

impl Committer {
    /// Looks at the runway every `interval` and keeps it as `policy` says.
    pub fn new(provider: Provider, policy: CommitPolicy, interval: Duration) -> Self {
        Self {
            provider,
            policy,
            interval,
            checked: None,
        }
    }

    /// The commitment that is due, if any.
    ///
    /// The newest commitment on the chain is rebuilt first: with another key or chain id nothing is committed, because
    /// a wrong commitment could never be taken back.
    async fn due(&mut self) -> Result<Option<PlannedCommit>, RoundError> {
        let Provider {
            key,
            chain,
            signer,
            status,
            ..
        } = &self.provider;
        let params = chain.finality_params().await?;
        let tip = chain.votable_height().await?.unwrap_or_default();
        let commits = chain.public_randomness_commits(key).await?;
        let newest = commits.iter().max_by_key(|commit| commit.last());
        let covered_to = newest.map(PublicRandomnessCommit::last);
        status.update(|status| {
            status.tip = tip;
            status.randomness_to = covered_to;
            status.runway = runway(tip, covered_to);
        });
        let coverage = Coverage {
            tip,
            activation: params.activation_height,
            commit_start: params.commit_start,
            minimum: params.min_public_randomness,
            covered_to,
        };
        let plan = plan_commit(self.policy, coverage);
        if let (Some(_), Some(newest)) = (plan, newest)
            && self.checked != Some(*newest)
        {
            check(&**signer, *key, newest).await?;
            self.checked = Some(*newest);
        }
        Ok(plan)
    }

    /// Makes a commitment, which comes after the one that the chain calls `last`.
    async fn commit(&self, plan: PlannedCommit, last: u64) -> Result<(), RoundError> {
        let Provider {
            key, chain, signer, ..
        } = &self.provider;
        let count = u32::try_from(plan.count).ok();
        let Some(count) = count.filter(|count| *count <= MOST_COMMITTED) else {
            return Err(RoundError::TooManyHeights {
                count: plan.count,
                most: MOST_COMMITTED,
            });
        };
        let range = HeightRange {
            start: plan.start,
            count,
        };
        let number = last.saturating_add(1);
        let signed = signer.sign_commitment(*key, range, number).await?;
        let message = Message::CommitPublicRandomness(CommitPublicRandomness {
            finality_provider: *key,
            start: plan.start,
            count: plan.count,
            number,
            commitment: signed.commitment,
            signature: signed.signature,
        });
        for outcome in chain.submit(vec![message]).await {
            outcome?;
        }
        tracing::info!(start = %plan.start, count, "committed to public randomness");
        self.provider.status.update(|status| {
            let covered_to = Some(plan.last_height());
            status.randomness_to = covered_to;
            status.runway = runway(status.tip, covered_to);
        });
        Ok(())
    }

    /// Notes what only people and metrics need to know.
    async fn observe(&self) -> Result<(), ChainError> {
        let Provider {
            key, chain, status, ..
        } = &self.provider;
        let balance = chain.balance().await?;
        let info = chain.signing_info(key).await?;
        let rewards = chain.rewards().await?;
        status.update(|status| {
            status.rewards = rewards.into_iter().map(RewardStatus::from).collect();
            status.fee_balance = Some(balance.to_string());
            status.missed_in_window = info.map(|info| info.missed_blocks);
        });
        Ok(())
    }
}

impl Worker for Committer {
    type Error = RoundError;

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<Next, RoundError> {
        let look = self.provider.look().await?;
        if look.standing != Standing::Jailed
            && let Some(next) = look.obstacle()
        {
            return Ok(next);
        }
        if let Some(plan) = self.due().await? {
            self.commit(plan, look.commit_number).await?;
        }
        self.observe().await?;
        Ok(Next::Round)
    }

    fn ended(&mut self, problem: Option<String>) {
        self.provider
            .status
            .set_problem(Concern::Randomness, problem);
        show(&self.provider.status.get());
    }
}
