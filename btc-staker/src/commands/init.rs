//! `init`: a home to start from.

use daemon::output::{Answer, CommandError};
use daemon::program::{Context, Initialised};

use crate::config::TEMPLATE;
use crate::home::Home;
use crate::staker::not_created;

const NEXT: &str = "say in the configuration where your nodes are, then `btc-staker wallet new`";

/// Creates the directories, and the configuration unless there is one.
pub fn execute(context: &Context) -> Result<Answer, CommandError> {
    let home = Home::new(context.home()?);
    home.create()
        .map_err(|error| not_created(home.path(), &error))?;
    Initialised::new(context, TEMPLATE, NEXT).map(Into::into)
}
