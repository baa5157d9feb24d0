//! A stake without a hub on its partner chains: the same life on each, decided by the same function.
//!
//! ```text
//!  Bitcoin: where the coins are ──┬──> Observation on x ──decide──> Step ──┐
//!  x: what it knows ──────────────┘                                        ├─together─> Step of the stake
//!  y: silent ────────────────────────> Observation on y ──decide──> Step ──┘
//! ```
//!
//! A chain is concerned whose share is in the newest consent, and one that knows the stake.

use std::sync::Arc;

use chain::mesh::{SignedConsent, StakeEnd, StakeStanding, StakeState};
use chain::{ChainError, DelegationStatus};
use futures::future::join_all;
use serde::Serialize;

use super::decide::{Withdrawn, decide};
use super::drive::Seen;
use super::error::LifeError;
use super::observation::{Held, Observation, Position, ProviderState, Registration};
use super::observe::{OnBitcoin, provider_state};
use super::stake::Stake;
use super::step::{Action, Obstacle, Rest, Step, Waiting};
use crate::error::Error;
use crate::restake::{ConsentRecord, Instance, KnownStake, Look, revocation};
use crate::staker::Connected;

/// A partner chain's part in a stake without a hub.
#[derive(Debug, Clone)]
pub struct OnPartner {
    /// The chain.
    pub instance: Arc<Instance>,
    /// What it says.
    pub look: Result<Look, ChainError>,
    /// What is next there.
    pub step: Step,
}

/// What a partner chain did not do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What commands call the chain.
    pub chain: String,
    /// Its words, or that there were none.
    pub reason: String,
}

/// A stake without a hub, as its chains see it.
#[derive(Debug, Clone)]
pub struct Partners {
    /// The newest consent; `None` where the record was lost.
    pub consent: Option<SignedConsent>,
    /// Every chain that is concerned.
    pub chains: Vec<OnPartner>,
    /// Chains that refused something and are not gone on with for now.
    pub refusals: Vec<Refusal>,
}

impl Connected {
    /// Asks every partner chain that is concerned about a stake without a hub, and decides what is next on each.
    ///
    /// # Errors
    ///
    /// Fails where the record of consents cannot be read. A chain that does not answer is no error.
    pub(super) async fn ask_partners(
        &self,
        stake: Stake,
        bitcoin: OnBitcoin,
        withdrawn: Withdrawn,
    ) -> Result<Seen, Error> {
        let held = stake.held();
        let outpoint = stake.delegation.staking_outpoint();
        let record = ConsentRecord::open(&self.staker.home).await?;
        let consent = record.newest(outpoint)?;
        drop(record);
        let instances = self.partners.instances().await?;
        let provider = stake.entry.finality_provider;
        let looks = instances
            .iter()
            .map(|instance| instance.look(outpoint, &provider));
        let patience = self.staker.config.staking.watchtower_patience_blocks.into();
        let terms = stake.terms(patience);
        let decided = |seen: &Observation| decide(stake.entry.intent, withdrawn, &terms, seen);
        let network = self.staker.config.bitcoin.network;
        let looks = join_all(looks).await;
        let answered = looks.iter().all(Result::is_ok);
        let mut chains = Vec::new();
        for (instance, look) in instances.iter().zip(looks) {
            if !is_concerned(instance, &look, consent.as_ref()) {
                continue;
            }
            let mut seen = observation(look.as_ref().ok(), held, bitcoin);
            if let Ok(look) = &look
                && bitcoin.position == Position::Nowhere
                && has_share(instance, consent.as_ref())
            {
                let taken = look.offer(&instance.name).taken(&stake.judged(), network);
                seen.declined = taken
                    .inspect_err(
                        |error| tracing::warn!(%error, "a partner chain takes no such stake"),
                    )
                    .is_err();
            }
            chains.push(OnPartner {
                instance: Arc::clone(instance),
                step: counted(decided(&seen), known(&look)),
                look,
            });
        }
        let observation = observation(None, held, bitcoin);
        let step = together(chains.iter().map(|chain| chain.step));
        let is_revoked = answered && is_revocation(consent.as_ref());
        Ok(Seen {
            step: step.unwrap_or_else(|| {
                decided(&if is_revoked {
                    counting_nowhere(observation)
                } else {
                    observation
                })
            }),
            observation,
            partners: Some(Partners {
                consent,
                chains,
                refusals: Vec::new(),
            }),
            stake,
        })
    }
}

impl Partners {
    /// Which chains have not heard of what happened, and why.
    pub fn failures(&self) -> Vec<Refusal> {
        let silent = self.chains.iter().filter_map(|chain| {
            let error = chain.look.as_ref().err()?;
            Some(Refusal {
                chain: chain.instance.name.clone(),
                reason: error.to_string(),
            })
        });
        silent.chain(self.refusals.iter().cloned()).collect()
    }
}

/// Chains that are left out while a stake is gone on with: each refused the same twice.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    once: Vec<(String, Action)>,
    twice: Vec<Refusal>,
}

impl LeftOut {
    /// Notes that chains refused an action. What we saw may have changed while we acted, such as by a watchtower that was
    /// faster, so once is not enough.
    pub(super) fn note(&mut self, action: Action, refusals: Vec<Refusal>) {
        for refusal in refusals {
            let refused = (refusal.chain.clone(), action);
            if self.once.contains(&refused) {
                self.twice.push(refusal);
            } else {
                self.once.push(refused);
            }
        }
    }

    /// What is next on the other chains.
    ///
    /// # Errors
    ///
    /// [`LifeError::Refused`] where there is no other.
    pub(super) fn leave_out(&self, seen: &mut Seen) -> Result<(), LifeError> {
        let Some(partners) = &mut seen.partners else {
            return Ok(());
        };
        if self.twice.is_empty() {
            return Ok(());
        }
        let others = partners.chains.iter().filter(|chain| {
            let mut left_out = self.twice.iter();
            !left_out.any(|refusal| refusal.chain == chain.instance.name)
        });
        let step = together(others.map(|chain| chain.step));
        seen.step = step.ok_or_else(|| LifeError::Refused {
            txid: seen.stake.entry.staking_txid(),
            refusals: self.twice.clone(),
        })?;
        partners.refusals.clone_from(&self.twice);
        Ok(())
    }
}

/// What Bitcoin and one chain say, where that says anything.
fn observation(look: Option<&Look>, held: Option<Held>, bitcoin: OnBitcoin) -> Observation {
    let OnBitcoin {
        tip,
        position,
        withdrawal,
    } = bitcoin;
    let silent = Observation {
        tip,
        light_client_tip: tip,
        confirmation_depth: 0,
        spend_depth: 0,
        governing_params: None,
        provider: ProviderState::Silent,
        declined: false,
        registration: None,
        held,
        position,
        withdrawal,
    };
    let Some(look) = look else {
        return silent;
    };
    Observation {
        light_client_tip: look.light_client_tip,
        confirmation_depth: look.light_client.confirmation_depth,
        spend_depth: look.light_client.spends.depth,
        provider: provider_state(look.provider.as_ref()),
        registration: held.and_then(|held| registration(look, held)),
        ..silent
    }
}

/// A stake on a partner chain in the words of a hub's; one whose inclusion was undone is to be shown again.
fn registration(look: &Look, held: Held) -> Option<Registration> {
    let KnownStake { standing, .. } = look.known.as_ref()?;
    let (status, counts_from) = match standing.state {
        StakeState::Unproven => return None,
        StakeState::Pending { .. } => {
            let counts_from = standing.counts_from(look.terms.challenge);
            (DelegationStatus::Verified, counts_from)
        }
        StakeState::Active => (DelegationStatus::Active, None),
        StakeState::Ended(StakeEnd::Expired) => (DelegationStatus::Expired, None),
        StakeState::Ended(_) => (DelegationStatus::Unbonded, None),
    };
    Some(Registration {
        status,
        counts_from,
        signed: held.signed,
        quorum: held.quorum,
    })
}

/// Whether the newest consent gives a chain a share.
fn has_share(instance: &Instance, consent: Option<&SignedConsent>) -> bool {
    consent.is_some_and(|consent| consent.share_of(&instance.target()).is_some())
}

fn is_concerned(
    instance: &Instance,
    look: &Result<Look, ChainError>,
    consent: Option<&SignedConsent>,
) -> bool {
    has_share(instance, consent)
        || known(look).is_some_and(|known| {
            let standing = &known.standing;
            // Without a share, what waits there waits for ever.
            let counts = is_granted(standing);
            let waits = matches!(
                standing.state,
                StakeState::Unproven | StakeState::Pending { .. }
            );
            counts || !waits
        })
}

fn known(look: &Result<Look, ChainError>) -> Option<&KnownStake> {
    look.as_ref().ok().and_then(|look| look.known.as_ref())
}

/// Whether a chain was granted a share, now or later.
fn is_granted(standing: &StakeStanding) -> bool {
    standing.basis_points > 0 || standing.increase.is_some()
}

/// What is next for a stake on a chain: without a share it counts nothing, though the chain goes on knowing the stake.
fn counted(step: Step, known: Option<&KnownStake>) -> Step {
    match (step, known) {
        (Step::Rest(Rest::Active(blocks)), Some(known)) if !is_granted(&known.standing) => {
            Step::Rest(Rest::Ended(blocks))
        }
        _ => step,
    }
}

/// Whether the newest consent takes the stake back from every chain.
fn is_revocation(consent: Option<&SignedConsent>) -> bool {
    consent.is_some_and(|consent| revocation::is_one(&consent.shares))
}

/// What is seen of a stake that was taken back before it counted anywhere: nobody is to hear of it any more.
fn counting_nowhere(seen: Observation) -> Observation {
    Observation {
        registration: seen.held.map(|Held { signed, quorum }| Registration {
            status: DelegationStatus::Unbonded,
            counts_from: None,
            signed,
            quorum,
        }),
        ..seen
    }
}

/// What is next for a stake, of what is next on each of its chains; `None` without a chain.
///
/// What keeps it from being made on one chain keeps it from being made, and it is broadcast only when every chain with a
/// share has answered; once it is on Bitcoin, no chain holds up another.
pub(super) fn together(steps: impl Iterator<Item = Step>) -> Option<Step> {
    steps.min_by_key(|step| match step {
        Step::Stuck(
            Obstacle::ProviderSlashed
            | Obstacle::ProviderUnknown
            | Obstacle::ParamsChanged { .. }
            | Obstacle::NotBroadcast,
        ) => 0,
        // Shown already, so it was on Bitcoin.
        Step::Rest(Rest::Over) => 1,
        Step::Stuck(Obstacle::NotTaken) => 2,
        Step::Wait(Waiting::Chain) => 8,
        Step::Act(Action::Broadcast) => 9,
        Step::Act(_) => 3,
        Step::Wait(_) => 4,
        Step::Rest(Rest::Active(_)) => 5,
        Step::Rest(Rest::Expired(_)) => 6,
        Step::Rest(_) => 7,
        Step::Stuck(_) => 10,
    })
}

#[cfg(test)]
mod tests;
