//! `init`.

use daemon::output::{Answer, CommandError};
use daemon::program::{Context, Initialised};

use super::not_made;
use crate::config::TEMPLATE;
use crate::home::Home;

const NEXT: &str = "edit the configuration, then `watchtower wallet new`";

/// Creates the directories, and the configuration unless there is one.
pub fn run(context: &Context) -> Result<Answer, CommandError> {
    let home = Home::new(context.home()?);
    home.create()
        .map_err(|error| not_made(&home.path().display().to_string(), &error))?;
    Initialised::new(context, TEMPLATE, NEXT).map(Into::into)
}
