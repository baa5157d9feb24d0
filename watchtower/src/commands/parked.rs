//! `parked …`: what was given up on.

use std::fmt;

use daemon::output::{Answer, CommandError, Exit};
use daemon::parked::{self, ParkedItem};
use daemon::program::Context;
use serde::Serialize;

use crate::cli::ParkedCommand;
use crate::home::Home;

#[derive(Serialize)]
struct Listed {
    parked: Vec<ParkedItem>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parked.is_empty() {
            return f.write_str("nothing is parked");
        }
        self.parked
            .iter()
            .try_for_each(|item| writeln!(f, "{}  {}: {}", item.id, item.rule, item.message))
    }
}

#[derive(Serialize)]
struct Retried {
    retried: Vec<String>,
    unknown: Vec<String>,
}

impl fmt::Display for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} will be tried again", self.retried.len())?;
        self.unknown
            .iter()
            .try_for_each(|id| writeln!(f, "not parked: {id}"))
    }
}

/// Lists parked items, or lets the watchtower try them again.
pub fn run(context: &Context, command: ParkedCommand) -> Result<Answer, CommandError> {
    let directory = Home::new(context.home()?).parked();
    let failed = |error: std::io::Error| {
        let message = format!("{}: {error}", directory.display());
        CommandError::new(Exit::Failed, "parked-unreadable", message)
    };
    let ids = match command {
        ParkedCommand::List => {
            let parked = parked::list(&directory).map_err(failed)?;
            return Ok(Listed { parked }.into());
        }
        ParkedCommand::Retry { all: true, .. } => {
            let parked = parked::list(&directory).map_err(failed)?;
            parked.into_iter().map(|item| item.id).collect()
        }
        ParkedCommand::Retry { ids, .. } => ids,
    };
    let mut answer = Retried {
        retried: Vec::new(),
        unknown: Vec::new(),
    };
    for id in ids {
        let list = if parked::retry(&directory, &id).map_err(failed)? {
            &mut answer.retried
        } else {
            &mut answer.unknown
        };
        list.push(id);
    }
    match (answer.retried.is_empty(), answer.unknown.as_slice()) {
        (_, []) => Ok(answer.into()),
        (false, _) => Ok(Answer::partial(answer)),
        (true, [first, ..]) => Err(CommandError::new(
            Exit::Failed,
            "not-parked",
            format!("`{first}` is not parked"),
        )
        .with_hint("`watchtower parked list` shows what is")),
    }
}
