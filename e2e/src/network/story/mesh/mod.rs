//! One stake secures three chains: what each of them counts, makes final and pays; and what becomes of a provider on all of
//! them that votes twice on one.

mod checkpoints;
mod double_vote;
mod outcome;
mod powerless;
mod restaked;
mod rewards;

use anyhow::Context as _;
use bitcoin::Amount;
use staking::units::BlockInterval;

use super::{Burnt, Finalized, STAKING_TIME, Stake, StakeTerms};
use crate::network::{Audience, Network};

pub use checkpoints::Checkpoints;
pub use double_vote::{BurnSent, DoubleVoted};
pub use outcome::{Outcome, Row};
pub use powerless::Powerless;
pub use restaked::{Powered, Restaked};
pub use rewards::Claimed;

/// What is staked with each provider.
const AMOUNT: Amount = Amount::from_sat(50_000_000);

/// What happened when stakes secured three chains.
#[derive(Clone, Debug)]
pub struct MeshStory {
    /// A stake with each provider, in their order.
    pub stakes: Vec<Stake>,
    /// Each of them was shown to the partner chains.
    pub restaked: Vec<Restaked>,
    /// What each chain counted then: Babylon, and the partner chains in their order.
    pub powered: Vec<Powered>,
    /// Blocks of Babylon that became final.
    pub finalized: Finalized,
    /// Checkpoints of each partner chain that became final.
    pub checkpoints: Vec<Checkpoints>,
    /// What each partner chain paid to the staker.
    pub claimed: Vec<Claimed>,
    /// The second vote at one checkpoint of the first partner chain.
    pub double_voted: DoubleVoted,
    /// The watchtower burnt the stake.
    pub burn_sent: BurnSent,
    /// Bitcoin confirmed that.
    pub burnt: Burnt,
    /// Each chain took the provider's power: Babylon, and the partner chains in their order.
    pub powerless: Vec<Powerless>,
    /// Blocks of Babylon that became final afterwards.
    pub finalized_after: Finalized,
    /// Checkpoints of each partner chain that became final afterwards.
    pub checkpoints_after: Vec<Checkpoints>,
    /// What all chains say at the end.
    pub outcome: Outcome,
}

/// Stakes once with each provider and shows the stakes to the partner chains; has all chains become final and pay; then
/// has the last provider vote twice on the first partner chain.
///
/// The other providers' stakes stay.
///
/// # Errors
///
/// When a step fails or does not happen in time, and on a network without partner chains.
pub async fn one_stake_three_chains(
    network: &Network,
    audience: &mut dyn Audience,
) -> anyhow::Result<MeshStory> {
    let first_partner = network.partners.first();
    let first_partner = first_partner.context("a network without partner chains")?;
    let culprit = network.providers.last().context("no provider")?;

    audience.chapter("A stake with each of the providers, on Babylon");
    let stakes = network.stake_with_everybody(audience).await?;
    let betrayed = stakes.last().context("no stake")?;
    audience.chapter("The same stakes on the partner chains, without moving a coin");
    let mut restaked = Vec::new();
    for stake in &stakes {
        restaked.push(network.restake(stake, audience).await?);
    }
    for partner in &network.partners {
        network.begin_finality(partner, &stakes, audience).await?;
    }
    network.see_timestamped(culprit, audience).await?;
    let powered = network.see_power(audience).await?;

    audience.chapter("Blocks become final on all chains, by bitcoin alone");
    let (finalized, checkpoints) = network.see_all_final(audience).await?;
    audience.chapter("Rewards on the partner chains");
    let claimed = network.claim(audience).await?;

    audience
        .chapter("Equivocation: a provider votes for two blocks at one checkpoint of one chain");
    let double_voted = network.vote_twice(first_partner, culprit, audience).await?;
    let burn_sent = network
        .see_burn_sent(betrayed, &double_voted, audience)
        .await?;
    let burnt = network.see_burnt(betrayed, audience).await?;
    let powerless = network
        .see_power_gone(culprit, &double_voted, audience)
        .await?;
    let (finalized_after, checkpoints_after) = network.see_all_final(audience).await?;

    let outcome = network.outcome(culprit, &powered, &burnt).await?;
    audience.table(&outcome);
    Ok(MeshStory {
        stakes,
        restaked,
        powered,
        finalized,
        checkpoints,
        claimed,
        double_voted,
        burn_sent,
        burnt,
        powerless,
        finalized_after,
        checkpoints_after,
        outcome,
    })
}

impl Network {
    /// Stakes the same with every provider.
    async fn stake_with_everybody(
        &self,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Vec<Stake>> {
        let mut begun = Vec::new();
        for provider in &self.providers {
            let terms = StakeTerms {
                provider: provider.key,
                amount: AMOUNT,
                staking_time: BlockInterval::new(STAKING_TIME)?,
            };
            begun.push(self.register_stake(terms, audience).await?);
        }
        let mut stakes = Vec::new();
        for begun in begun {
            stakes.push(self.see_active(begun, audience).await?);
        }
        Ok(stakes)
    }

    /// Waits until blocks from now on are final on Babylon, and checkpoints on every partner chain.
    async fn see_all_final(
        &self,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<(Finalized, Vec<Checkpoints>)> {
        let now = self.chain_height().await?;
        let finalized = self.see_final(now, audience).await?;
        let mut checkpoints = Vec::new();
        for partner in &self.partners {
            checkpoints.push(self.see_checkpoints(partner, audience).await?);
        }
        Ok((finalized, checkpoints))
    }
}
