//! The entry points: messages in, answers out.

use bitcoin::consensus;
use cosmwasm_std::{
    Binary, Deps, DepsMut, Env, HexBinary, MessageInfo, Response, Storage, to_json_binary,
};
use cw2::set_contract_version;

use crate::msg::{ConfigResponse, ExecuteMsg, HeaderResponse, InstantiateMsg, QueryMsg};
use crate::store::{self, Config};
use crate::{ContractError, ancestors, chain, health, instantiate as beginning, proof};

const NAME: &str = concat!("btc-mesh:", env!("CARGO_PKG_NAME"));
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Begins with trusted headers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: InstantiateMsg,
) -> Result<Response, ContractError> {
    check_no_coins(&info)?;
    set_contract_version(deps.storage, NAME, VERSION)?;
    beginning::begin(deps.storage, deps.api, env.block.time.seconds(), &msg)?;
    Ok(Response::new()
        .add_attribute("action", "instantiate")
        .add_attribute("test_only", msg.test_only.to_string())
        .add_attribute("tip", msg.height.to_string()))
}

/// Takes headers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: ExecuteMsg,
) -> Result<Response, ContractError> {
    check_no_coins(&info)?;
    match msg {
        ExecuteMsg::Headers { parent_height, raw } => {
            let config = store::config(deps.storage)?;
            if !config.submitters.is_empty() && !config.submitters.contains(&info.sender) {
                return Err(ContractError::NotASubmitter(info.sender));
            }
            let now = env.block.time.seconds();
            bring_headers(deps.storage, &config, now, parent_height, &raw)
        }
        ExecuteMsg::Ancestor { child_height, raw } => {
            let headers = chain::parse_headers(&raw)?;
            let lowest = ancestors::keep(deps.storage, child_height, &headers)?;
            Ok(Response::new()
                .add_attribute("action", "ancestor")
                .add_attribute("lowest", lowest.to_string()))
        }
    }
}

/// Answers a question.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps, env: Env, msg: QueryMsg) -> Result<Binary, ContractError> {
    let answer = match msg {
        QueryMsg::Tip {} => {
            let tip = store::extent(deps.storage)?.tip;
            to_json_binary(&header(deps.storage, tip)?)
        }
        QueryMsg::Header { height } => to_json_binary(&header(deps.storage, height)?),
        QueryMsg::VerifyTx {
            height,
            tx,
            index,
            branch,
        } => to_json_binary(&proof::verify(deps.storage, height, &tx, index, &branch)?),
        QueryMsg::Health { reorgs_seen } => {
            let now = env.block.time.seconds();
            to_json_binary(&health::health(deps.storage, now, reorgs_seen)?)
        }
        QueryMsg::Config {} => to_json_binary(&config(store::config(deps.storage)?)),
    };
    Ok(answer?)
}

/// Nobody could get them out again.
fn check_no_coins(info: &MessageInfo) -> Result<(), ContractError> {
    if info.funds.is_empty() {
        Ok(())
    } else {
        Err(ContractError::Coins)
    }
}

fn bring_headers(
    storage: &mut dyn Storage,
    config: &Config,
    now: u64,
    parent_height: u32,
    raw: &[u8],
) -> Result<Response, ContractError> {
    let headers = chain::parse_headers(raw)?;
    let advance = chain::advance(storage, config, now, parent_height, &headers)?;
    let response = Response::new()
        .add_attribute("action", "headers")
        .add_attribute("added", advance.added.to_string())
        .add_attribute("tip", advance.tip.to_string());
    Ok(match advance.reorg {
        Some(reorg) => response
            .add_attribute("fork_height", reorg.fork_height.to_string())
            .add_attribute("reorg_depth", reorg.depth.to_string()),
        None => response,
    })
}

fn header(storage: &dyn Storage, height: u32) -> Result<HeaderResponse, ContractError> {
    let extent = store::extent(storage)?;
    let header =
        store::header(storage, extent, height)?.ok_or(ContractError::UnknownHeight(height))?;
    let record = store::recent(storage, extent, height)?;
    Ok(HeaderResponse {
        test_only: store::config(storage)?.test_only,
        height,
        hash: header.block_hash(),
        raw: consensus::serialize(&header).into(),
        time: header.time,
        depth: extent.tip.saturating_sub(height),
        chainwork: record
            .map(|record| HexBinary::from(store::work_from_u128(record.work).to_be_bytes())),
    })
}

fn config(config: Config) -> ConfigResponse {
    ConfigResponse {
        test_only: config.test_only,
        network: config.network,
        base_height: config.base_height,
        max_reorg: config.max_reorg,
        submitters: config.submitters.into_iter().map(String::from).collect(),
    }
}
