//! Reading one field of a message that came from outside, with errors that name it.

use std::fmt::Display;

/// A field that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{path}`: {problem}")]
pub struct FieldError {
    path: String,
    problem: String,
}

impl FieldError {
    /// Creates an error: `problem` says what the field holds and what it should.
    ///
    /// An empty `field` stands for the value itself, to be named by [`FieldError::inside`].
    pub fn new(field: impl Into<String>, problem: impl Display) -> Self {
        Self {
            path: field.into(),
            problem: problem.to_string(),
        }
    }

    /// The same error as seen from the message that holds this one in its field `parent`.
    #[must_use]
    pub fn inside(self, parent: impl Display) -> Self {
        let path = match self.path.as_str() {
            "" => parent.to_string(),
            path => format!("{parent}.{path}"),
        };
        Self {
            path,
            problem: self.problem,
        }
    }

    /// Where the field is, such as `params.covenant_pks[2]`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Reads bytes of a fixed length.
pub fn array<const LENGTH: usize>(field: &str, bytes: &[u8]) -> Result<[u8; LENGTH], FieldError> {
    bytes.try_into().map_err(|_| {
        FieldError::new(
            field,
            format!("{} bytes where {LENGTH} are expected", bytes.len()),
        )
    })
}

/// Reads a field that must be present.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or_else(|| FieldError::new(field, "missing"))
}

/// Reads hexadecimal text.
pub fn hex(field: &str, text: &str) -> Result<Vec<u8>, FieldError> {
    hex::decode(text).map_err(|error| FieldError::new(field, format!("not hexadecimal: {error}")))
}

/// Reads a number into a narrower or unsigned type.
pub fn number<To, From>(field: &str, value: From) -> Result<To, FieldError>
where
    From: Copy + Display,
    To: TryFrom<From>,
{
    To::try_from(value).map_err(|_| FieldError::new(field, format!("{value} is out of range")))
}

/// Reads every item of a repeated field.
///
/// `read` gives its errors an empty path, or one inside the item; the field's name and the index are put before it.
pub fn each<Item, T>(
    field: &str,
    items: impl IntoIterator<Item = Item>,
    mut read: impl FnMut(Item) -> Result<T, FieldError>,
) -> Result<Vec<T>, FieldError> {
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| read(item).map_err(|error| error.inside(format!("{field}[{index}]"))))
        .collect()
}
