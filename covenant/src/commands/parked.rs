//! `parked`: delegations that are not signed.

use std::fmt;

use daemon::output::{Answer, CommandError, Exit};
use serde::Serialize;

use super::failure;
use crate::cli::ParkedCommand;
use crate::home::Home;
use crate::service::parked::{self, ParkedDelegation};

#[derive(Serialize)]
struct Listed {
    parked: Vec<ParkedDelegation>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parked.is_empty() {
            return f.write_str("nothing is parked");
        }
        self.parked.iter().try_for_each(|parked| {
            writeln!(f, "{}  {}: {}", parked.id, parked.rule, parked.message)
        })
    }
}

#[derive(Serialize)]
struct Retried {
    retried: Vec<String>,
    unknown: Vec<String>,
}

impl fmt::Display for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} will be tried again at the next poll",
            self.retried.len()
        )?;
        self.unknown
            .iter()
            .try_for_each(|id| writeln!(f, "not parked: {id}"))
    }
}

pub(super) fn execute(command: ParkedCommand, home: &Home) -> Result<Answer, CommandError> {
    let directory = home.parked();
    let failed = |error: std::io::Error| failure::file("the parked delegations", &error);
    match command {
        ParkedCommand::List => Ok(Listed {
            parked: parked::list(&directory).map_err(failed)?,
        }
        .into()),
        ParkedCommand::Retry { ids, all } => {
            let ids = if all {
                parked::list(&directory)
                    .map_err(failed)?
                    .into_iter()
                    .map(|one| one.id)
                    .collect()
            } else {
                ids
            };
            let mut answer = Retried {
                retried: Vec::new(),
                unknown: Vec::new(),
            };
            for id in ids {
                let known = parked::retry(&directory, &id).map_err(failed)?;
                if known {
                    &mut answer.retried
                } else {
                    &mut answer.unknown
                }
                .push(id);
            }
            match (answer.retried.is_empty(), answer.unknown.as_slice()) {
                (_, []) => Ok(answer.into()),
                (false, _) => Ok(Answer::partial(answer)),
                (true, [first, ..]) => Err(CommandError::new(
                    Exit::Failed,
                    "not-parked",
                    format!("`{first}` is not parked"),
                )
                .with_hint("`covenant parked list` shows what is")),
            }
        }
    }
}
