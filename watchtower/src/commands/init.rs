//! `init`.

use std::fmt;
use std::path::PathBuf;

use daemon::config::write_template;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use super::not_made;
use crate::config::TEMPLATE;
use crate::home::Home;

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
            "next: edit the configuration, then `watchtower wallet new`"
        )
    }
}

/// Makes the home directory and writes a commented configuration; touches nothing that is there.
pub fn run(context: &Context) -> Result<Answer, CommandError> {
    let home = Home::new(context.home()?);
    home.create()
        .map_err(|error| not_made(&home.path().display().to_string(), &error))?;
    let config = context.paths().config()?.to_owned();
    write_template(&config, TEMPLATE)?;
    Ok(Made {
        config,
        home: home.path().to_owned(),
    }
    .into())
}
