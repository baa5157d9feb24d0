//! What a successful command has to say, for people and for scripts.

use std::fmt::Display;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::Exit;

/// The result of a command in both forms.
///
/// A command returns one struct that is [`Serialize`] (for `--json`) and [`Display`] (for people); `?` and `.into()`
/// turn it into an `Answer`:
///
/// ```
/// use daemon::output::{Answer, CommandError};
///
/// #[derive(serde::Serialize)]
/// struct Balance {
///     confirmed_sat: u64,
/// }
///
/// impl std::fmt::Display for Balance {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "{} sat", self.confirmed_sat)
///     }
/// }
///
/// fn balance() -> Result<Answer, CommandError> {
///     Ok(Balance { confirmed_sat: 1_000 }.into())
/// }
/// # assert!(balance().is_ok());
/// ```
///
/// Many JSON readers lose digits above 2^53: serialize amounts that can be larger as strings.
#[derive(Debug)]
pub struct Answer {
    pub(super) json: Result<Box<RawValue>, serde_json::Error>,
    pub(super) text: String,
    pub(super) exit: Exit,
}

impl Answer {
    /// The result of something that was started and is not finished: ends with [`Exit::Pending`].
    pub fn pending(result: impl Serialize + Display) -> Self {
        Self {
            exit: Exit::Pending,
            ..Self::from(result)
        }
    }

    /// The result of something that was done for some items only: ends with [`Exit::Partial`].
    pub fn partial(result: impl Serialize + Display) -> Self {
        Self {
            exit: Exit::Partial,
            ..Self::from(result)
        }
    }
}

impl<T: Serialize + Display> From<T> for Answer {
    fn from(result: T) -> Self {
        Self {
            json: to_raw_value(&result),
            text: result.to_string(),
            exit: Exit::Success,
        }
    }
}
