use std::sync::Arc;

use proptest::prelude::*;
use proto::cosmos::base::abci::v1beta1::{TxMsgData, TxResponse};
use proto::prost::{Message as _, Name};
use serde::Deserialize;
use staking::units::ChainHeight;

use super::*;
use crate::Receipt;
use crate::cosmos::effects::Effects;
use crate::cosmos::message::pack;

const CONTRACT: &str = "wasm14hj2tavq8fpesdwxxcu44rty3hh90vhujrvcmstl4zr3txmfvw9s0phg4d";

#[derive(Debug, PartialEq, Deserialize)]
struct Tip {
    height: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Answer {
    tips: Vec<Tip>,
}

fn landed(response: TxResponse) -> Landed {
    Landed {
        receipt: Receipt {
            tx_hash: "AB".repeat(32),
            height: ChainHeight(7),
        },
        position: 0,
        effects: Arc::new(Effects::from(response)),
    }
}

fn with_response(response: &impl Name) -> Landed {
    let data = TxMsgData {
        msg_responses: vec![pack(response)],
    };
    landed(TxResponse {
        data: hex::encode_upper(data.encode_to_vec()),
        ..TxResponse::default()
    })
}

#[test]
fn code_and_contract_are_what_the_chain_gave_back() {
    let stored = with_response(&MsgStoreCodeResponse { code_id: 3 });
    assert_eq!(effect(&stored, stored_code).unwrap(), CodeId(3));
    let made = with_response(&MsgInstantiateContractResponse {
        address: CONTRACT.to_owned(),
    });
    assert_eq!(effect(&made, new_contract).unwrap().text(), CONTRACT);
}

#[test]
fn what_a_contract_was_told_is_what_was_sent_to_it() {
    let contract: AccountAddress = CONTRACT.parse().unwrap();
    let other = AccountAddress::new("wasm", &[7; 32]).unwrap();
    let execute = |contract: &AccountAddress, msg: &str| {
        pack(&MsgExecuteContract {
            sender: String::new(),
            contract: contract.text().to_owned(),
            msg: msg.as_bytes().to_vec(),
            funds: Vec::new(),
        })
    };
    let messages = [
        execute(&contract, "{}"),
        execute(&other, "{\"not\":1}"),
        pack(&MsgStoreCodeResponse { code_id: 3 }),
        execute(&contract, "{\"stake\":1}"),
    ];
    let heard = told(&contract, messages).unwrap();
    assert_eq!(heard, [b"{}".to_vec(), b"{\"stake\":1}".to_vec()]);
    let broken = Any {
        type_url: MsgExecuteContract::type_url(),
        value: vec![0xff],
    };
    let error = told(&contract, [broken]).unwrap_err();
    assert_eq!(error.path(), "txs.body.messages");
}

#[test]
fn an_unreadable_effect_names_the_transaction_and_the_field() {
    let expected = format!(
        "transaction {} took effect at height 7, but the node's account of it is unreadable: field `gas_used`: -1 is \
         out of range",
        "AB".repeat(32)
    );
    let negative = landed(TxResponse {
        gas_used: -1,
        ..TxResponse::default()
    });
    let error = effect(&negative, executed).unwrap_err();
    assert_eq!(error.to_string(), expected);

    let stored = with_response(&MsgStoreCodeResponse::default());
    let error = effect(&stored, stored_code).unwrap_err().to_string();
    assert!(error.contains("`code_id`"), "{error}");
    let made = with_response(&MsgInstantiateContractResponse {
        address: CONTRACT.to_uppercase(),
    });
    let error = effect(&made, new_contract).unwrap_err().to_string();
    assert!(error.contains("`address`"), "{error}");
}

#[test]
fn an_empty_admin_is_none() {
    let info = WireContractInfo {
        code_id: 3,
        creator: CONTRACT.to_owned(),
        admin: String::new(),
        label: "light".to_owned(),
    };
    assert_eq!(contract(Some(info.clone())).unwrap().admin, None);
    let admin = WireContractInfo {
        admin: CONTRACT.to_owned(),
        ..info.clone()
    };
    let read = contract(Some(admin)).unwrap();
    assert_eq!(read.admin.unwrap().text(), CONTRACT);
    let broken = WireContractInfo {
        admin: "somebody".to_owned(),
        ..info
    };
    let error = contract(Some(broken)).unwrap_err();
    assert_eq!(error.path(), "contract_info.admin");
}

#[test]
fn json_is_read_whole_or_the_bad_place_is_named() {
    let answer: Answer = json("data", br#"{"tips":[{"height":5}],"new":1}"#).unwrap();
    assert_eq!(answer.tips, [Tip { height: 5 }]);
    for (text, path) in [
        (
            r#"{"tips":[{"height":5},{"height":-1}]}"#,
            "data.tips[1].height",
        ),
        (r#"{"tips":[{}]}"#, "data.tips[0]"),
        ("[]", "data"),
        ("", "data"),
        (r#"{"tips":[]} {"tips":[]}"#, "data"),
    ] {
        let error = json::<Answer>("data", text.as_bytes()).unwrap_err();
        assert_eq!(error.path(), path, "{error}");
    }
}

#[test]
fn what_is_wrong_with_an_answer_is_told_in_few_words_however_long_it_is() {
    // The text is quoted where a number was expected.
    let long = "\u{e9}".repeat(1 << 20);
    let answer = serde_json::json!({ "tips": [{ "height": long }] });
    let error = json::<Answer>("data", answer.to_string().as_bytes()).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("invalid type: string"), "{told}");
    assert!(told.chars().count() < 400, "{told}");
}

#[test]
fn json_nested_without_end_is_refused() {
    let error = json::<serde_json::Value>("data", "[".repeat(1 << 20).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("recursion"), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_answers_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        text in "[{}\\[\\]\":,a-z0-9]{0,80}",
        code_id in any::<u64>(),
        address in ".{0,80}",
    ) {
        let _ = json::<Answer>("data", &bytes);
        let _ = json::<Answer>("data", text.as_bytes());
        let _ = json::<serde_json::Value>("data", text.as_bytes());
        let info = WireContractInfo { code_id, creator: address.clone(), admin: text, label: address.clone() };
        let _ = contract(Some(info));
        let _ = effect(&with_response(&MsgStoreCodeResponse { code_id }), stored_code);
        let _ = effect(&with_response(&MsgInstantiateContractResponse { address }), new_contract);
        let data = hex::encode(bytes);
        let _ = effect(&landed(TxResponse { data, ..TxResponse::default() }), new_contract);
    }
}
