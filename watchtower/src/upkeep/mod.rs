//! The upkeep of a partner chain: what anybody may do so that its instance goes on, and nobody has to.
//!
//! Each round asks the instance where it stands and does one thing after the other until nothing is left ([`decision`]).
//! Everything may be done twice, also by somebody else: whoever is slower is refused, and then sees that it is done.

pub mod decision;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chain::mesh::{Mesh, Settlement, Standing};
use chain::{Chain as _, ChainError, Receipt};

use crate::config::UpkeepConfig;
use crate::metrics;
use crate::role::{Role, RoundError};
use crate::status::{Cell, UpkeepStatus};

use decision::{Task, View, decide, is_roll_due, may_poke};

/// Most things done in one round, so that a chain whose answers do not change is not sent messages without end.
const MOST_TASKS: usize = 50;

/// Keeps one instance going.
pub struct Upkeep {
    chain: Arc<Mesh>,
    config: UpkeepConfig,
    /// The epoch in force, and the height of the chain from which on its predecessor may be settled but for late votes.
    epoch: Option<(u64, u64)>,
    settled: BTreeSet<u64>,
    status: Cell<UpkeepStatus>,
}

impl Upkeep {
    /// Puts the role together.
    pub fn new(chain: Arc<Mesh>, config: UpkeepConfig, status: Cell<UpkeepStatus>) -> Self {
        Self {
            chain,
            config,
            epoch: None,
            settled: BTreeSet::new(),
            status,
        }
    }

    /// What is to be done now.
    async fn next_task(&mut self, refused: &BTreeSet<Task>) -> Result<Option<Task>, ChainError> {
        let head = self.chain.height().await?.0;
        let standing = self.chain.standing().await?;
        self.show(&standing);
        let epoch_seen_at = match self.epoch {
            Some((epoch, height)) if epoch == standing.epoch => height,
            _ => head,
        };
        self.epoch = Some((standing.epoch, epoch_seen_at));
        self.settled
            .retain(|epoch| epoch.saturating_add(3) > standing.epoch);
        let has_quorum = may_poke(&standing) && self.chain.has_quorum(standing.next).await?;
        let has_expired =
            is_roll_due(&standing) && self.chain.has_expired(standing.bitcoin_tip).await?;
        Ok(decide(&View {
            standing: &standing,
            head,
            epoch_seen_at,
            settled: &self.settled,
            has_quorum,
            has_expired,
            refused,
        }))
    }

    async fn carry_out(&mut self, task: Task) -> Result<Option<Receipt>, ChainError> {
        match task {
            Task::Unwind => self.chain.unwind().await.map(Some),
            Task::Poke => self.chain.poke().await.map(Some),
            Task::Expire => self.chain.expire().await,
            Task::Roll => self.chain.roll().await.map(Some),
            Task::Settle(epoch) => match self.chain.settle(epoch).await? {
                Settlement::Begun(receipt) => Ok(Some(receipt)),
                Settlement::Done(receipt) => {
                    self.settled.insert(epoch);
                    Ok(Some(receipt))
                }
                Settlement::Over => {
                    self.settled.insert(epoch);
                    Ok(None)
                }
                Settlement::TooEarly => {
                    // The epoch began later than it seemed: counted from here it is late enough.
                    let head = self.chain.height().await?.0;
                    self.epoch = self.epoch.map(|(epoch, _)| (epoch, head));
                    Ok(None)
                }
            },
        }
    }

    fn show(&self, standing: &Standing) {
        self.status.update(|status| {
            status.epoch = standing.epoch;
            status.next = standing.next;
            status.last = standing.last;
            status.next_table_ready = standing.next_table_ready;
        });
    }
}

impl Role for Upkeep {
    fn interval(&self) -> Duration {
        self.config.check_interval()
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        let mut refused = BTreeSet::new();
        let mut reasons = Vec::new();
        let mut refusal: Option<(Task, String)> = None;
        for _ in 0..MOST_TASKS {
            let Some(task) = self.next_task(&refused).await? else {
                break;
            };
            // Asked twice before it is a failure: whoever is refused because somebody else was faster has nothing left to do.
            if let Some((_, reason)) = refusal.take_if(|(before, _)| *before == task) {
                refused.insert(task);
                reasons.push(format!("{task}: {reason}"));
                continue;
            }
            match self.carry_out(task).await {
                Ok(Some(receipt)) => {
                    tracing::info!(chain = self.chain.name(), %task, tx = receipt.tx_hash, "upkeep done");
                    metrics::UPKEEP.increment_for(self.chain.name());
                    self.status.update(|status| status.sent += 1);
                }
                // It changed nothing, so it would again.
                Ok(None) => {
                    refused.insert(task);
                }
                Err(ChainError::Rejected(rejection)) => refusal = Some((task, rejection.log)),
                Err(error) => return Err(error.into()),
            }
        }
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        self.status
            .update(|status| status.refused.clone_from(&reason));
        reason.map_or(Ok(()), |reason| Err(RoundError::Upkeep { reason }))
    }
}
