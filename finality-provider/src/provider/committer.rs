//! Keeps the runway of public randomness long enough.

use chain::{CommitPublicRandomness, Message};
use staking::units::ChainHeight;

use super::{Provider, RoundError, Standing};
use crate::randomness::{Coverage, PlannedCommit, last_height, plan_commit, runway};
use crate::signer::{HeightRange, SignerError};

impl Provider {
    /// Commits to more public randomness if the runway has become short; returns what was committed.
    ///
    /// The newest commitment on the chain is rebuilt first: with another key or chain id nothing is committed, because
    /// a wrong commitment could never be taken back.
    pub async fn commit(&self) -> Result<Option<PlannedCommit>, RoundError> {
        if matches!(
            self.standing().await?,
            Standing::Unregistered | Standing::Slashed
        ) {
            return Ok(None);
        }
        let params = self.chain.finality_params().await?;
        let tip = self.chain.height().await?;
        let commits = self.chain.public_randomness_commits(&self.key).await?;
        let covered_to = commits.iter().map(last_height).max();
        self.status.update(|status| {
            status.randomness_to = covered_to;
            status.runway = runway(tip, covered_to);
        });
        let coverage = Coverage {
            tip,
            activation: params.activation_height,
            minimum: params.min_public_randomness,
            covered_to,
        };
        let Some(plan) = plan_commit(self.policy, coverage) else {
            return Ok(None);
        };
        let newest = covered_to.unwrap_or(ChainHeight(0));
        self.committed
            .lock()
            .await
            .refresh(&*self.signer, &commits, newest)
            .await?;
        self.submit_commit(plan).await.map(Some)
    }

    async fn submit_commit(&self, plan: PlannedCommit) -> Result<PlannedCommit, RoundError> {
        let count = u32::try_from(plan.count).map_err(|_| {
            SignerError::InvalidAnswer(format!(
                "a commitment of {} heights is beyond 2^32: lower `commit_count`",
                plan.count
            ))
        })?;
        let range = HeightRange {
            start: plan.start,
            count,
        };
        let signed = self.signer.sign_commitment(self.key, range).await?;
        let message = Message::CommitPublicRandomness(CommitPublicRandomness {
            finality_provider: self.key,
            start: plan.start,
            count: plan.count,
            commitment: signed.commitment,
            signature: signed.signature,
        });
        for outcome in self.chain.submit(vec![message]).await {
            outcome?;
        }
        tracing::info!(
            start = plan.start.0,
            count = plan.count,
            "committed public randomness"
        );
        Ok(plan)
    }
}
