//! The entry points, and all there is to it.

use btc_mesh::msg::{Bytes32, QueryMsg as MeshQuery, StateProof, VerifyStateResponse};
use cosmwasm_std::{
    BankMsg, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response, to_json_binary,
};
use cw_storage_plus::{Item, Map};
use cw2::set_contract_version;

use crate::ContractError;
use crate::msg::{
    Config, Deposit, DepositResponse, ExecuteMsg, FinalityProof, InstantiateMsg, QueryMsg,
};

const NAME: &str = concat!("btc-mesh:", env!("CARGO_PKG_NAME"));
const VERSION: &str = env!("CARGO_PKG_VERSION");

const CONFIG: Item<Config> = Item::new("config");
/// Number of deposits so far, which is the next one's.
const COUNT: Item<u64> = Item::new("count");
/// Only ever appended to: proofs show these records.
const DEPOSITS: Map<u64, Deposit> = Map::new("deposits");
const RELEASED: Map<u64, Empty> = Map::new("released");

/// Begins an escrow.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(
    deps: DepsMut,
    _env: Env,
    _info: MessageInfo,
    msg: InstantiateMsg,
) -> Result<Response, ContractError> {
    set_contract_version(deps.storage, NAME, VERSION)?;
    let config = Config {
        mesh: deps.api.addr_validate(&msg.mesh)?,
        era: msg.era,
        owner: deps.api.addr_validate(&msg.owner)?,
    };
    CONFIG.save(deps.storage, &config)?;
    COUNT.save(deps.storage, &0)?;
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Takes a message.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: ExecuteMsg,
) -> Result<Response, ContractError> {
    match msg {
        ExecuteMsg::Deposit { receiver } => deposit(deps, info, &receiver),
        ExecuteMsg::Release { id, proof } => release(deps, &env, id, proof),
        ExecuteMsg::PinEra { era } => pin_era(deps, info, era),
    }
}

/// Answers a question.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps, _env: Env, msg: QueryMsg) -> Result<Binary, ContractError> {
    let answer = match msg {
        QueryMsg::Config {} => to_json_binary(&CONFIG.load(deps.storage)?),
        QueryMsg::Deposit { id } => to_json_binary(&DepositResponse {
            deposit: DEPOSITS
                .may_load(deps.storage, id)?
                .ok_or(ContractError::UnknownDeposit(id))?,
            key: DEPOSITS.key(id).to_vec().into(),
            released: RELEASED.has(deps.storage, id),
        }),
    };
    Ok(answer?)
}

fn deposit(deps: DepsMut, info: MessageInfo, receiver: &str) -> Result<Response, ContractError> {
    let [amount] = info.funds.as_slice() else {
        return Err(ContractError::Coins(info.funds.len()));
    };
    let deposit = Deposit {
        receiver: deps.api.addr_validate(receiver)?,
        amount: amount.clone(),
        depositor: info.sender,
    };
    let id = COUNT.load(deps.storage)?;
    COUNT.save(deps.storage, &id.saturating_add(1))?;
    DEPOSITS.save(deps.storage, id, &deposit)?;
    Ok(Response::new()
        .add_attribute("action", "deposit")
        .add_attribute("id", id.to_string()))
}

fn release(
    deps: DepsMut,
    env: &Env,
    id: u64,
    proof: FinalityProof,
) -> Result<Response, ContractError> {
    let config = CONFIG.load(deps.storage)?;
    if RELEASED.has(deps.storage, id) {
        return Err(ContractError::Released(id));
    }
    let key = DEPOSITS.key(id);
    let record = deps
        .storage
        .get(&key)
        .ok_or(ContractError::UnknownDeposit(id))?;
    let address = deps.api.addr_canonicalize(env.contract.address.as_str())?;
    let k = proof.k;
    // Address, key and value are the contract's own; of the user are only the proofs.
    let question = MeshQuery::VerifyState(StateProof {
        k,
        header: proof.header,
        contract: Bytes32::from_slice(&address)?,
        key: key.to_vec().into(),
        value: record.into(),
        store_proof: proof.store_proof,
        root_proof: proof.root_proof,
    });
    let answer: VerifyStateResponse = deps.querier.query_wasm_smart(&config.mesh, &question)?;
    if answer.decreed {
        return Err(ContractError::Decreed(k));
    }
    if answer.era != config.era {
        return Err(ContractError::Era {
            k,
            found: answer.era,
            pinned: config.era,
        });
    }
    RELEASED.save(deps.storage, id, &Empty {})?;
    let deposit = DEPOSITS.load(deps.storage, id)?;
    Ok(Response::new()
        .add_message(BankMsg::Send {
            to_address: deposit.receiver.into(),
            amount: vec![deposit.amount],
        })
        .add_attribute("action", "release")
        .add_attribute("id", id.to_string())
        .add_attribute("height", answer.height.to_string()))
}

fn pin_era(deps: DepsMut, info: MessageInfo, era: u32) -> Result<Response, ContractError> {
    let config = CONFIG.load(deps.storage)?;
    if info.sender != config.owner {
        return Err(ContractError::NotOwner {
            sender: info.sender,
            owner: config.owner,
        });
    }
    CONFIG.save(deps.storage, &Config { era, ..config })?;
    Ok(Response::new()
        .add_attribute("action", "pin_era")
        .add_attribute("era", era.to_string()))
}
