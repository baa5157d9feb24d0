//! What the messages of a transaction did, as the node tells it.

use std::collections::HashMap;
use std::sync::OnceLock;

use proto::cosmos::base::abci::v1beta1::{TxMsgData, TxResponse};
use proto::field::{self, FieldError};
use proto::prost::{Message as _, Name};
use proto::prost_types::Any;
use proto::tendermint::abci::Event as WireEvent;

/// Attribute that the SDK puts behind all others of an event: which of the transaction's messages it is of.
const MESSAGE_INDEX: &str = "msg_index";

/// Something that a message did, as modules and contracts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type, such as `wasm`.
    pub kind: String,
    /// Keys and values, in their order.
    pub attributes: Vec<(String, String)>,
}

impl Event {
    /// Value of the first attribute with this key.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find_map(|(name, value)| (name == key).then_some(value.as_str()))
    }
}

/// What an included transaction did. It is read when somebody asks: most callers only need to know that it is in a block.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    gas_used: i64,
    data: String,
    events: Vec<Vec<u8>>,
    by_message: OnceLock<Result<HashMap<usize, Vec<Event>>, FieldError>>,
}

impl From<TxResponse> for Effects {
    fn from(response: TxResponse) -> Self {
        Self {
            gas_used: response.gas_used,
            data: response.data,
            events: response.events,
            by_message: OnceLock::new(),
        }
    }
}

impl Effects {
    /// Gas that the transaction used.
    pub(crate) fn gas_used(&self) -> Result<u64, FieldError> {
        field::number("gas_used", self.gas_used)
    }

    /// Events of the message at a position, without the attribute that says so.
    pub(crate) fn events(&self, position: usize) -> Result<Vec<Event>, FieldError> {
        let by_message = self.by_message.get_or_init(|| by_message(&self.events));
        match by_message {
            Ok(events) => Ok(events.get(&position).cloned().unwrap_or_default()),
            Err(error) => Err(error.clone()),
        }
    }

    /// What the message at a position gave back.
    pub(crate) fn response<M: Name + Default>(&self, position: usize) -> Result<M, FieldError> {
        let bytes = field::hex("data", &self.data)?;
        let data =
            TxMsgData::decode(bytes.as_slice()).map_err(|error| FieldError::new("data", error))?;
        let path = format!("data.msg_responses[{position}]");
        let response = field::required(&path, data.msg_responses.get(position))?;
        unpack(response).map_err(|error| error.inside(path))
    }
}

fn unpack<M: Name + Default>(any: &Any) -> Result<M, FieldError> {
    if any.type_url.strip_prefix('/') != Some(M::full_name().as_str()) {
        let problem = format!("`{}` where a {} is expected", any.type_url, M::full_name());
        return Err(FieldError::new("type_url", problem));
    }
    M::decode(any.value.as_slice()).map_err(|error| FieldError::new("value", error))
}

fn by_message(events: &[Vec<u8>]) -> Result<HashMap<usize, Vec<Event>>, FieldError> {
    let mut by_message = HashMap::<usize, Vec<Event>>::new();
    let events = field::each("events", events, |bytes| read_event(bytes))?;
    for (position, event) in events.into_iter().flatten() {
        by_message.entry(position).or_default().push(event);
    }
    Ok(by_message)
}

/// Reads an event and the position of its message; `None` where it is of the transaction as a whole.
fn read_event(bytes: &[u8]) -> Result<Option<(usize, Event)>, FieldError> {
    let event = WireEvent::decode(bytes).map_err(|error| FieldError::new("", error))?;
    let mut attributes: Vec<(String, String)> = event
        .attributes
        .into_iter()
        .map(|attribute| (attribute.key, attribute.value))
        .collect();
    // A contract may have an attribute of this name, too: only the last is the SDK's.
    let Some((_, position)) = attributes.pop_if(|(key, _)| key == MESSAGE_INDEX) else {
        return Ok(None);
    };
    let position = position.parse().map_err(|_| {
        FieldError::new(
            MESSAGE_INDEX,
            format!("`{position}` is not a position of a message"),
        )
    })?;
    let event = Event {
        kind: event.r#type,
        attributes,
    };
    Ok(Some((position, event)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::cosmwasm::wasm::v1::{MsgInstantiateContractResponse, MsgStoreCodeResponse};
    use proto::tendermint::abci::EventAttribute;

    use super::*;
    use crate::cosmos::message::pack;

    fn event(kind: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
        let attributes = attributes
            .iter()
            .map(|(key, value)| EventAttribute {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        WireEvent {
            r#type: kind.to_owned(),
            attributes,
        }
        .encode_to_vec()
    }

    fn with_events(events: Vec<Vec<u8>>) -> Effects {
        Effects::from(TxResponse {
            events,
            ..TxResponse::default()
        })
    }

    fn with_responses(msg_responses: Vec<Any>) -> Effects {
        let data = TxMsgData { msg_responses }.encode_to_vec();
        Effects::from(TxResponse {
            data: hex::encode_upper(data),
            ..TxResponse::default()
        })
    }

    #[test]
    fn every_message_has_the_events_of_its_own() {
        let effects = with_events(vec![
            event("tx", &[("fee", "1stake")]),
            event("wasm", &[("tip", "5"), ("msg_index", "0")]),
            event("transfer", &[("msg_index", "1")]),
            event("wasm", &[("tip", "6"), ("msg_index", "1")]),
        ]);
        let [first] = effects.events(0).unwrap().try_into().unwrap();
        assert_eq!(first.attributes, [("tip".to_owned(), "5".to_owned())]);
        let second = effects.events(1).unwrap();
        assert_eq!(second[1].attribute("tip"), Some("6"));
        assert_eq!(second[1].attribute("msg_index"), None);
        assert!(effects.events(2).unwrap().is_empty());
    }

    #[test]
    fn a_contract_cannot_pass_its_event_off_as_that_of_another_message() {
        let effects = with_events(vec![event(
            "wasm",
            &[("msg_index", "1"), ("msg_index", "0")],
        )]);
        assert!(effects.events(1).unwrap().is_empty());
        assert_eq!(
            effects.events(0).unwrap()[0].attribute("msg_index"),
            Some("1")
        );
    }

    #[test]
    fn what_a_message_gave_back_is_found_by_its_position() {
        let response = MsgStoreCodeResponse { code_id: 7 };
        let other = MsgInstantiateContractResponse::default();
        let effects = with_responses(vec![pack(&other), pack(&response)]);
        let read: MsgStoreCodeResponse = effects.response(1).unwrap();
        assert_eq!(read.code_id, 7);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let negative = Effects::from(TxResponse {
            gas_used: -1,
            ..TxResponse::default()
        });
        assert_eq!(negative.gas_used().unwrap_err().path(), "gas_used");

        let broken = with_events(vec![event("tx", &[]), vec![0xff]]);
        for position in 0..2 {
            assert_eq!(broken.events(position).unwrap_err().path(), "events[1]");
        }
        let odd = with_events(vec![event("wasm", &[("msg_index", "-1")])]);
        let error = odd.events(0).unwrap_err();
        assert_eq!(error.path(), "events[0].msg_index");

        let refused = |effects: Effects| {
            let response = effects.response::<MsgStoreCodeResponse>(0);
            response.unwrap_err().path().to_owned()
        };
        let other = pack(&MsgInstantiateContractResponse::default());
        assert_eq!(
            refused(with_responses(vec![other])),
            "data.msg_responses[0].type_url"
        );
        assert_eq!(refused(with_responses(vec![])), "data.msg_responses[0]");
        let no_hex = TxResponse {
            data: "zz".to_owned(),
            ..TxResponse::default()
        };
        assert_eq!(refused(no_hex.into()), "data");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            gas_used in any::<i64>(),
            data in prop::collection::vec(any::<u8>(), 0..60),
            events in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
            position in any::<usize>(),
        ) {
            let data = hex::encode(data);
            let effects = Effects::from(TxResponse { gas_used, data, events, ..TxResponse::default() });
            let _ = effects.gas_used();
            let _ = effects.events(position);
            let _ = effects.response::<MsgStoreCodeResponse>(position);
        }
    }
}
