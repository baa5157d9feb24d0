//! What people decide: the beginning, and a new one after a stall.

use std::collections::BTreeSet;

use bitcoin::OutPoint;
use cosmwasm_std::{Event, Storage};
use eots::PublicKey;
use mesh_core::table::Term;
use serde::{Deserialize, Serialize};

use super::checkpoints::{check_fresh, decree, in_force};
use super::clock::{self, Clock};
use super::roll::RollError;
use super::snapshot::{self, Snapshot};
use super::{tables, tally};
use crate::context::Context;
use crate::light::Tip;
use crate::msg::{Bytes32, ResumeInfo};
use crate::store::Records;
use crate::{ContractError, config, stake};

/// Most providers or stakes that a resume names.
const MAX_NAMED: usize = 100;

const RESUMES: Records<u32, Resume> = Records::new("resume");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Resume {
    checkpoint: u64,
    hash: Bytes32,
    /// Height of this chain at which it was decided.
    height: u64,
}

/// Why governance cannot do what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GovernanceError {
    /// It began before.
    #[error("the first table is in force already")]
    Started,
    /// Finality does not stand still, or not for long enough.
    #[error(
        "the last checkpoint became final {waited} Bitcoin blocks ago, a resume needs {required}"
    )]
    NotStalled {
        /// Blocks since.
        waited: u32,
        /// Blocks that it must be.
        required: u32,
    },
    /// A provider that did its part.
    #[error("provider {provider} voted for checkpoint {k}, so it cannot be excluded")]
    Voted {
        /// The provider.
        provider: PublicKey,
        /// The checkpoint.
        k: u64,
    },
}

/// What a resume decides.
pub(crate) struct Decision<'a> {
    pub(crate) hash: Bytes32,
    pub(crate) exclude: &'a [Bytes32],
    pub(crate) drop: &'a [OutPoint],
}

/// Brings the first table into force.
pub(crate) fn start(
    storage: &mut dyn Storage,
    context: &Context<'_>,
) -> Result<Event, ContractError> {
    context.only_governance()?;
    context.only_open()?;
    if clock::find(storage)?.is_some() {
        return Err(GovernanceError::Started.into());
    }
    let clock = Clock {
        era: 0,
        epoch: 0,
        next: 0,
        epoch_began: context.height,
        ready: false,
        last_final_tip: 0,
    };
    let config = config::advance(storage, context.config, clock.epoch)?;
    let context = &Context {
        config: &config,
        ..*context
    };
    begin(storage, context, clock, &BTreeSet::new())
}

/// Decrees the next checkpoint and begins a new era with a fresh table. No guarantee spans it.
pub(crate) fn resume(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    decision: &Decision<'_>,
) -> Result<Event, ContractError> {
    context.only_governance()?;
    context.only_open()?;
    let exclude = excluded(decision.exclude)?;
    if decision.drop.len() > MAX_NAMED {
        return Err(too_many("stakes to drop", decision.drop.len()));
    }
    let clock = clock::started(storage)?;
    let tip = context.light.tip()?;
    let waited = tip.height.saturating_sub(clock.last_final_tip);
    let required = context.params().stall_min;
    if waited < required {
        return Err(GovernanceError::NotStalled { waited, required }.into());
    }
    let k = clock.next;
    for provider in &exclude {
        // What was signed ahead under the table of an earlier era is no vote under this one.
        let votes = tally::kept(storage, context.params().window, k, provider)?;
        if votes.iter().any(|vote| vote.epoch == clock.epoch) {
            let provider = *provider;
            return Err(GovernanceError::Voted { provider, k }.into());
        }
    }
    for outpoint in decision.drop {
        stake::drop(storage, outpoint)?;
    }
    let next = Clock {
        era: clock.era.saturating_add(1),
        epoch: clock.epoch.saturating_add(1),
        next: k.saturating_add(1),
        epoch_began: context.height,
        ready: false,
        last_final_tip: tip.height,
    };
    let head = in_force(storage, &clock)?;
    // Parameters that wait hold at once: they may be what the chain stalled for.
    let config = config::advance(storage, context.config, u64::MAX)?;
    let context = &Context {
        config: &config,
        ..*context
    };
    let event = begin(storage, context, next, &exclude)?;
    if clock::started(storage)?.era == next.era {
        decree(storage, context, &clock, &head, decision.hash.0)?;
        RESUMES.save(
            storage,
            next.era,
            &Resume {
                checkpoint: k,
                hash: decision.hash,
                height: context.height,
            },
        )?;
    }
    Ok(event)
}

/// Every resume so far, oldest first.
pub(crate) fn resumes(storage: &dyn Storage) -> Result<Vec<ResumeInfo>, ContractError> {
    let eras = clock::find(storage)?.map_or(0, |clock| clock.era);
    (1..=eras)
        .map(|era| {
            let resume = RESUMES.load(storage, era)?;
            Ok(ResumeInfo {
                era,
                k: resume.checkpoint,
                hash: resume.hash,
                height: resume.height,
            })
        })
        .collect()
}

/// Puts a fresh table into force at this clock, unless the heaviest providers had to leave the ranking first.
fn begin(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    clock: Clock,
    exclude: &BTreeSet<PublicKey>,
) -> Result<Event, ContractError> {
    let tip = context.light.tip()?;
    check_fresh(context, &tip).map_err(|halt| RollError::Stale(halt.to_string()))?;
    stake::check_caught_up(storage, context, &tip)?;
    let term = first_term(context, &clock, &tip);
    match snapshot::cut(storage, context, term, exclude)? {
        Snapshot::Dropped(count) => {
            Ok(Event::new("begin").add_attribute("dropped", count.to_string()))
        }
        Snapshot::Table(table) => {
            tables::save(storage, &table)?;
            clock::save(
                storage,
                &Clock {
                    last_final_tip: tip.height,
                    ..clock
                },
            )?;
            Ok(Event::new("begin")
                .add_attribute("era", clock.era.to_string())
                .add_attribute("epoch", clock.epoch.to_string())
                .add_attribute("total", table.head().total.to_string()))
        }
    }
}

fn first_term(context: &Context<'_>, clock: &Clock, tip: &Tip) -> Term {
    let params = context.params();
    Term {
        era: clock.era,
        epoch: clock.epoch,
        first_checkpoint: clock.next,
        first_height: context.height.saturating_add(params.interval.into()),
        interval: params.interval,
        checkpoints: params.epoch_len,
        cut_height: tip.height,
        cut_hash: tip.hash,
    }
}

fn excluded(keys: &[Bytes32]) -> Result<BTreeSet<PublicKey>, ContractError> {
    if keys.len() > MAX_NAMED {
        return Err(too_many("providers to exclude", keys.len()));
    }
    Ok(keys
        .iter()
        .map(|key| PublicKey::from_checked_bytes(key.0))
        .collect())
}

fn too_many(what: &'static str, found: usize) -> ContractError {
    ContractError::Count {
        what,
        found,
        max: MAX_NAMED,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_resume_is_what_instances_have() {
        let resume = Resume {
            checkpoint: 1,
            hash: Bytes32([2; 32]),
            height: 3,
        };
        assert_stored(
            |storage| RESUMES.save(storage, 4, &resume).unwrap(),
            r"\x00\x06resume\x00\x00\x00\x04",
            "01020202020202020202020202020202020202020202020202020202020202020203",
        );
    }
}
