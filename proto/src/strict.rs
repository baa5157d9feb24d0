//! Decoding that refuses fields the receiver does not know.
//!
//! Protobuf decoders drop unknown fields silently. For a signer that is wrong: the sender may have meant the dropped
//! field to matter. The check costs one re-encoding: what was understood must be as long as what was received.

use std::marker::PhantomData;

use prost::bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

/// Why bytes are not a message that we understand entirely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are no such message; the text names the field.
    #[error("{message}: {reason}")]
    Malformed {
        /// Full name of the message's type.
        message: String,
        /// The decoder's words.
        reason: String,
    },
    /// The message has a field that its type does not know, or one encoded in an unusual way.
    #[error("{message}: unknown field number {path}; do both programs have the same version?")]
    UnknownField {
        /// Full name of the message's type.
        message: String,
        /// Field numbers from the message down to the unknown field, joined by dots.
        path: String,
    },
}

/// Decodes a message and refuses one with unknown fields.
pub fn decode<M: Message + Name + Default>(bytes: &Bytes) -> Result<M, DecodeError> {
    let message = M::decode(bytes.clone()).map_err(|error| DecodeError::Malformed {
        message: M::full_name(),
        reason: error.to_string(),
    })?;
    if message.encoded_len() == bytes.len() {
        return Ok(message);
    }
    let known = Bytes::from(message.encode_to_vec());
    let path = unknown_field(bytes, &known).unwrap_or_else(|| String::from("?"));
    Err(DecodeError::UnknownField {
        message: M::full_name(),
        path,
    })
}

/// One field as it is on the wire: its number, and the content where it may be a message.
type Field = (u32, Option<Bytes>);

fn fields(message: &Bytes) -> Option<Vec<Field>> {
    let mut rest = message.clone();
    let mut fields = Vec::new();
    while rest.has_remaining() {
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let content = if wire_type == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
            if length > rest.len() {
                return None;
            }
            Some(rest.split_to(length))
        } else {
            skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
            None
        };
        fields.push((number, content));
    }
    Some(fields)
}

/// Path to the first field of `received` that is not in `known`, which is `received` without such fields.
fn unknown_field(received: &Bytes, known: &Bytes) -> Option<String> {
    let mut known = fields(known)?;
    for (number, content) in fields(received)? {
        let Some(index) = known.iter().position(|(other, _)| *other == number) else {
            return Some(number.to_string());
        };
        let (_, understood) = known.remove(index);
        if let (Some(content), Some(understood)) = (content, understood)
            && content.len() != understood.len()
        {
            let inner = unknown_field(&content, &understood);
            return Some(inner.map_or(number.to_string(), |path| format!("{number}.{path}")));
        }
    }
    None
}

/// A gRPC codec that refuses messages with unknown fields; otherwise [`ProstCodec`].
#[derive(Debug, Clone)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decoder of [`StrictCodec`].
#[derive(Debug, Clone)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        decode(&bytes)
            .map(Some)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }
}
