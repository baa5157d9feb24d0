//! The entry points: messages in, answers out.

use btc_light::Reader;
use btc_mesh::Host;
use btc_mesh::finality::evidence::Evidence;
use cosmwasm_std::{Binary, Deps, DepsMut, Env, Event, MessageInfo, Response};
use cw2::set_contract_version;

use crate::config::{self, Config};
use crate::context::Context;
use crate::msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use crate::{ContractError, checkpoints, evidence, pin, query as question, votes};

const NAME: &str = concat!("btc-mesh:", env!("CARGO_PKG_NAME"));
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Begins a mirror at a table of its subject.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: InstantiateMsg,
) -> Result<Response, ContractError> {
    check_no_coins(&info)?;
    let light = deps.api.addr_validate(&msg.light)?;
    let reader = Reader::new(deps.querier, &light);
    let config = Config {
        subject: msg.subject,
        test_only: reader.test_only()?,
        light: light.clone(),
        gov: deps.api.addr_validate(&msg.gov)?,
        max_age: msg.max_age,
        max_stale: msg.max_stale,
        window: msg.window,
    };
    config::begin(deps.storage, &config)?;
    set_contract_version(deps.storage, NAME, VERSION)?;
    let context = Context {
        config: &config,
        curve: &Host(deps.api),
        light: &reader,
        height: env.block.height,
        time: env.block.time.seconds(),
    };
    let pinned = pin::pin(deps.storage, &context, &msg.table)?;
    Ok(Response::new()
        .add_attribute("action", "instantiate")
        .add_attribute("domain", config.subject.domain.to_string())
        .add_attribute("test_only", config.test_only.to_string())
        .add_event(pinned))
}

/// Takes a message.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: ExecuteMsg,
) -> Result<Response, ContractError> {
    check_no_coins(&info)?;
    let config = config::load(deps.storage)?;
    let context = Context {
        config: &config,
        curve: &Host(deps.api),
        light: &Reader::new(deps.querier, &config.light),
        height: env.block.height,
        time: env.block.time.seconds(),
    };
    let storage = deps.storage;
    match msg {
        ExecuteMsg::Votes { items } => events(votes::cast(storage, &context, &items)),
        ExecuteMsg::Poke {} => events(checkpoints::finalise(storage, &context)),
        ExecuteMsg::NextTable { table } => event(pin::next_table(storage, &context, &table)),
        ExecuteMsg::Evidence {
            pk,
            r,
            msg1,
            s1,
            msg2,
            s2,
        } => {
            let shown = Evidence::of_messages(r, [(&msg1, s1), (&msg2, s2)])?;
            events(evidence::evidence(storage, &context, pk, &shown))
        }
        ExecuteMsg::Slash { pk, sk } => events(evidence::slash_with_key(storage, &context, pk, sk)),
        ExecuteMsg::Repin { table } => {
            if info.sender != config.gov {
                return Err(ContractError::NotGovernance {
                    sender: info.sender,
                    gov: config.gov.clone(),
                });
            }
            event(pin::pin(storage, &context, &table))
        }
    }
}

/// Answers a question.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps, env: Env, msg: QueryMsg) -> Result<Binary, ContractError> {
    let config = config::load(deps.storage)?;
    let context = Context {
        config: &config,
        curve: &Host(deps.api),
        light: &Reader::new(deps.querier, &config.light),
        height: env.block.height,
        time: env.block.time.seconds(),
    };
    question::answer(deps.storage, &context, msg)
}

/// Nobody could get them out again.
fn check_no_coins(info: &MessageInfo) -> Result<(), ContractError> {
    if info.funds.is_empty() {
        Ok(())
    } else {
        Err(ContractError::Coins)
    }
}

fn event(result: Result<Event, ContractError>) -> Result<Response, ContractError> {
    result.map(|event| Response::new().add_event(event))
}

fn events(result: Result<Vec<Event>, ContractError>) -> Result<Response, ContractError> {
    result.map(|events| Response::new().add_events(events))
}
