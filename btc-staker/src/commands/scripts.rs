//! `scripts`: what follows from a delegation's parameters.

use std::io::Read;

use daemon::output::{Answer, CommandError, Exit};

use crate::scripts::{Request, ScriptsError};

/// Most that is read; the largest transaction that fits a block is 8 MB in hex.
const MAX_INPUT: u64 = 16 << 20;

/// Reads a request from `input` and answers it.
pub fn execute(input: impl Read) -> Result<Answer, CommandError> {
    let mut text = String::new();
    input
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .map_err(|error| malformed(format!("stdin cannot be read: {error}")))?;
    let mut json = serde_json::Deserializer::from_str(&text);
    let request: Request = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| malformed(format!("{}: {}", error.path(), error.inner())))?;
    json.end().map_err(|error| malformed(error.to_string()))?;
    Ok(request.build()?.into())
}

fn malformed(reason: String) -> CommandError {
    CommandError::new(Exit::Usage, "malformed-input", reason)
        .with_hint("the manual shows the fields of the JSON object that is read from stdin")
}

impl From<ScriptsError> for CommandError {
    fn from(error: ScriptsError) -> Self {
        let (exit, code) = match error {
            ScriptsError::StakingTransaction(_) | ScriptsError::IndexWithoutTransaction => {
                (Exit::Usage, "malformed-input")
            }
            _ => (Exit::Failed, "invalid-delegation"),
        };
        Self::caused_by(exit, code, &error)
    }
}
