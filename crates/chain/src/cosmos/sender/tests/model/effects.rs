//! What the model tells of its transactions.

use proto::cosmos::base::abci::v1beta1::TxResponse;
use proto::prost::Message as _;
use proto::tendermint::abci::{Event, EventAttribute};

use super::gas;
use crate::cosmos::effects::Effects;

/// Every message tells its text in an event.
pub(super) fn effects(messages: &[String]) -> Effects {
    let attribute = |key: &str, value: String| EventAttribute {
        key: key.to_owned(),
        value,
    };
    let events = messages.iter().enumerate().map(|(position, message)| {
        Event {
            r#type: "executed".to_owned(),
            attributes: vec![
                attribute("text", message.clone()),
                attribute("msg_index", position.to_string()),
            ],
        }
        .encode_to_vec()
    });
    Effects::from(TxResponse {
        gas_used: i64::try_from(gas(messages)).unwrap(),
        events: events.collect(),
        ..TxResponse::default()
    })
}
