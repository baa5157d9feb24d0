//! The entry points: messages in, answers out.

use btc_light::Reader;
use cosmwasm_std::{Binary, Deps, DepsMut, Env, Event, MessageInfo, Response, Storage};
use cw2::set_contract_version;
use mesh_core::Domain;

use crate::config::{self, Config};
use crate::context::Context;
use crate::finality::{self, Decision, Evidence};
use crate::host::Host;
use crate::msg::{CommitInfo, ExecuteMsg, InstantiateMsg, PendingParams, QueryMsg};
use crate::provider::{self, Registration};
use crate::{ContractError, query as question, reward, stake};

const NAME: &str = concat!("btc-mesh:", env!("CARGO_PKG_NAME"));
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How many epochs pass before new parameters hold.
const PARAMS_DELAY: u64 = 2;

/// Begins an instance, whose domain is its own for ever.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(
    deps: DepsMut,
    env: Env,
    _info: MessageInfo,
    msg: InstantiateMsg,
) -> Result<Response, ContractError> {
    config::check(&msg.params, &msg.covenants)?;
    let (height, time) = (env.block.height, env.block.time.nanos());
    let chain_id = env.block.chain_id;
    let domain = Domain::new(&chain_id, env.contract.address.as_str(), height, time)?;
    let light = deps.api.addr_validate(&msg.light)?;
    let reader = Reader::new(deps.querier, &light);
    // Whoever answers to this is a light client.
    let (tip, _) = reader.tip()?;
    let config = Config {
        domain: (*domain.as_bytes()).into(),
        chain_id,
        contract: env.contract.address,
        height,
        time,
        test_only: reader.test_only()?,
        light,
        gov: deps.api.addr_validate(&msg.gov)?,
        denom: msg.denom,
        params: msg.params,
        sets: config::save_sets(deps.storage, &msg.covenants)?,
        closed: false,
    };
    config::save(deps.storage, &config)?;
    set_contract_version(deps.storage, NAME, VERSION)?;
    Ok(Response::new()
        .add_attribute("action", "instantiate")
        .add_attribute("domain", config.domain.to_string())
        .add_attribute("test_only", config.test_only.to_string())
        .add_attribute("tip", tip.to_string()))
}

/// Takes a message.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: ExecuteMsg,
) -> Result<Response, ContractError> {
    let config = config::load_here(deps.storage, &env)?;
    if !info.funds.is_empty() && !matches!(msg, ExecuteMsg::Fund {}) {
        return Err(ContractError::Coins);
    }
    let context = Context {
        config: &config,
        curve: &Host(deps.api),
        light: &Reader::new(deps.querier, &config.light),
        height: env.block.height,
        time: env.block.time.seconds(),
        sender: &info.sender,
    };
    let storage = deps.storage;
    match msg {
        ExecuteMsg::Start {} => event(finality::start(storage, &context)),
        ExecuteMsg::RegisterProvider {
            pk,
            seq,
            operator,
            commission,
            signature,
        } => {
            let registration = Registration {
                seq,
                operator: &operator,
                commission,
                signature: &signature,
            };
            let operator = deps.api.addr_validate(&operator)?;
            event(provider::register(
                storage,
                &context,
                pk,
                &registration,
                operator,
            ))
        }
        ExecuteMsg::Commit {
            pk,
            seq,
            start,
            num,
            root,
            signature,
        } => {
            let commit = CommitInfo { start, num, root };
            event(provider::commit(
                storage, &context, pk, seq, commit, &signature,
            ))
        }
        ExecuteMsg::Unjail { pk } => event(provider::unjail(storage, &context, pk)),
        ExecuteMsg::Stake(stake) => event(stake::register(storage, deps.api, &context, &stake)),
        ExecuteMsg::Activate { outpoint } => event(stake::activate(storage, &context, &outpoint)),
        ExecuteMsg::Consent { outpoint, consent } => event(stake::consent(
            storage, deps.api, &context, &outpoint, &consent,
        )),
        ExecuteMsg::ConsentConflict {
            outpoint,
            first,
            second,
        } => event(stake::conflict(
            storage,
            &context,
            &outpoint,
            [&first, &second],
        )),
        ExecuteMsg::ReportSpend {
            outpoint,
            tx,
            vin,
            inclusion,
        } => stake::report_spend(storage, &context, &outpoint, &tx, vin, &inclusion),
        ExecuteMsg::Expire { limit } => event(stake::expire(storage, &context, limit)),
        ExecuteMsg::Unwind { limit } => event(stake::unwind(storage, &context, limit)),
        ExecuteMsg::Votes { items } => events(finality::cast(storage, &context, &items)),
        ExecuteMsg::Poke {} => {
            context.only_open()?;
            events(finality::finalise(storage, &context))
        }
        ExecuteMsg::Evidence {
            pk,
            r,
            msg1,
            s1,
            msg2,
            s2,
        } => {
            let evidence = Evidence::of_messages(r, [(&msg1, s1), (&msg2, s2)])?;
            events(finality::evidence(storage, &context, pk, &evidence))
        }
        ExecuteMsg::EvidenceByHash { pk, r, signed } => {
            let evidence = Evidence::of_hashes(r, &signed)?;
            events(finality::evidence(storage, &context, pk, &evidence))
        }
        ExecuteMsg::Slash { pk, sk } => events(finality::slash_with_key(storage, &context, pk, sk)),
        ExecuteMsg::Roll {} => event(finality::roll(storage, &context)),
        ExecuteMsg::Settle { epoch, limit } => {
            let balance = reward::balance(deps.querier, &config)?;
            event(reward::settle(storage, &context, balance, epoch, limit))
        }
        ExecuteMsg::Claim {
            outpoints,
            providers,
        } => reward::claim(storage, &context, &outpoints, &providers),
        ExecuteMsg::Fund {} => event(reward::fund(&context, &info.funds)),
        ExecuteMsg::Resume {
            hash,
            exclude,
            drop,
        } => {
            let decision = Decision {
                hash,
                exclude: &exclude,
                drop: &drop,
            };
            event(finality::resume(storage, &context, &decision))
        }
        ExecuteMsg::UpdateParams { params, covenants } => {
            context.only_governance()?;
            let pending = PendingParams {
                epoch: epoch_of_change(storage)?,
                params,
                covenants,
            };
            config::plan(storage, &config, &pending)?;
            if finality::clock::find(storage)?.is_none() {
                config::advance(storage, &config, pending.epoch)?;
            }
            let epoch = pending.epoch.to_string();
            event(Ok(Event::new("update_params").add_attribute("epoch", epoch)))
        }
        ExecuteMsg::Sweep { denom } => reward::sweep(storage, deps.querier, &context, &denom),
        ExecuteMsg::Close {} => {
            context.only_governance()?;
            let closed = Config {
                closed: true,
                ..config.clone()
            };
            config::save(storage, &closed)?;
            event(Ok(Event::new("close")))
        }
    }
}

/// Answers a question.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps, env: Env, msg: QueryMsg) -> Result<Binary, ContractError> {
    let config = config::load(deps.storage)?;
    let sender = config.contract.clone();
    let context = Context {
        config: &config,
        curve: &Host(deps.api),
        light: &Reader::new(deps.querier, &config.light),
        height: env.block.height,
        time: env.block.time.seconds(),
        sender: &sender,
    };
    question::answer(deps, &context, msg)
}

/// New parameters hold at once before there is a table, and after some epochs then.
fn epoch_of_change(storage: &dyn Storage) -> Result<u64, ContractError> {
    Ok(finality::clock::find(storage)?.map_or(0, |clock| clock.epoch.saturating_add(PARAMS_DELAY)))
}

fn event(result: Result<Event, ContractError>) -> Result<Response, ContractError> {
    result.map(|event| Response::new().add_event(event))
}

fn events(result: Result<Vec<Event>, ContractError>) -> Result<Response, ContractError> {
    result.map(|events| Response::new().add_events(events))
}
