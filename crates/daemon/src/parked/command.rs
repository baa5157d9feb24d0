//! The command `parked` of a service: what was given up on, and trying it again.

use std::fmt;
use std::io;
use std::path::Path;

use clap::Subcommand;
use serde::Serialize;

use super::{ParkedItem, list, retry};
use crate::output::{Answer, CommandError, Exit};

/// `parked …`
#[derive(Debug, Subcommand)]
pub enum ParkedCommand {
    /// Show what was given up on, with the reasons
    #[command(after_help = "Example:\n  {program} parked list --json")]
    List,
    /// Let the service try again at its next look
    #[command(
        after_help = "Examples:\n  {program} parked retry 4d2e…\n  {program} parked retry --all"
    )]
    Retry {
        /// Ids that `parked list` shows
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

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

#[derive(Default, Serialize)]
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

/// Lists the items that are parked in `directory`, or lets the service try them again.
///
/// # Errors
///
/// Fails where the directory cannot be read, and where none of the items to be retried is parked.
pub fn execute(command: ParkedCommand, directory: &Path) -> Result<Answer, CommandError> {
    let failed = |error: io::Error| {
        let message = format!("{}: {error}", directory.display());
        CommandError::new(Exit::Failed, "parked-unreadable", message)
    };
    let ids = match command {
        ParkedCommand::List => {
            let parked = list(directory).map_err(failed)?;
            return Ok(Listed { parked }.into());
        }
        ParkedCommand::Retry { all: true, .. } => {
            let parked = list(directory).map_err(failed)?;
            parked.into_iter().map(|item| item.id).collect()
        }
        ParkedCommand::Retry { ids, .. } => ids,
    };
    let mut answer = Retried::default();
    for id in ids {
        let ids = if retry(directory, &id).map_err(failed)? {
            &mut answer.retried
        } else {
            &mut answer.unknown
        };
        ids.push(id);
    }
    match (answer.retried.is_empty(), answer.unknown.as_slice()) {
        (_, []) => Ok(answer.into()),
        (false, _) => Ok(Answer::partial(answer)),
        (true, [first, ..]) => Err(CommandError::new(
            Exit::Failed,
            "not-parked",
            format!("`{first}` is not parked"),
        )
        .with_hint("`parked list` shows what is")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::{Value, json};

    use super::super::ParkedDirectory;
    use super::*;
    use crate::output::{Format, report};

    fn told(command: ParkedCommand, directory: &Path) -> (Exit, Value) {
        let mut data = Vec::new();
        let outcome = execute(command, directory);
        let exit = report(outcome, Format::Json, &mut data, &mut Vec::new());
        (exit, serde_json::from_slice(&data).unwrap())
    }

    fn retry_of(ids: &[&str]) -> ParkedCommand {
        ParkedCommand::Retry {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            all: false,
        }
    }

    #[test]
    fn what_is_parked_is_listed_and_retried() {
        let directory = tempfile::tempdir().unwrap();
        let mut parked = ParkedDirectory::open(directory.path()).unwrap();
        for id in ["aa", "bb", "cc"] {
            parked
                .park(id, "fee", "too low", SystemTime::UNIX_EPOCH)
                .unwrap();
        }
        let (exit, listed) = told(ParkedCommand::List, directory.path());
        assert_eq!(exit, Exit::Success);
        assert_eq!(
            listed["result"]["parked"][0],
            json!({"id": "aa", "rule": "fee", "message": "too low", "since": 0})
        );

        let (exit, retried) = told(retry_of(&["aa", "dd"]), directory.path());
        assert_eq!(exit, Exit::Partial);
        assert_eq!(
            retried["result"],
            json!({"retried": ["aa"], "unknown": ["dd"]})
        );
        let (exit, refused) = told(retry_of(&["aa"]), directory.path());
        assert_eq!(exit, Exit::Failed);
        assert_eq!(refused["error"]["message"], "`aa` is not parked");

        let all = ParkedCommand::Retry {
            ids: Vec::new(),
            all: true,
        };
        let (exit, retried) = told(all, directory.path());
        assert_eq!(exit, Exit::Success);
        assert_eq!(retried["result"]["retried"], json!(["bb", "cc"]));
        parked.refresh().unwrap();
        assert!(parked.is_empty());
    }

    #[test]
    fn nothing_is_parked_where_there_is_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        let (exit, listed) = told(ParkedCommand::List, &directory.path().join("none"));
        assert_eq!(exit, Exit::Success);
        assert_eq!(listed["result"]["parked"], json!([]));
    }
}
