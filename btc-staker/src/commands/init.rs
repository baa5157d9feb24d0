//! `init`: a home to start from.

use std::fmt;
use std::path::PathBuf;

use daemon::config::{TemplateError, write_template};
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use crate::config::TEMPLATE;
use crate::home::Home;
use crate::staker::not_created;

#[derive(Debug, Serialize)]
struct Initialised {
    home: PathBuf,
    config: PathBuf,
    config_written: bool,
}

/// Creates the directories, and the configuration unless there is one.
pub fn execute(context: &Context) -> Result<Answer, CommandError> {
    let home = Home::new(context.home()?);
    home.create()
        .map_err(|error| not_created(home.path(), &error))?;
    let config = context.paths().config()?.to_owned();
    let config_written = match write_template(&config, TEMPLATE) {
        Ok(()) => true,
        Err(TemplateError::Exists { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(Initialised {
        home: home.path().to_owned(),
        config,
        config_written,
    }
    .into())
}

impl fmt::Display for Initialised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "home           {}", self.home.display())?;
        let note = if self.config_written {
            "written"
        } else {
            "was there already"
        };
        writeln!(f, "configuration  {} ({note})", self.config.display())?;
        f.write_str("Next: say in the configuration where your nodes are, then run `btc-staker wallet new`.")
    }
}
