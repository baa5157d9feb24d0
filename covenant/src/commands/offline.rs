//! `verify-adaptor-signature` and `check-delegation`: one JSON object on stdin, one answer.

use std::fmt;
use std::io::{self, Read};

use daemon::output::{Answer, CommandError, Exit};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::offline::{AdaptorSignatureQuestion, DelegationQuestion};

/// Most bytes that are read: several times the largest transactions that Bitcoin relays, in hexadecimal.
const MAX_INPUT: u64 = 16 << 20;

#[derive(Serialize)]
struct Validity {
    valid: bool,
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid { "valid" } else { "not valid" })
    }
}

pub(super) fn verify_adaptor_signature() -> Result<Answer, CommandError> {
    let question: AdaptorSignatureQuestion = read()?;
    Ok(Validity {
        valid: question.is_valid(),
    }
    .into())
}

pub(super) fn check_delegation() -> Result<Answer, CommandError> {
    let question: DelegationQuestion = read()?;
    Ok(question.judge().into())
}

fn read<T: DeserializeOwned>() -> Result<T, CommandError> {
    let mut input = String::new();
    let invalid = |message: String| {
        CommandError::new(
            Exit::Usage,
            "invalid-input",
            format!("the input on stdin: {message}"),
        )
        .with_hint("docs/manual/covenant.md lists the fields")
    };
    io::stdin()
        .lock()
        .take(MAX_INPUT)
        .read_to_string(&mut input)
        .map_err(|error| invalid(error.to_string()))?;
    serde_json::from_str(&input).map_err(|error| invalid(error.to_string()))
}
