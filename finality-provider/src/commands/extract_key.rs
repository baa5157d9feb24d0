//! `extract-key`.

use std::io::stdin;

use daemon::output::{Answer, CommandError};

use crate::extract_key::{extract_key, read_votes};

/// Reads two votes on stdin and shows the key they reveal.
pub fn run() -> Result<Answer, CommandError> {
    extract_key(&read_votes(stdin().lock())?).map(Into::into)
}
