//! Cutting a table from the ranking.
//!
//! What is in the table is a copy: later changes of stakes, standing and commits reach the next one only.

use std::collections::BTreeSet;

use cosmwasm_std::Storage;
use eots::PublicKey;
use mesh_core::registration::WHOLE;
use mesh_core::table::{Entry, MAX_ENTRIES, Table, Term};

use crate::ContractError;
use crate::context::Context;
use crate::msg::{Params, ProviderStatus};
use crate::provider::{self, Provider};

use super::roll::RollError;

/// Most providers that one message takes out of the ranking.
const MAX_DROPPED: usize = 100;

/// What came of looking at the heaviest providers.
pub(super) enum Snapshot {
    /// A table.
    Table(Box<Table>),
    /// So many of the heaviest cannot be in a table that they left the ranking and nothing else was done: look again.
    Dropped(usize),
}

struct Candidate {
    pk: PublicKey,
    provider: Provider,
    entry: Entry,
}

/// Cuts a table of the heaviest providers that have randomness for the whole term.
///
/// Those without it, and those that voted too seldom, leave the ranking; `exclude` stays in it but out of the table.
pub(super) fn cut(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    term: Term,
    exclude: &BTreeSet<PublicKey>,
) -> Result<Snapshot, ContractError> {
    let last =
        term.last_checkpoint()
            .ok_or(RollError::Table(mesh_core::table::TableError::Term(
                term.epoch,
            )))?;
    let params = context.params();
    let mut candidates = Vec::new();
    let mut dropped = 0_usize;
    let most = MAX_ENTRIES
        .saturating_add(MAX_DROPPED)
        .saturating_add(exclude.len());
    for pk in provider::top(storage, most)? {
        if candidates.len() >= MAX_ENTRIES {
            break;
        }
        if dropped >= MAX_DROPPED {
            // Behind those that were dropped may stand others than those that were found.
            return Ok(Snapshot::Dropped(dropped));
        }
        let mut provider = provider::get(storage, &pk)?;
        if exclude.contains(&pk) {
            continue;
        }
        if voted_too_seldom(&provider, params) {
            let until = term.epoch.saturating_add(params.jail_epochs.into());
            provider.status = ProviderStatus::Jailed { until };
        } else if let Some(commit) = provider.commit_for(term.first_checkpoint, last) {
            let weight = provider.sats;
            let entry = Entry {
                provider: pk,
                weight,
                commit,
            };
            candidates.push(Candidate {
                pk,
                provider,
                entry,
            });
            continue;
        } else {
            provider.committed = false;
        }
        provider::save(storage, &pk, &mut provider)?;
        dropped = dropped.saturating_add(1);
    }
    table(context, term, candidates).map(|table| Snapshot::Table(Box::new(table)))
}

/// Whether it voted for too few checkpoints of the last settled epoch.
fn voted_too_seldom(provider: &Provider, params: &Params) -> bool {
    provider.participation.is_some_and(|participation| {
        u64::from(participation.votes).saturating_mul(WHOLE.into())
            < u64::from(participation.count).saturating_mul(params.participation_floor.into())
    })
}

fn table(
    context: &Context<'_>,
    term: Term,
    mut candidates: Vec<Candidate>,
) -> Result<Table, ContractError> {
    let params = context.params();
    let sum: u128 = candidates
        .iter()
        .map(|candidate| u128::from(candidate.entry.weight))
        .sum();
    let most = u64::try_from(share(sum, params.max_share)).unwrap_or(u64::MAX);
    let mut at_risk: u64 = 0;
    for candidate in &mut candidates {
        let weight = candidate.entry.weight.min(most).max(1);
        candidate.entry.weight = weight;
        at_risk = at_risk.saturating_add(proportion(
            candidate.provider.at_risk,
            weight,
            candidate.provider.sats,
        ));
    }
    candidates.sort_unstable_by_key(|candidate| candidate.pk);
    let found = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
    if found < params.min_providers {
        let required = params.min_providers;
        return Err(RollError::TooFewProviders { found, required }.into());
    }
    let entries = candidates
        .into_iter()
        .map(|candidate| candidate.entry)
        .collect();
    let table = Table::new(&context.domain(), term, at_risk, entries).map_err(RollError::Table)?;
    let found = table.head().total;
    let required = params.min_total;
    if found < required {
        return Err(RollError::TooLittleWeight { found, required }.into());
    }
    Ok(table)
}

/// So many basis points of a sum of weights.
fn share(sum: u128, basis_points: u16) -> u128 {
    // A hundred weights of 64 bits leave room for more than 14 bits.
    let product = sum.saturating_mul(basis_points.into());
    product.checked_div(WHOLE.into()).unwrap_or_default()
}

/// `amount × part / whole`, rounded down; 0 of nothing.
fn proportion(amount: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(amount).saturating_mul(part.into());
    product
        .checked_div(whole.into())
        .and_then(|quotient| u64::try_from(quotient).ok())
        .unwrap_or_default()
}
