//! `init`: a configuration and the directories around it.

use std::fmt;
use std::path::{Path, PathBuf};

use daemon::config::write_template;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;

use super::failure;
use crate::config::TEMPLATE;
use crate::home::Home;

#[derive(Serialize)]
struct Initialized {
    config: PathBuf,
    home: PathBuf,
}

impl fmt::Display for Initialized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wrote {}; edit it, then:", self.config.display())?;
        writeln!(f, "  covenant keys new covenant")?;
        writeln!(f, "  covenant keys new account")?;
        write!(f, "  covenant start")
    }
}

pub(super) fn init(context: &Context) -> Result<Answer, CommandError> {
    let config = context.paths().config()?.to_owned();
    let home = Home::new(context.home()?);
    write_template(&config, TEMPLATE)?;
    for directory in [&home.resolve(Path::new("keys")), &home.data()] {
        std::fs::create_dir_all(directory)
            .map_err(|error| failure::file(&directory.display().to_string(), &error))?;
    }
    Ok(Initialized {
        config,
        home: home.path().to_owned(),
    }
    .into())
}
