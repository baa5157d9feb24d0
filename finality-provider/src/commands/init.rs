//! `init`.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use daemon::config::write_template;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use crate::config::TEMPLATE;

#[derive(Serialize)]
struct Made {
    config: PathBuf,
    home: PathBuf,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "configuration: {}", self.config.display())?;
        writeln!(f, "home:          {}", self.home.display())?;
        write!(
            f,
            "next: edit the configuration, then `finality-provider keys new --name main`"
        )
    }
}

/// Makes the home directory and writes a commented configuration; touches nothing that is there.
pub fn run(context: &Context) -> Result<Answer, CommandError> {
    let home = context.home()?.to_owned();
    let keys = home.join("keys");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&keys)
        .map_err(|error| {
            let message = format!("{} cannot be created: {error}", keys.display());
            CommandError::new(Exit::Failed, "directory-not-created", message)
        })?;
    let config = context.paths().config()?.to_owned();
    write_template(&config, TEMPLATE)?;
    Ok(Made { config, home }.into())
}
