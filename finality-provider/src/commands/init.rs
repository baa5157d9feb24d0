//! `init`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use daemon::output::{Answer, CommandError, Exit};
use daemon::program::{Context, Initialised};

use crate::config::TEMPLATE;

const NEXT: &str = "edit the configuration, then `finality-provider keys new --name main`";

/// Creates the directories, and the configuration unless there is one.
pub fn run(context: &Context) -> Result<Answer, CommandError> {
    let keys = context.home()?.join("keys");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&keys)
        .map_err(|error| {
            let message = format!("{} cannot be created: {error}", keys.display());
            CommandError::new(Exit::Failed, "directory-not-created", message)
        })?;
    Initialised::new(context, TEMPLATE, NEXT).map(Into::into)
}
