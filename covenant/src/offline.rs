//! Judgements that need neither key nor network, so that others can check the committee's rules.
//!
//! Both read one JSON object. Values of a wrong type, unknown fields and text that is not hexadecimal are errors of the
//! question; everything else is judged, and the answer names the rule.

mod adaptor_signature;
mod delegation;

pub use adaptor_signature::AdaptorSignatureQuestion;
pub use delegation::{DelegationQuestion, Judgement};

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Bytes written in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text).map(Self).map_err(|error| {
            D::Error::custom(format_args!(
                "`{}` is not hexadecimal: {error}",
                shortened(&text)
            ))
        })
    }
}

/// The beginning of a text, for messages.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 20;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
