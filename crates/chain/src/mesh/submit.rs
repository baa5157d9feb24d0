//! Messages of our programs as messages to the contracts, and what became of each.
//!
//! Votes of one call travel in as few messages as they fit into, since the contract is loaded for each. A vote that the
//! contract passes over is told by an event, which becomes that vote's refusal.

use serde::Serialize;

use super::chain::{PROVIDER_REWARDS, key};
use super::write::{self, MAX_VOTES, MeshMessage, invalid};
use super::{Mesh, receipt};
use crate::wasm::{Executed, Execution};
use crate::{AddFinalityVote, ChainError, Message, Receipt, Rejection};

/// Whose refusals of single votes these are.
const CODESPACE: &str = "btc-mesh";

/// Codes of such refusals, which are ours: the contract only has words.
const NOT_NOW: u32 = 1;
const NEVER: u32 = 2;

/// What the contract says of votes that it may take later.
const WORDS_OF_LATER: [&str; 3] = [
    "which votes are taken for now",
    "this chain is at",
    "none is ready or given",
];

/// What one execution stands for.
enum Part {
    /// The message at this position.
    One(usize),
    /// The votes at these positions.
    Votes(Vec<(usize, AddFinalityVote)>),
}

impl Mesh {
    pub(super) async fn submit_all(
        &self,
        messages: Vec<Message>,
    ) -> Vec<Result<Receipt, ChainError>> {
        let mut answers: Vec<Option<Result<Receipt, ChainError>>> =
            messages.iter().map(|_| None).collect();
        let mut parts = Vec::new();
        let mut executions = Vec::new();
        for part in grouped(&messages) {
            match self.execution(&part, &messages).await {
                Ok(execution) => {
                    parts.push(part);
                    executions.push(execution);
                }
                Err(error) => part.answer(&mut answers, |_| Err(error.clone())),
            }
        }
        let executed = self.contracts.execute(executions).await;
        for (part, outcome) in parts.iter().zip(executed) {
            part.answer(&mut answers, |vote| match (&outcome, vote) {
                (Ok(executed), Some(vote)) => match refusal(executed, vote) {
                    Some(rejection) => Err(rejection.into()),
                    None => Ok(receipt(executed.clone())),
                },
                (Ok(executed), None) => Ok(receipt(executed.clone())),
                (Err(error), _) => Err(error.clone()),
            });
        }
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or(Err(ChainError::Stopped)))
            .collect()
    }

    async fn execution(&self, part: &Part, messages: &[Message]) -> Result<Execution, ChainError> {
        let position = match part {
            Part::Votes(votes) => {
                let items = votes
                    .iter()
                    .map(|(_, vote)| write::vote(vote))
                    .collect::<Result<_, _>>()?;
                return self.to_mesh(&MeshMessage::Votes { items });
            }
            Part::One(position) => *position,
        };
        match messages.get(position) {
            Some(Message::CommitPublicRandomness(commit)) => self.to_mesh(&write::commit(commit)),
            Some(Message::UnjailFinalityProvider(key)) => self.to_mesh(&MeshMessage::Unjail {
                pk: key.to_string(),
            }),
            Some(Message::AddInclusionProof(proof)) => {
                self.to_mesh(&self.shown_again(proof).await?)
            }
            Some(Message::Activate(outpoint)) => self.to_mesh(&MeshMessage::Activate {
                outpoint: *outpoint,
            }),
            Some(Message::ReportSpend(spend)) => self.to_mesh(&write::report_spend(spend)?),
            Some(Message::SelectiveSlashingEvidence(secret)) => self.to_mesh(&write::slash(secret)),
            Some(Message::InsertHeaders { from, headers }) => {
                Execution::new(self.light.clone(), &write::headers(*from, headers)?)
            }
            Some(Message::InsertAncestors { child, headers }) => {
                Execution::new(self.light.clone(), &write::ancestors(*child, headers))
            }
            Some(Message::WithdrawReward { kind }) if kind == PROVIDER_REWARDS => {
                let operated = self.operated().await?;
                let keys = operated.iter().map(key).collect::<Result<Vec<_>, _>>()?;
                self.to_mesh(&write::claim(&keys))
            }
            _ => Err(invalid("a partner chain takes no message of this kind")),
        }
    }

    fn to_mesh(&self, message: &impl Serialize) -> Result<Execution, ChainError> {
        Execution::new(self.contract.clone(), message)
    }
}

/// The messages in their order; votes that follow each other become one part.
fn grouped(messages: &[Message]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (position, message) in messages.iter().enumerate() {
        let Message::AddFinalityVote(vote) = message else {
            parts.push(Part::One(position));
            continue;
        };
        match parts.last_mut() {
            Some(Part::Votes(votes)) if votes.len() < MAX_VOTES => {
                votes.push((position, vote.clone()));
            }
            _ => parts.push(Part::Votes(vec![(position, vote.clone())])),
        }
    }
    parts
}

impl Part {
    /// Answers for every message in it.
    fn answer(
        &self,
        answers: &mut [Option<Result<Receipt, ChainError>>],
        of: impl Fn(Option<&AddFinalityVote>) -> Result<Receipt, ChainError>,
    ) {
        let mut set = |position: usize, answer| {
            if let Some(place) = answers.get_mut(position) {
                *place = Some(answer);
            }
        };
        match self {
            Self::One(position) => set(*position, of(None)),
            Self::Votes(votes) => {
                for (position, vote) in votes {
                    set(*position, of(Some(vote)));
                }
            }
        }
    }
}

/// Why the contract passed a vote over, if it did.
fn refusal(executed: &Executed, vote: &AddFinalityVote) -> Option<Rejection> {
    let pk = vote.finality_provider.to_string();
    let k = vote.height.0.to_string();
    executed
        .events
        .iter()
        .filter(|event| event.kind == "wasm-vote_refused")
        .find(|event| event.attribute("pk") == Some(&pk) && event.attribute("k") == Some(&k))
        .map(|event| refused(event.attribute("reason").unwrap_or_default()))
}

fn refused(reason: &str) -> Rejection {
    let later = WORDS_OF_LATER.iter().any(|words| reason.contains(words));
    Rejection {
        codespace: CODESPACE.to_owned(),
        code: if later { NOT_NOW } else { NEVER },
        log: reason.to_owned(),
    }
}

impl Rejection {
    /// Whether a partner chain's contract will never take the vote that it refused.
    pub fn is_of_vote_for_ever(&self) -> bool {
        self.codespace == CODESPACE && self.code == NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn only_what_time_can_heal_is_tried_again() {
        for (reason, for_ever) in [
            (
                "checkpoint 9 is outside 1 to 8, which votes are taken for now",
                false,
            ),
            (
                "checkpoint 9 is the block at height 90, this chain is at 89",
                false,
            ),
            (
                "checkpoint 9 is the last of its epoch, so a vote names the next table, and none is ready or given",
                false,
            ),
            ("the provider is not in the table of epoch 2", true),
            (
                "the signature is no vote for this hash under the tables of this instance",
                true,
            ),
        ] {
            assert_eq!(refused(reason).is_of_vote_for_ever(), for_ever, "{reason}");
        }
    }
}
