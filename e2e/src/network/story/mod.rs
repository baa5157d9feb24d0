//! What is shown on a network: one whole life of a stake, what becomes of a provider that votes twice, and stakes that secure
//! partner chains, too.
//!
//! Each step does or waits for one thing, asks the nodes about it, and returns what they said.

mod ending;
mod equivocation;
mod errand;
mod mesh;
mod slashing;
mod stake;
mod votes;

use std::time::Duration;

use anyhow::Context as _;
use bitcoin::Amount;
use staking::units::BlockInterval;

use super::{Audience, Network, Provider};

pub use ending::{Unbonded, Withdrawn};
pub use equivocation::{Equivocated, Slashed};
pub use mesh::{
    BurnSent, Checkpoints, Claimed, DoubleVoted, MeshStory, Outcome, Powered, Powerless, Restaked,
    Row, one_stake_three_chains,
};
pub use slashing::Burnt;
pub use stake::{Activated, Broadcast, Cosigned, Registered, Stake, StakeTerms};
pub use votes::{Finalized, Timestamped, Voted};

/// How long one step may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(2);

/// What is staked with honest providers.
const AMOUNT: Amount = Amount::from_sat(50_000_000);

/// What is staked with the provider that is slashed: less than a third of the power, so that blocks which it does not
/// vote for any more become final all the same.
const MINORITY: Amount = Amount::from_sat(10_000_000);

/// How long the story's stakes are locked unless they are unbonded.
const STAKING_TIME: u16 = 5_000;

/// What happened to a stake from its registration to its withdrawal.
#[derive(Clone, Debug)]
pub struct LifeOfAStake {
    /// The stake, up to its voting power.
    pub stake: Stake,
    /// Its provider's public randomness began to count.
    pub timestamped: Timestamped,
    /// Its provider's first vote that the story saw.
    pub voted: Voted,
    /// Blocks that became final.
    pub finalized: Finalized,
    /// Its owner ended it early.
    pub unbonded: Unbonded,
    /// Its owner has the coins back.
    pub withdrawn: Withdrawn,
}

/// What happened when a finality provider voted twice.
#[derive(Clone, Debug)]
pub struct EquivocationStory {
    /// A stake with a provider that stays honest.
    pub honest: Stake,
    /// A stake with the one that does not.
    pub betrayed: Stake,
    /// The second vote at one height.
    pub equivocated: Equivocated,
    /// What the chain did about it.
    pub slashed: Slashed,
    /// What the watchtower did about it.
    pub burnt: Burnt,
    /// Blocks that became final afterwards.
    pub finalized: Finalized,
    /// What was left came back to its owner.
    pub withdrawn: Withdrawn,
}

/// Stakes from the staker's wallet, waits until blocks become final through the stake, unbonds it and withdraws.
///
/// # Errors
///
/// When a step fails or does not happen in time.
pub async fn life_of_a_stake(
    network: &Network,
    audience: &mut dyn Audience,
) -> anyhow::Result<LifeOfAStake> {
    let provider = network.providers.first().context("no provider")?;
    audience.chapter("A stake: from the wallet to final blocks, and back to the wallet");
    let begun = network
        .register_stake(terms(provider, AMOUNT)?, audience)
        .await?;
    let stake = network.see_active(begun, audience).await?;
    let timestamped = network.see_timestamped(provider, audience).await?;
    let voted = network.see_vote(provider, audience).await?;
    let finalized = network.see_final(voted.height, audience).await?;
    let unbonded = network.unbond(&stake, audience).await?;
    let withdrawn = network
        .withdraw(&stake, unbonded.output(), audience)
        .await?;
    Ok(LifeOfAStake {
        stake,
        timestamped,
        voted,
        finalized,
        unbonded,
        withdrawn,
    })
}

/// Stakes with both providers and has the second vote twice at one height: its stake is slashed, the other one is not.
///
/// The honest provider's stake stays.
///
/// # Errors
///
/// When a step fails or does not happen in time.
pub async fn equivocation(
    network: &Network,
    audience: &mut dyn Audience,
) -> anyhow::Result<EquivocationStory> {
    let [honest, equivocator] = network.providers.as_slice() else {
        anyhow::bail!("the story is about two providers");
    };
    audience.chapter("Equivocation: a provider votes for two blocks at one height");
    let first = network
        .register_stake(terms(honest, AMOUNT)?, audience)
        .await?;
    let second = network
        .register_stake(terms(equivocator, MINORITY)?, audience)
        .await?;
    let honest = network.see_active(first, audience).await?;
    let betrayed = network.see_active(second, audience).await?;
    let voted = network.see_vote(equivocator, audience).await?;
    let equivocated = network
        .equivocate(equivocator, voted.height, audience)
        .await?;
    let slashed = network.see_slashed(equivocator, audience).await?;
    let burnt = network.see_burnt(&betrayed, audience).await?;
    let afterwards = network.chain_height().await?;
    let finalized = network.see_final(afterwards, audience).await?;
    let withdrawn = network
        .withdraw(&betrayed, burnt.change_output(), audience)
        .await?;
    Ok(EquivocationStory {
        honest,
        betrayed,
        equivocated,
        slashed,
        burnt,
        finalized,
        withdrawn,
    })
}

fn terms(provider: &Provider, amount: Amount) -> anyhow::Result<StakeTerms> {
    Ok(StakeTerms {
        provider: provider.key,
        amount,
        staking_time: BlockInterval::new(STAKING_TIME)?,
    })
}
