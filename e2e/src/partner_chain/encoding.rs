//! Values in the contracts' JSON.

use anyhow::Context as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bitcoin::hex::FromHex as _;
use serde_json::Value;

/// Bytes as the contracts take them, but for those of a length of 32.
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// A text in an answer.
pub(super) fn text<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    let text = answer.get(name).and_then(Value::as_str);
    text.with_context(|| format!("no text `{name}` in {answer}"))
}

/// A number in an answer.
pub(crate) fn number(answer: &Value, name: &str) -> anyhow::Result<u64> {
    let number = answer.get(name).and_then(Value::as_u64);
    number.with_context(|| format!("no number `{name}` in {answer}"))
}

/// Thirty-two bytes in hex, of either case.
pub(super) fn bytes32(text: &str) -> anyhow::Result<[u8; 32]> {
    <[u8; 32]>::from_hex(text).with_context(|| format!("`{text}` is not 32 bytes in hex"))
}
