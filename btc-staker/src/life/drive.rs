//! Going on with a stake until it rests.

use std::time::Duration;

use bitcoin::Txid;
use chain::ChainError;
use tokio_util::sync::CancellationToken;

use super::error::LifeError;
use super::observation::{Observation, Position};
use super::observe::{observe, on_bitcoin};
use super::partners::{LeftOut, Partners, Refusal};
use super::stake::Stake;
use super::step::{Action, Rest, Step};
use super::{Withdrawn, decide};
use crate::error::Error;
use crate::journal::{Entry, Intent};
use crate::nodes::NodesError;
use crate::staker::Connected;

/// Confirmations after which a withdrawal is not looked for again.
const BURIED: u32 = 6;

/// Pause after a node did not answer.
pub const OUTAGE_PAUSE: Duration = Duration::from_secs(1);

/// Pause after the committee had no quorum yet.
const COMMITTEE_PAUSE: Duration = Duration::from_secs(5);

/// A stake as it was last seen, and what is next for it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The stake.
    pub stake: Stake,
    /// What the nodes said.
    pub observation: Observation,
    /// What is next.
    pub step: Step,
    /// A stake without a hub on its chains; `None` for one that a hub has.
    pub partners: Option<Partners>,
}

impl Seen {
    /// Partner chains that have not heard of what happened, and why; nobody has to hear of a stake that is over.
    pub fn failures(&self) -> Vec<Refusal> {
        let is_over = matches!(
            self.step,
            Step::Rest(Rest::Withdrawn | Rest::Cancelled | Rest::Over)
        );
        match &self.partners {
            Some(partners) if !is_over => partners.failures(),
            _ => Vec::new(),
        }
    }
}

/// How long to go on with a stake.
#[derive(Debug, Clone)]
pub enum Until {
    /// Until somebody else's turn comes.
    Waiting,
    /// Until it rests, or the token is cancelled.
    Resting(CancellationToken),
}

impl Connected {
    /// Looks at the stake of a staking transaction.
    ///
    /// # Errors
    ///
    /// [`LifeError::UnknownStake`] where the journal does not have it.
    pub async fn look(&self, txid: Txid) -> Result<Seen, Error> {
        let entry = self.staker.entry(txid).await?;
        self.look_at(entry.ok_or(LifeError::UnknownStake(txid))?)
            .await
    }

    /// Looks at the stake of a journal entry.
    pub async fn look_at(&self, entry: Entry) -> Result<Seen, Error> {
        let withdrawn = match &entry.withdrawal {
            None => Withdrawn::No,
            Some(withdrawal) if withdrawal.buried => Withdrawn::Buried,
            Some(_) => Withdrawn::Signed,
        };
        if let Some(mut stake) = Stake::hubless(entry.clone(), self.identity.staker)? {
            let bitcoin = on_bitcoin(&self.nodes, &mut stake).await?;
            return Box::pin(self.ask_partners(stake, bitcoin, withdrawn)).await;
        }
        let (stake, observation) = observe(&self.nodes, entry, self.identity.staker).await?;
        let patience = self.staker.config.staking.watchtower_patience_blocks.into();
        let terms = stake.terms(patience);
        let step = decide(stake.entry.intent, withdrawn, &terms, &observation);
        Ok(Seen {
            stake,
            observation,
            step,
            partners: None,
        })
    }

    /// Goes on with a stake; `tell` hears of every change. Nodes that are away are waited for.
    ///
    /// # Errors
    ///
    /// [`LifeError::Stuck`] where its owner must decide, and whatever waiting does not heal. A stake that the hub refuses to
    /// register, or of which the committee will have no quorum, is cancelled, so that its coins are free. A partner chain
    /// that refuses holds up no other.
    pub async fn drive(
        &self,
        txid: Txid,
        until: &Until,
        mut tell: impl FnMut(String),
    ) -> Result<Seen, Error> {
        let interval = self.staker.config.bitcoin.poll_interval();
        let (mut done, mut failed) = (None::<Action>, None::<Action>);
        let mut left_out = LeftOut::default();
        loop {
            let mut seen = match Box::pin(self.look(txid)).await {
                Ok(seen) => seen,
                Err(error) if error.is_transient() => {
                    tell(error.to_string());
                    if until.pause(OUTAGE_PAUSE).await {
                        continue;
                    }
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            left_out.leave_out(&mut seen)?;
            tell(seen.step.to_string());
            let action = match seen.step {
                Step::Rest(_) => {
                    self.note_burial(&seen).await?;
                    return Ok(seen);
                }
                Step::Stuck(obstacle) => return Err(LifeError::Stuck { txid, obstacle }.into()),
                Step::Wait(_) if until.pause(interval).await => continue,
                Step::Wait(_) => return Ok(seen),
                // The nodes have not heard yet of what we did.
                Step::Act(action) if done == Some(action) && !until.pause(interval).await => {
                    return Ok(seen);
                }
                Step::Act(action) => action,
            };
            let Some(outcome) = until
                .unless_stopped(Box::pin(self.act(action, &seen)))
                .await
            else {
                return Ok(seen);
            };
            match outcome {
                Ok(()) => (done, failed) = (Some(action), None),
                Err(Error::Life(error @ LifeError::Refused { .. })) => {
                    tell(error.to_string());
                    if let LifeError::Refused { refusals, .. } = error {
                        left_out.note(action, refusals);
                    }
                    until.pause(interval).await;
                }
                Err(error) if error.is_transient() => {
                    tell(error.to_string());
                    if !until.pause(pause_after(action)).await {
                        return Err(error);
                    }
                }
                Err(error) if action == Action::Cosign => {
                    self.give_up_unsigned(&seen, &error).await?;
                    return Err(error);
                }
                Err(error) if action == Action::Register => {
                    self.give_up_unregistered(txid, &error).await?;
                    return Err(error);
                }
                // What we saw may have changed while we acted, such as by a watchtower that was faster.
                Err(error) if failed != Some(action) => {
                    tracing::info!(%txid, %action, %error, "looking again");
                    failed = Some(action);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Frees the coins of a stake that the chain has refused for good and does not know.
    async fn give_up_unregistered(&self, txid: Txid, error: &Error) -> Result<(), Error> {
        let refused = matches!(
            error,
            Error::Nodes(NodesError::Chain(
                ChainError::Rejected(_)
                    | ChainError::InsufficientFunds { .. }
                    | ChainError::FeeAboveCap { .. }
                    | ChainError::InvalidMessage { .. }
            ))
        );
        if refused && self.nodes.babylon()?.delegation(txid).await?.is_none() {
            self.set_intent(txid, Intent::Cancel).await?;
        }
        Ok(())
    }

    /// Frees the coins of a stake that was not broadcast and of which the committee will have no quorum.
    async fn give_up_unsigned(&self, seen: &Seen, error: &Error) -> Result<(), Error> {
        let unsigned = matches!(error, Error::Life(LifeError::Unsigned { .. }));
        if unsigned && seen.observation.position == Position::Nowhere {
            let txid = seen.stake.entry.staking_txid();
            self.set_intent(txid, Intent::Cancel).await?;
        }
        Ok(())
    }

    /// Writes down what the owner of a stake wants from now on.
    pub async fn set_intent(&self, txid: Txid, intent: Intent) -> Result<(), Error> {
        let mut ledger = self.staker.ledger().await?;
        let mut entry = ledger
            .journal
            .get(txid)?
            .ok_or(LifeError::UnknownStake(txid))?;
        if entry.intent != intent {
            entry.intent = intent;
            self.staker.write_down(&ledger, &entry)?;
            if intent == Intent::Cancel {
                ledger.wallet.release(entry.coins().collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    async fn note_burial(&self, seen: &Seen) -> Result<(), Error> {
        let entry = &seen.stake.entry;
        let (Some(withdrawal), Some(place)) = (&entry.withdrawal, seen.observation.withdrawal)
        else {
            return Ok(());
        };
        if place.confirmations(seen.observation.tip) < BURIED {
            return Ok(());
        }
        let ledger = self.staker.ledger().await?;
        let txid = entry.staking_txid();
        Ok(ledger.journal.note_burial(txid, &withdrawal.transaction)?)
    }
}

/// How long to wait before an action that nobody answered is tried again.
fn pause_after(action: Action) -> Duration {
    match action {
        // Members count what they are asked.
        Action::Cosign => COMMITTEE_PAUSE,
        _ => OUTAGE_PAUSE,
    }
}

impl Until {
    /// Waits; `false` where there is nothing to wait for any more.
    pub async fn pause(&self, duration: Duration) -> bool {
        match self {
            Self::Waiting => false,
            Self::Resting(_) => self
                .unless_stopped(tokio::time::sleep(duration))
                .await
                .is_some(),
        }
    }

    /// The outcome of `work`; `None` where we are to stop.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Waiting => Some(work.await),
            Self::Resting(stop) => stop.run_until_cancelled(work).await,
        }
    }
}
