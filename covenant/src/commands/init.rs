//! `init`: a configuration and the directories around it.

use std::path::Path;

use daemon::output::{Answer, CommandError};
use daemon::program::{Context, Initialised};

use super::failure;
use crate::config::TEMPLATE;
use crate::home::Home;

const NEXT: &str = "edit the configuration, then `covenant keys new covenant`, `covenant keys new account`, \
                    `covenant start`";

/// Creates the directories, and the configuration unless there is one.
pub(super) fn init(context: &Context) -> Result<Answer, CommandError> {
    let home = Home::new(context.home()?);
    for directory in [&home.resolve(Path::new("keys")), &home.data()] {
        std::fs::create_dir_all(directory)
            .map_err(|error| failure::file(&directory.display().to_string(), &error))?;
    }
    Initialised::new(context, TEMPLATE, NEXT).map(Into::into)
}
