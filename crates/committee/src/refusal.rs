//! A member's typed no.

use serde::Serialize;

/// A delegation that is not signed, now or ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message} (rule {rule})")]
pub struct Refusal {
    /// Name of the broken rule, such as `unbonding-fee`; it does not change between versions.
    pub rule: String,
    /// The value and the rule, for people.
    pub message: String,
}

impl Refusal {
    /// A refusal by the rule of this name.
    pub fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            message: message.into(),
        }
    }
}
