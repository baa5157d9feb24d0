//! Messages in the form that transactions carry.

use proto::prost::Name;
use proto::prost_types::Any;

/// A message ready to be put into a transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encoded {
    /// The message.
    pub(crate) message: Any,
    /// Whether the chain gives the fee back when it succeeds; Babylon does for some (spec 2.1, 2.16).
    pub(crate) refundable: bool,
}

/// Wraps a message with its type. The chain's type URLs begin with a slash and nothing before it.
pub(crate) fn pack<M: Name>(message: &M) -> Any {
    Any {
        type_url: format!("/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}
