//! A second vote at one height, and what the chain does about it.

use anyhow::{Context as _, ensure};
use chain::{AddFinalityVote, Chain as _, Message, VoteContent};
use eots::commitment::Tree;
use eots::randomness::{derive, public_range};
use eots::vote_message;
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use super::DEADLINE;
use crate::network::audience::{told, wait};
use crate::network::{Audience, Fact, Network, Provider};

/// A block that is not the chain's.
const FORK: [u8; 32] = [0xfe; 32];

/// Somebody has sent a second vote of a provider at one height.
#[derive(Clone, Debug)]
pub struct Equivocated {
    /// Whose.
    pub provider: FinalityProviderKey,
    /// At which height.
    pub height: ChainHeight,
    /// The app hash of the chain's block, which the provider had voted for.
    pub canonical_app_hash: [u8; 32],
    /// The app hash that the second vote is for.
    pub fork_app_hash: [u8; 32],
    /// Hash of the transaction with the second vote.
    pub transaction: String,
}

/// The chain has evidence against a provider.
#[derive(Clone, Copy, Debug)]
pub struct Slashed {
    /// Against whom.
    pub provider: FinalityProviderKey,
    /// Two votes at this height.
    pub height: ChainHeight,
    /// The height since which the provider counts as slashed.
    pub slashed_at: ChainHeight,
}

impl Network {
    /// Votes once more with a provider's key, behind the back of its program: it never would.
    pub(super) async fn equivocate(
        &self,
        provider: &Provider,
        height: ChainHeight,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Equivocated> {
        audience.progress(&format!(
            "signing a vote for another block of height {height} with the key of {}",
            provider.name
        ));
        let block = self
            .chain
            .finality_block(height)
            .await?
            .context("no such block")?;
        let vote = self.vote(provider, height, FORK).await?;
        let mut outcomes = self
            .chain
            .submit(vec![Message::AddFinalityVote(vote)])
            .await;
        let receipt = outcomes.pop().context("no outcome")??;
        Ok(told(
            audience,
            Equivocated {
                provider: provider.key,
                height,
                canonical_app_hash: block.content.app_hash().context("no app hash")?,
                fork_app_hash: FORK,
                transaction: receipt.tx_hash,
            },
        ))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the story needs a vote that no signer would make"
    )]
    async fn vote(
        &self,
        provider: &Provider,
        height: ChainHeight,
        app_hash: [u8; 32],
    ) -> anyhow::Result<AddFinalityVote> {
        let chain_id = self.chain.chain_id();
        let commits = self.chain.public_randomness_commits(&provider.key).await?;
        let commit = commits
            .iter()
            .find(|commit| (commit.start.0..commit.start.0 + commit.count).contains(&height.0))
            .context("no public randomness is committed for the height")?;
        let leaves = public_range(&provider.secret, chain_id, commit.start.0, commit.count);
        let leaves: Vec<_> = leaves.collect();
        let tree = Tree::from_leaves(leaves.iter().copied())?;
        let index = height.0 - commit.start.0;
        let block = tree.block_of(index)?;
        let block = leaves
            .get(usize::try_from(block.start)?..usize::try_from(block.end)?)
            .context("the tree has other leaves")?;
        let nonce = derive(&provider.secret, chain_id, height.0);
        Ok(AddFinalityVote {
            finality_provider: provider.key,
            height,
            public_randomness: nonce.public(),
            proof: tree.prove(index, block)?,
            content: VoteContent::AppHash(app_hash),
            signature: eots::sign(&provider.secret, nonce, &vote_message(height.0, &app_hash))?,
        })
    }

    /// Waits until the chain has slashed a provider and its program has stopped voting.
    pub(super) async fn see_slashed(
        &self,
        provider: &Provider,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Slashed> {
        let what = format!("Babylon to slash {}", provider.name);
        let (height, slashed_at) = wait(audience, DEADLINE, &what, || async {
            let evidences = self.chain.double_votes(ChainHeight(0)).await?;
            let evidence = evidences
                .iter()
                .find(|evidence| evidence.finality_provider == provider.key);
            let height = evidence.context("no evidence")?.height;
            let known = self.chain.finality_provider(&provider.key).await?;
            let slashed_at = known.and_then(|known| known.slashed_at);
            let slashed_at = slashed_at.context("it is not slashed")?;
            // Power is counted at the beginning of a block.
            let now = self.chain_height().await?;
            let power = self.chain.voting_power(&provider.key, now).await?;
            ensure!(
                power == 0,
                "it has {power} sat of voting power at height {now}"
            );
            anyhow::Ok((height, slashed_at))
        })
        .await?;
        Ok(told(
            audience,
            Slashed {
                provider: provider.key,
                height,
                slashed_at,
            },
        ))
    }
}

impl Fact for Equivocated {
    fn headline(&self) -> String {
        "a second vote at one height is out: together they give the provider's secret key away"
            .to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        use bitcoin::hex::DisplayHex as _;
        vec![
            ("finality provider", self.provider.to_string()),
            ("height", self.height.to_string()),
            ("voted for", self.canonical_app_hash.to_lower_hex_string()),
            ("and for", self.fork_app_hash.to_lower_hex_string()),
            ("Babylon transaction", self.transaction.clone()),
        ]
    }
}

impl Fact for Slashed {
    fn headline(&self) -> String {
        "Babylon holds the evidence: the provider is slashed and has no voting power".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("finality provider", self.provider.to_string()),
            ("evidence", format!("two votes at height {}", self.height)),
            ("slashed at", format!("height {}", self.slashed_at)),
        ]
    }
}
