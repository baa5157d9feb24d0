//! A provider at work, and what scenarios wait for.

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use chain::{AddFinalityVote, Chain as _, FinalityBlock, Message, VoteContent};
use eots::commitment::Tree;
use eots::randomness::{derive, public_range};
use eots::{SecretKey, vote_message};
use serde_json::Value;
use sign_guard::{ChainDomain, Identity, SignGuard};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{Daemon, poll_until};

pub const STAKE: Amount = Amount::from_sat(1_000_000);

/// A provider at work, with the key in the test's hands.
pub struct Provider {
    pub program: FinalityProviderProgram,
    pub daemon: Daemon,
    pub secret: SecretKey,
    pub key: FinalityProviderKey,
}

impl Provider {
    /// Registers a provider and starts it.
    pub async fn start(stage: &Stage) -> anyhow::Result<Self> {
        let program = FinalityProviderProgram::new(&stage.babylond, &["main"])?;
        let secret = SecretKey::from_bytes(&rand::random())?;
        let (key, account) = program.import_key("main", &secret).await?;
        stage.babylond.fund(&account, 100_000_000).await?;
        program.register("main").await?;
        let daemon = program.start()?;
        Ok(Self {
            program,
            daemon,
            secret,
            key,
        })
    }

    /// Starts a provider and brings it to voting power: commitment, timestamp, stake.
    pub async fn with_power(stage: &Stage, value: Amount) -> anyhow::Result<Self> {
        let provider = Self::start(stage).await?;
        provider.wait_for_commit(stage).await?;
        stage.finalize_current_epoch().await?;
        let staker = stage.staker().await?;
        stage.active_stake(&staker, provider.key, value).await?;
        Ok(provider)
    }

    pub async fn wait_for_commit(&self, stage: &Stage) -> anyhow::Result<()> {
        poll_until(DEADLINE, "a commitment to public randomness", || async {
            let commits = stage.chain.public_randomness_commits(&self.key).await?;
            ensure!(!commits.is_empty(), "none yet");
            anyhow::Ok(())
        })
        .await
    }

    pub async fn status(&self) -> anyhow::Result<Value> {
        let status = self.program.command(&["status"]).await?.result()?;
        status
            .pointer("/providers/0")
            .cloned()
            .context("no provider in the status")
    }

    /// Opens the record of what the stopped program has signed and enters a vote, as the program does before it signs.
    pub fn record(
        &self,
        stage: &Stage,
        height: ChainHeight,
        app_hash: [u8; 32],
    ) -> anyhow::Result<()> {
        let record = SignGuard::open(&self.program.home().join("data/signing-record.redb"))?;
        let chain: ChainDomain = stage.chain.chain_id().parse()?;
        let vote = sign_guard::Vote {
            identity: Identity {
                public_key: self.key.to_bytes(),
                chain,
            },
            height: height.0,
            content: app_hash,
        };
        // The permit is dropped: nothing is signed with it here.
        let _ = record.check_and_record(&vote)?;
        Ok(())
    }

    /// A vote for `app_hash` made with the key behind the program's back.
    #[expect(
        clippy::disallowed_methods,
        reason = "the scenario needs a vote that no signer would make"
    )]
    pub async fn vote(
        &self,
        stage: &Stage,
        height: ChainHeight,
        app_hash: [u8; 32],
    ) -> anyhow::Result<Message> {
        let chain_id = stage.chain.chain_id();
        let commits = stage.chain.public_randomness_commits(&self.key).await?;
        let commit = commits
            .iter()
            .find(|commit| (commit.start.0..commit.start.0 + commit.count).contains(&height.0))
            .context("the height is not covered")?;
        let leaves: Vec<_> =
            public_range(&self.secret, chain_id, commit.start.0, commit.count).collect();
        let tree = Tree::from_leaves(leaves.iter().copied())?;
        let index = height.0 - commit.start.0;
        let block = tree.block_of(index)?;
        let block = &leaves[usize::try_from(block.start)?..usize::try_from(block.end)?];
        let nonce = derive(&self.secret, chain_id, height.0);
        let public_randomness = nonce.public();
        Ok(Message::AddFinalityVote(AddFinalityVote {
            finality_provider: self.key,
            height,
            public_randomness,
            proof: tree.prove(index, block)?,
            content: VoteContent::AppHash(app_hash),
            signature: eots::sign(&self.secret, nonce, &vote_message(height.0, &app_hash))?,
        }))
    }
}

pub async fn wait_for_vote(
    stage: &Stage,
    key: FinalityProviderKey,
    height: ChainHeight,
) -> anyhow::Result<()> {
    poll_until(DEADLINE, &format!("a vote for height {height}"), || async {
        ensure!(stage.chain.votes(height).await?.contains(&key), "none yet");
        anyhow::Ok(())
    })
    .await
}

pub async fn wait_until_final(stage: &Stage, height: ChainHeight) -> anyhow::Result<FinalityBlock> {
    poll_until(
        DEADLINE,
        &format!("height {height} to be final"),
        || async {
            let block = stage
                .chain
                .finality_block(height)
                .await?
                .context("not indexed")?;
            ensure!(block.finalized, "it is not");
            anyhow::Ok(block)
        },
    )
    .await
}

pub async fn wait_for_height(stage: &Stage, height: ChainHeight) -> anyhow::Result<()> {
    stage.babylond.wait_for_height(height.0, DEADLINE).await
}

pub async fn tip(stage: &Stage) -> anyhow::Result<ChainHeight> {
    Ok(stage.chain.height().await?)
}

/// Every height at which the provider had power, up to `to`, has its vote.
pub async fn assert_no_gap(
    stage: &Stage,
    key: FinalityProviderKey,
    to: ChainHeight,
) -> anyhow::Result<()> {
    let from = stage
        .chain
        .finality_activated_at()
        .await?
        .context("not activated")?;
    for height in (from.0..=to.0).map(ChainHeight) {
        if stage.chain.voting_power(&key, height).await? > 0 {
            wait_for_vote(stage, key, height).await?;
        }
    }
    Ok(())
}
