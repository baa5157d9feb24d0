//! From voting power to final blocks.

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use chain::Chain as _;
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use super::DEADLINE;
use crate::network::audience::{told, wait};
use crate::network::{Audience, Fact, Mined, Network, Provider};

/// Blocks in a row that have to become final.
const FINAL_BLOCKS: u64 = 3;

/// A commitment to public randomness is anchored in Bitcoin, so that it counts.
#[derive(Clone, Debug)]
pub struct Timestamped {
    /// Who committed.
    pub provider: FinalityProviderKey,
    /// First and last height that the commitment covers.
    pub heights: (ChainHeight, ChainHeight),
    /// Epoch of the commitment; its checkpoint is final on Bitcoin.
    pub epoch: u64,
    /// The two transactions that carry the checkpoint.
    pub checkpoint: [Mined; 2],
}

/// A finality provider with voting power has voted.
#[derive(Clone, Copy, Debug)]
pub struct Voted {
    /// Who.
    pub provider: FinalityProviderKey,
    /// For the block of which height.
    pub height: ChainHeight,
    /// With which power.
    pub power: Amount,
}

/// Blocks in a row that babylond reports as final.
#[derive(Clone, Copy, Debug)]
pub struct Finalized {
    /// The first.
    pub first: ChainHeight,
    /// The last.
    pub last: ChainHeight,
}

impl Network {
    /// The newest height of Babylon.
    pub(super) async fn chain_height(&self) -> anyhow::Result<ChainHeight> {
        Ok(self.chain.height().await?)
    }

    /// Waits until a provider's first commitment to public randomness counts.
    pub(super) async fn see_timestamped(
        &self,
        provider: &Provider,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Timestamped> {
        let commits = self.chain.public_randomness_commits(&provider.key).await?;
        let commit = commits
            .first()
            .context("no commitment to public randomness")?;
        let what = "the checkpoint of the provider's public randomness to be final on Bitcoin";
        wait(audience, DEADLINE, what, || async {
            let finalized = self.chain.last_finalized_epoch().await?;
            ensure!(
                finalized >= commit.epoch,
                "epoch {finalized} of {}",
                commit.epoch
            );
            anyhow::Ok(())
        })
        .await?;
        Ok(told(
            audience,
            Timestamped {
                provider: provider.key,
                heights: (commit.start, ChainHeight(commit.start.0 + commit.count - 1)),
                epoch: commit.epoch,
                checkpoint: self.checkpoint_transactions(commit.epoch).await?,
            },
        ))
    }

    /// Waits until a provider votes with power.
    pub(super) async fn see_vote(
        &self,
        provider: &Provider,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Voted> {
        let what = format!("{} to have voting power and to vote", provider.name);
        let height = wait(audience, DEADLINE, &what, || async {
            let height = self.chain_height().await?;
            let power = self.chain.voting_power(&provider.key, height).await?;
            ensure!(power > 0, "no voting power at height {height}");
            anyhow::Ok(height)
        })
        .await?;
        wait(
            audience,
            DEADLINE,
            &format!("its vote for height {height}"),
            || async {
                let votes = self.chain.votes(height).await?;
                ensure!(
                    votes.contains(&provider.key),
                    "{} votes of others",
                    votes.len()
                );
                anyhow::Ok(())
            },
        )
        .await?;
        Ok(told(
            audience,
            Voted {
                provider: provider.key,
                height,
                power: self.voting_power(provider.key, height).await?,
            },
        ))
    }

    /// Waits until babylond reports the block of a height, and some more, as final.
    pub(super) async fn see_final(
        &self,
        first: ChainHeight,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Finalized> {
        let last = ChainHeight(first.0 + FINAL_BLOCKS - 1);
        let what = format!("the blocks {first} to {last} to be final");
        wait(audience, DEADLINE, &what, || async {
            let block = self.chain.finality_block(last).await?;
            ensure!(
                block.is_some_and(|block| block.finalized),
                "block {last} is not"
            );
            anyhow::Ok(())
        })
        .await?;
        for height in first.0..=last.0 {
            let is_final = self.is_finalized(ChainHeight(height)).await?;
            ensure!(is_final, "babylond does not report block {height} as final");
        }
        Ok(told(audience, Finalized { first, last }))
    }
}

impl Fact for Timestamped {
    fn headline(&self) -> String {
        "the provider's public randomness counts".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let (first, last) = self.heights;
        let [first_part, second_part] = self.checkpoint;
        vec![
            ("finality provider", self.provider.to_string()),
            ("randomness", format!("for the heights {first} to {last}")),
            (
                "epoch",
                format!("{}, its checkpoint is final on Bitcoin", self.epoch),
            ),
            ("checkpoint, part 1", first_part.txid.to_string()),
            ("checkpoint, part 2", second_part.txid.to_string()),
        ]
    }
}

impl Fact for Voted {
    fn headline(&self) -> String {
        "the finality provider votes".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("finality provider", self.provider.to_string()),
            ("vote", format!("for the block of height {}", self.height)),
            ("voting power", self.power.to_string()),
        ]
    }
}

impl Fact for Finalized {
    fn headline(&self) -> String {
        "blocks are final, says babylond".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("heights", format!("{} to {}", self.first, self.last)),
            (
                "asked with",
                format!("babylond query finality block {}", self.last),
            ),
        ]
    }
}
