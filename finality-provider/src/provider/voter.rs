//! Finds out which votes are due, and has them cast.

use std::ops::RangeInclusive;
use std::time::Duration;

use chain::{ChainError, FinalityBlock};
use futures::{StreamExt, TryStreamExt, stream, try_join};
use staking::units::ChainHeight;

use super::committed::Committed;
use super::work::{Next, Worker};
use super::{Concern, Look, Provider, RoundError, Standing};
use crate::metrics::show;
use crate::tables::Leave;
use crate::votes::{Decision, Observation, SkipReason, Window, decide, first_height};

/// Heights looked at in one round; the votes of one round travel together.
const HEIGHTS_IN_A_ROUND: u64 = 200;

/// Heights asked about at the same time.
const CONCURRENT_HEIGHTS: usize = 16;

/// Casts the votes of one provider, from the first height that is open upwards.
pub struct Voter {
    pub(super) provider: Provider,
    interval: Duration,
    pub(super) committed: Committed,
    /// Everything below needs nothing more. Unknown at the start, and after a time without voting: the chain tells.
    next: Option<ChainHeight>,
}

impl Voter {
    /// Looks for new blocks every `interval`.
    pub fn new(provider: Provider, interval: Duration) -> Self {
        let committed = Committed::new(provider.key);
        Self {
            provider,
            interval,
            committed,
            next: None,
        }
    }

    /// What holds for this round, and its heights; `None` where there is nothing new.
    async fn window(&self) -> Result<Option<(Window, RangeInclusive<ChainHeight>)>, ChainError> {
        let chain = &self.provider.chain;
        let Some(tip) = chain.votable_height().await? else {
            return Ok(None);
        };
        self.provider.status.update(|status| status.tip = tip);
        if self.next.is_some_and(|next| next > tip) {
            return Ok(None);
        }
        let (activated, params) =
            try_join!(chain.finality_activated_at(), chain.finality_params())?;
        let Some(activated) = activated else {
            return Ok(None);
        };
        let window = Window {
            tip,
            activated: activated.max(params.activation_height),
            timeout: params.finality_vote_timeout,
        };
        let near = |next: &ChainHeight| tip.0 - next.0 < HEIGHTS_IN_A_ROUND;
        let first = if let Some(next) = self.next.filter(near) {
            next
        } else {
            // Far behind: what has become final meanwhile needs no vote.
            let last_finalized = chain.last_finalized_block().await?;
            let first = first_height(window.activated, last_finalized, window.timeout);
            self.next.map_or(first, |next| next.max(first))
        };
        let last = ChainHeight(tip.0.min(first.0.saturating_add(HEIGHTS_IN_A_ROUND - 1)));
        Ok((first <= last).then_some((window, first..=last)))
    }

    /// On a partner chain a jailed provider keeps its seat until the epoch's end, and its votes are needed.
    async fn has_power_in_jail(&self, look: &Look) -> Result<bool, ChainError> {
        let Provider { key, chain, .. } = &self.provider;
        if look.standing != Standing::Jailed {
            return Ok(false);
        }
        match chain.votable_height().await? {
            Some(height) => Ok(chain.voting_power(key, height).await? > 0),
            None => Ok(false),
        }
    }

    /// Looks at all `heights`, and says for which blocks a vote is due, below which height all is settled, and why a vote
    /// that is due is withheld, where one is.
    async fn due(
        &mut self,
        window: &Window,
        heights: &RangeInclusive<ChainHeight>,
    ) -> Result<(Vec<FinalityBlock>, ChainHeight, Option<String>), RoundError> {
        let chain = &self.provider.chain;
        let key = &self.provider.key;
        let effective = chain.effective_commits(key, heights.clone()).await?;
        self.committed.take_over(effective);

        let numbers = heights.start().0..=heights.end().0;
        let seen: Vec<Observation> = stream::iter(numbers.clone().map(ChainHeight))
            .map(|height| {
                let covered = self.committed.covers(height);
                observe(&self.provider, height, covered)
            })
            .buffered(CONCURRENT_HEIGHTS)
            .try_collect()
            .await?;
        if let Some(newest) = seen.last() {
            self.provider
                .status
                .update(|status| status.power = newest.power);
        }

        let mut withheld = None;
        let mut due = Vec::new();
        let mut open = None;
        for (height, seen) in numbers.map(ChainHeight).zip(&seen) {
            match decide(height, window, seen) {
                Decision::Vote(block) => due.push(block),
                Decision::Wait => open = Some(open.unwrap_or(height)),
                Decision::Withhold => {
                    open = Some(open.unwrap_or(height));
                    withheld = match &seen.leave {
                        Leave::Withheld(reason) => {
                            Some(format!("no vote for checkpoint {height}: {reason}"))
                        }
                        Leave::Granted | Leave::NotYet => None,
                    };
                }
                Decision::Skip(
                    reason @ (SkipReason::NoPublicRandomness | SkipReason::NotIndexed),
                ) => tracing::warn!(%height, ?reason, "no vote is possible"),
                Decision::Skip(reason) => tracing::debug!(%height, ?reason, "no vote needed"),
            }
        }
        let settled_below = open.unwrap_or(ChainHeight(heights.end().0.saturating_add(1)));
        Ok((due, settled_below, withheld))
    }
}

impl Worker for Voter {
    type Error = RoundError;

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<Next, RoundError> {
        let look = self.provider.look().await?;
        if let Some(next) = look.obstacle()
            && !self.has_power_in_jail(&look).await?
        {
            self.next = None;
            return Ok(next);
        }
        let Some((window, heights)) = self.window().await? else {
            return Ok(Next::Round);
        };
        let (due, settled_below, withheld) = self.due(&window, &heights).await?;
        let mut outcome = (None, None);
        if !due.is_empty() {
            self.check_alone(look.voted).await?;
            let ballots = self.ballots(due).await?;
            let votes = self.sign(ballots).await?;
            outcome = self.cast(votes, &window).await;
        }
        let (open, hindered) = outcome;
        self.next = Some(open.map_or(settled_below, |open| open.min(settled_below)));
        match (hindered, withheld) {
            (Some(error), _) => Err(error.into()),
            (None, Some(reason)) => Ok(Next::Waiting(reason)),
            (None, None) => Ok(Next::Round),
        }
    }

    fn ended(&mut self, problem: Option<String>) {
        let next = self.next;
        self.provider.status.update(|status| {
            status.lag = next.map_or(0, |next| {
                status.tip.0.saturating_add(1).saturating_sub(next.0)
            });
        });
        self.provider.status.set_problem(Concern::Votes, problem);
        show(&self.provider.status.get());
    }
}

/// Asks the chain about one height.
async fn observe(
    provider: &Provider,
    height: ChainHeight,
    covered: bool,
) -> Result<Observation, ChainError> {
    let Provider { key, chain, .. } = provider;
    let (block, power) = try_join!(
        chain.finality_block(height),
        chain.voting_power(key, height)
    )?;
    if let Some(block) = block.filter(|block| block.height != height) {
        return Err(ChainError::InvalidAnswer {
            query: "finality block",
            reason: format!("height {height} was asked for, {} came", block.height),
        });
    }
    // Asked only where it can change the decision: it is the longest of the three answers.
    let voted = power > 0 && chain.has_voted(key, height).await?;
    let table = block.as_ref().and_then(|block| block.content.next_table());
    Ok(Observation {
        block,
        power,
        voted,
        covered,
        leave: table.map_or(Leave::Granted, |root| provider.tables.leave(&root)),
    })
}
