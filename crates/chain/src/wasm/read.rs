//! What the chain and its contracts answer, read into domain types.
//!
//! Everything here is hostile, contracts' JSON among it: an error names the field.

use proto::cosmwasm::wasm::v1::{
    ContractInfo as WireContractInfo, MsgExecuteContract, MsgInstantiateContractResponse,
    MsgStoreCodeResponse,
};
use proto::field::{self, FieldError};
use proto::prost::{Message as _, Name as _};
use proto::prost_types::Any;
use serde::de::DeserializeOwned;
use staking::proof_of_possession::AccountAddress;

use super::{CodeId, ContractInfo, Executed};
use crate::ChainError;
use crate::cosmos::sender::Landed;

/// Reads what a message did, for sure, into what the caller wants of it.
pub(super) fn effect<T>(
    landed: &Landed,
    read: impl FnOnce(&Landed) -> Result<T, FieldError>,
) -> Result<T, ChainError> {
    read(landed).map_err(|error| ChainError::UnreadableEffect {
        tx_hash: landed.receipt.tx_hash.clone(),
        height: landed.receipt.height,
        reason: error.to_string(),
    })
}

/// What an execution did.
pub(super) fn executed(landed: &Landed) -> Result<Executed, FieldError> {
    Ok(Executed {
        tx_hash: landed.receipt.tx_hash.clone(),
        height: landed.receipt.height,
        gas_used: landed.effects.gas_used()?,
        events: landed.effects.events(landed.position)?,
    })
}

/// The code that was stored.
pub(super) fn stored_code(landed: &Landed) -> Result<CodeId, FieldError> {
    let response: MsgStoreCodeResponse = landed.effects.response(landed.position)?;
    code("code_id", response.code_id)
}

/// The contract that was made.
pub(super) fn new_contract(landed: &Landed) -> Result<AccountAddress, FieldError> {
    let response: MsgInstantiateContractResponse = landed.effects.response(landed.position)?;
    address("address", &response.address)
}

/// What the chain knows of a contract.
pub(super) fn contract(answer: Option<WireContractInfo>) -> Result<ContractInfo, FieldError> {
    let answer = field::required("contract_info", answer)?;
    read_contract(answer).map_err(|error| error.inside("contract_info"))
}

fn read_contract(answer: WireContractInfo) -> Result<ContractInfo, FieldError> {
    Ok(ContractInfo {
        code: code("code_id", answer.code_id)?,
        creator: address("creator", &answer.creator)?,
        admin: match answer.admin.as_str() {
            "" => None,
            admin => Some(address("admin", admin)?),
        },
        label: answer.label,
    })
}

/// What `contract` is told by those of the messages that are for it.
pub(super) fn told(
    contract: &AccountAddress,
    messages: impl IntoIterator<Item = Any>,
) -> Result<Vec<Vec<u8>>, FieldError> {
    let type_url = MsgExecuteContract::type_url();
    let mut told = Vec::new();
    for message in messages {
        if message.type_url != type_url {
            continue;
        }
        let execute = MsgExecuteContract::decode(message.value.as_slice())
            .map_err(|error| FieldError::new("txs.body.messages", error))?;
        if execute.contract == contract.text() {
            told.push(execute.msg);
        }
    }
    Ok(told)
}

fn code(name: &str, number: u64) -> Result<CodeId, FieldError> {
    match number {
        0 => Err(FieldError::new(name, "0, but codes are counted from 1")),
        number => Ok(CodeId(number)),
    }
}

fn address(name: &str, text: &str) -> Result<AccountAddress, FieldError> {
    text.parse().map_err(|error| FieldError::new(name, error))
}

/// Most characters of what is said to be wrong with an answer: that quotes the answer, which may be megabytes.
const LONGEST_COMPLAINT: usize = 300;

/// A contract's JSON.
pub(super) fn json<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, FieldError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = beginning(&error.path());
        let problem = beginning(error.inner());
        // A dot is the whole.
        match path.as_str() {
            "." => FieldError::new(name, problem),
            path => FieldError::new(format!("{name}.{path}"), problem),
        }
    })?;
    json.end().map_err(|error| FieldError::new(name, error))?;
    Ok(value)
}

/// As much of a text as is told of it.
fn beginning(text: &impl ToString) -> String {
    let mut text = text.to_string();
    if let Some((end, _)) = text.char_indices().nth(LONGEST_COMPLAINT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
