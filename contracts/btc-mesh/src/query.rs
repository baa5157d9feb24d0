//! Answers to queries. They show what is stored; nothing is decided here.

use bitcoin::BlockHash;
use bitcoin::hashes::Hash;
use cosmwasm_std::{Binary, Deps, Storage, to_json_binary};
use eots::PublicKey;
use mesh_core::table::TableHead;

use crate::config;
use crate::context::Context;
use crate::finality::{self, clock, finals};
use crate::msg::{
    CommitInfo, ConfigResponse, ProvidersResponse, QueryMsg, ResumesResponse, StakesResponse,
    StatusResponse, TableEntry, TableResponse, TallyResponse, VotesResponse,
};
use crate::{ContractError, page, provider, reward, stake, state_proof};

/// Items of a page where the question names no number.
const PAGE: u32 = 30;

/// Answers a question.
pub(crate) fn answer(
    deps: Deps,
    context: &Context<'_>,
    msg: QueryMsg,
) -> Result<Binary, ContractError> {
    let storage = deps.storage;
    let answer = match msg {
        QueryMsg::Config {} => to_json_binary(&config(storage, context)?),
        QueryMsg::Status {} => to_json_binary(&status(storage, context)?),
        QueryMsg::Finalized { k, height } => to_json_binary(&finals::answer(storage, k, height)?),
        QueryMsg::VerifyState(proof) => {
            to_json_binary(&state_proof::verify(storage, context, &proof)?)
        }
        QueryMsg::Provider { pk } => {
            let pk = PublicKey::from_checked_bytes(pk.0);
            to_json_binary(&provider::get(storage, &pk)?.answer(&pk))
        }
        QueryMsg::Providers { start_after, limit } => {
            let after = start_after.map(|pk| PublicKey::from_checked_bytes(pk.0));
            let providers =
                provider::list(storage, after.as_ref(), page::size(limit.unwrap_or(PAGE))?)?;
            to_json_binary(&ProvidersResponse { providers })
        }
        QueryMsg::Table { epoch } => to_json_binary(&table(storage, context, epoch)?),
        QueryMsg::NextTable {} => {
            let clock = clock::started(storage)?;
            let epoch = clock.epoch.saturating_add(1);
            if !clock.ready {
                return Err(ContractError::UnknownTable(epoch));
            }
            to_json_binary(&table(storage, context, epoch)?)
        }
        QueryMsg::Stake { outpoint } => {
            to_json_binary(&stake::get(storage, &outpoint)?.answer(storage, outpoint)?)
        }
        QueryMsg::Stakes { start_after, limit } => {
            let stakes = stake::list(
                storage,
                start_after.as_ref(),
                page::size(limit.unwrap_or(PAGE))?,
            )?;
            to_json_binary(&StakesResponse { stakes })
        }
        QueryMsg::SlashKit { outpoint } => to_json_binary(&stake::slash_kit(storage, &outpoint)?),
        QueryMsg::Exposure { outpoint } => to_json_binary(&stake::exposure(storage, &outpoint)?),
        QueryMsg::Tally { k } => to_json_binary(&tally(storage, k)?),
        QueryMsg::Votes { pk } => {
            let pk = PublicKey::from_checked_bytes(pk.0);
            let votes = finality::kept_votes(storage, context.config.params.window, &pk)?;
            to_json_binary(&VotesResponse { votes })
        }
        QueryMsg::Slashed { pk } => {
            let pk = PublicKey::from_checked_bytes(pk.0);
            let slashed = finality::slashed_key(storage, &pk)?;
            to_json_binary(&slashed.ok_or(ContractError::NotSlashed(pk))?)
        }
        QueryMsg::Resumes {} => to_json_binary(&ResumesResponse {
            resumes: finality::resumes(storage)?,
        }),
        QueryMsg::Rewards {} => {
            let balance = reward::balance(deps.querier, context.config)?;
            to_json_binary(&reward::answer(storage, balance)?)
        }
    };
    Ok(answer?)
}

fn config(storage: &dyn Storage, context: &Context<'_>) -> Result<ConfigResponse, ContractError> {
    let config = context.config.clone();
    Ok(ConfigResponse {
        domain: config.domain,
        domain_name: format!("btc-mesh/1/{}/{}", config.chain_id, config.contract),
        height: config.height,
        time: config.time,
        test_only: config.test_only,
        covenants: config::sets(storage, &config)?,
        pending: config::pending(storage)?,
        light: config.light.into(),
        gov: config.gov.into(),
        denom: config.denom,
        params: config.params,
        closed: config.closed,
    })
}

fn status(storage: &dyn Storage, context: &Context<'_>) -> Result<StatusResponse, ContractError> {
    let tip = context.light.tip()?.height;
    let clock = clock::find(storage)?;
    let head = clock
        .map(|clock| finality::in_force(storage, &clock))
        .transpose()?;
    let next = clock.map_or(0, |clock| clock.next);
    let halted = clock
        .map(|clock| finality::halted(storage, context, &clock))
        .transpose()?
        .flatten();
    let term = head.map(|head| head.term);
    Ok(StatusResponse {
        started: clock.is_some(),
        era: clock.map_or(0, |clock| clock.era),
        epoch: clock.map_or(0, |clock| clock.epoch),
        next,
        next_height: term.and_then(|term| term.height(next)).unwrap_or_default(),
        last: term
            .and_then(|term| term.last_checkpoint())
            .unwrap_or_default(),
        next_table_ready: clock.is_some_and(|clock| clock.ready),
        tip,
        last_final_tip: clock.map_or(0, |clock| clock.last_final_tip),
        halted,
        growth_left: stake::growth_left(storage, context)?,
        frozen_until: stake::frozen_until(storage, context)?,
        unwinding: stake::is_unwinding(storage, context)?,
    })
}

fn table(
    storage: &dyn Storage,
    context: &Context<'_>,
    epoch: u64,
) -> Result<TableResponse, ContractError> {
    let TableHead {
        term,
        total,
        at_risk,
        root,
    } = finality::head_of_epoch(storage, epoch)?.ok_or(ContractError::UnknownTable(epoch))?;
    let entries = finality::entries(storage, epoch)?
        .into_iter()
        .map(|(entry, votes)| TableEntry {
            pk: entry.provider.to_bytes().into(),
            weight: entry.weight,
            commit: CommitInfo {
                start: entry.commit.start(),
                num: entry.commit.checkpoints(),
                root: entry.commit.root().to_bytes().into(),
            },
            votes,
        })
        .collect();
    Ok(TableResponse {
        domain: context.config.domain,
        era: term.era,
        epoch,
        first_k: term.first_checkpoint,
        first_height: term.first_height,
        interval: term.interval,
        count: term.checkpoints,
        btc_cut: term.cut_height,
        btc_cut_hash: BlockHash::from_byte_array(term.cut_hash).to_string(),
        total,
        at_risk,
        root: root.into(),
        entries,
    })
}

fn tally(storage: &dyn Storage, k: u64) -> Result<TallyResponse, ContractError> {
    let clock = clock::started(storage)?;
    Ok(TallyResponse {
        tallies: finality::tallies(storage, k)?,
        total: finality::in_force(storage, &clock)?.total,
    })
}
