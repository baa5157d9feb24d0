//! What contracts are to do, in the chain's form.

use std::collections::BTreeMap;

use proto::cosmos::bank::v1beta1::MsgSend;
use proto::cosmos::base::v1beta1::Coin as WireCoin;
use proto::cosmwasm::wasm::v1::{MsgExecuteContract, MsgInstantiateContract, MsgStoreCode};
use proto::field::FieldError;
use proto::prost::Name;
use serde::Serialize;
use serde::de::IgnoredAny;
use staking::proof_of_possession::AccountAddress;

use super::{CodeId, Coin, Execution};
use crate::ChainError;
use crate::cosmos::message::{Encoded, pack};

/// A message to a contract in JSON.
pub(super) fn json(msg: &impl Serialize) -> Result<Vec<u8>, ChainError> {
    serde_json::to_vec(msg).map_err(|error| invalid(&FieldError::new("msg", error)))
}

/// Stores code.
pub(super) fn store_code(sender: &str, wasm: Vec<u8>) -> Encoded {
    charged(&MsgStoreCode {
        sender: sender.to_owned(),
        wasm_byte_code: wasm,
    })
}

/// Makes a contract.
pub(super) fn instantiate(
    sender: &str,
    code: CodeId,
    msg: Vec<u8>,
    label: &str,
    admin: Option<&AccountAddress>,
) -> Encoded {
    charged(&MsgInstantiateContract {
        sender: sender.to_owned(),
        admin: admin.map_or_else(String::new, |admin| admin.text().to_owned()),
        code_id: code.0,
        label: label.to_owned(),
        msg,
        funds: Vec::new(),
    })
}

/// Tells a contract something.
pub(super) fn execute(sender: &str, execution: Execution) -> Result<Encoded, ChainError> {
    let message = || {
        serde_json::from_slice::<IgnoredAny>(&execution.msg)
            .map_err(|error| FieldError::new("msg", format!("not JSON: {error}")))?;
        Ok(MsgExecuteContract {
            sender: sender.to_owned(),
            contract: execution.contract.text().to_owned(),
            funds: coins("funds", execution.funds)?,
            msg: execution.msg,
        })
    };
    message()
        .map(|message| charged(&message))
        .map_err(|error| invalid(&error))
}

/// Sends coins.
pub(super) fn send(sender: &str, to: &AccountAddress, coin: Coin) -> Result<Encoded, ChainError> {
    let amount = coins("amount", vec![coin]).map_err(|error| invalid(&error))?;
    Ok(charged(&MsgSend {
        from_address: sender.to_owned(),
        to_address: to.text().to_owned(),
        amount,
    }))
}

/// Coins as the chain takes them: by denomination, each once, none of amount 0.
fn coins(name: &str, coins: Vec<Coin>) -> Result<Vec<WireCoin>, FieldError> {
    let mut amounts = BTreeMap::new();
    for Coin {
        denomination,
        amount,
    } in coins
    {
        if amount == 0 {
            return Err(FieldError::new(name, format!("0 of `{denomination}`")));
        }
        if amounts.contains_key(&denomination) {
            return Err(FieldError::new(name, format!("`{denomination}` twice")));
        }
        amounts.insert(denomination, amount);
    }
    let coin = |(denom, amount): (String, u128)| WireCoin {
        denom,
        amount: amount.to_string(),
    };
    Ok(amounts.into_iter().map(coin).collect())
}

fn charged(message: &impl Name) -> Encoded {
    Encoded {
        message: pack(message),
        refundable: false,
    }
}

fn invalid(error: &FieldError) -> ChainError {
    ChainError::InvalidMessage {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACCOUNT: &str = "wasm1account";
    const CONTRACT: &str = "wasm14hj2tavq8fpesdwxxcu44rty3hh90vhujrvcmstl4zr3txmfvw9s0phg4d";

    fn coin(denomination: &str, amount: u128) -> Coin {
        Coin {
            denomination: denomination.to_owned(),
            amount,
        }
    }

    fn execution(funds: Vec<Coin>) -> Execution {
        let contract = CONTRACT.parse().unwrap();
        Execution {
            funds,
            ..Execution::new(contract, &json!({"tip": {}})).unwrap()
        }
    }

    fn decoded<M: Name + Default>(encoded: &Encoded) -> M {
        assert!(!encoded.refundable);
        assert_eq!(encoded.message.type_url, format!("/{}", M::full_name()));
        M::decode(encoded.message.value.as_slice()).unwrap()
    }

    #[test]
    fn an_execution_is_sent_as_given_with_its_funds_in_the_chains_order() {
        let given = execution(vec![coin("ustake", 7), coin("atom", u128::MAX)]);
        let sent: MsgExecuteContract = decoded(&execute(ACCOUNT, given).unwrap());
        assert_eq!(
            (sent.sender.as_str(), sent.contract.as_str()),
            (ACCOUNT, CONTRACT)
        );
        assert_eq!(sent.msg, br#"{"tip":{}}"#);
        let funds: Vec<_> = sent
            .funds
            .into_iter()
            .map(|coin| (coin.denom, coin.amount))
            .collect();
        assert_eq!(
            funds,
            [
                ("atom".to_owned(), u128::MAX.to_string()),
                ("ustake".to_owned(), "7".to_owned())
            ]
        );
    }

    #[test]
    fn what_the_chain_would_refuse_anyway_is_named_before_it_is_sent() {
        let no_json = Execution {
            msg: b"{\"tip\":}".to_vec(),
            ..execution(vec![])
        };
        for (bad, words) in [
            (no_json, "field `msg`: not JSON"),
            (
                execution(vec![coin("stake", 0)]),
                "field `funds`: 0 of `stake`",
            ),
            (
                execution(vec![coin("stake", 1), coin("stake", 2)]),
                "field `funds`: `stake` twice",
            ),
        ] {
            let error = execute(ACCOUNT, bad).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn an_admin_is_empty_unless_given() {
        let admin = CONTRACT.parse().unwrap();
        for (given, sent) in [(None, ""), (Some(&admin), CONTRACT)] {
            let message = instantiate(ACCOUNT, CodeId(5), b"{}".to_vec(), "light", given);
            let message: MsgInstantiateContract = decoded(&message);
            assert_eq!(message.admin, sent);
            assert_eq!((message.code_id, message.label.as_str()), (5, "light"));
        }
    }

    #[test]
    fn code_is_sent_as_given() {
        let message: MsgStoreCode = decoded(&store_code(ACCOUNT, vec![0, 97, 115, 109]));
        assert_eq!(message.wasm_byte_code, [0, 97, 115, 109]);
    }
}
