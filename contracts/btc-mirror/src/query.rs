//! Answers to queries. They show what is stored; nothing is decided here.

use btc_mesh::finality::{evidence, finals};
use cosmwasm_std::{Binary, Storage, to_json_binary};
use eots::PublicKey;

use crate::clock;
use crate::context::Context;
use crate::msg::{ConfigResponse, QueryMsg, StatusResponse, Table};
use crate::{ContractError, halt, table};

/// Answers a question.
pub(crate) fn answer(
    storage: &dyn Storage,
    context: &Context<'_>,
    msg: QueryMsg,
) -> Result<Binary, ContractError> {
    let answer = match msg {
        QueryMsg::Config {} => to_json_binary(&config(context)),
        QueryMsg::Status {} => to_json_binary(&status(storage, context)?),
        QueryMsg::Finalized { k, height } => to_json_binary(&finals::answer(storage, k, height)?),
        QueryMsg::Table { epoch } => to_json_binary(&table_of(storage, context, epoch)?),
        QueryMsg::Slashed { pk } => {
            let pk = PublicKey::from_checked_bytes(pk.0);
            let slashed = evidence::slashed_key(storage, &pk)?;
            to_json_binary(&slashed.ok_or(btc_mesh::ContractError::NotSlashed(pk))?)
        }
    };
    Ok(answer?)
}

fn config(context: &Context<'_>) -> ConfigResponse {
    let config = context.config.clone();
    let subject = config.subject;
    ConfigResponse {
        domain_name: format!("btc-mesh/1/{}/{}", subject.chain_id, subject.contract),
        subject,
        test_only: config.test_only,
        light: config.light.into(),
        gov: config.gov.into(),
        max_age: config.max_age,
        max_stale: config.max_stale,
        window: config.window,
    }
}

fn status(storage: &dyn Storage, context: &Context<'_>) -> Result<StatusResponse, ContractError> {
    let clock = clock::load(storage)?;
    let head = clock.in_force(storage)?;
    let (tip, _) = context.light.tip()?;
    Ok(StatusResponse {
        era: clock.era,
        epoch: clock.epoch,
        pinned_epoch: clock.pinned,
        next: clock.next,
        next_height: head.term.height(clock.next),
        last: clock::last_checkpoint(&head)?,
        awaited_root: clock.next_root,
        tip,
        slashed: clock.slashed,
        total: head.total,
        halted: halt::check(storage, context, &clock)?.map(|halt| halt.to_string()),
    })
}

fn table_of(
    storage: &dyn Storage,
    context: &Context<'_>,
    epoch: u64,
) -> Result<Table, ContractError> {
    let clock = clock::load(storage)?;
    let head = if epoch == clock.epoch {
        Some(clock.in_force(storage)?)
    } else {
        clock.before(storage)?
    };
    let head = head.filter(|head| head.term.epoch == epoch);
    let head = head.ok_or(btc_mesh::ContractError::UnknownTable(epoch))?;
    table::answer(storage, context.config, &head)
}
