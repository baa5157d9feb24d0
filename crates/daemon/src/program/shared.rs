//! The commands that every program has: its configuration, completions and manual pages.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap_complete::Shell;
use clap_mangen::Man;
use serde::Serialize;

use super::arguments::command;
use super::{Context, Program};
use crate::config::write_template;
use crate::output::{Answer, CommandError, Exit};

#[derive(Debug, Subcommand)]
pub(super) enum SharedCommand {
    /// Write or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),

    /// Print a script that completes commands and options in a shell
    #[command(
        after_help = "Example:\n  {program} completions bash > /etc/bash_completion.d/{program}"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print the manual page, or write the pages of all commands
    #[command(after_help = "Example:\n  {program} man --directory /usr/local/share/man/man1")]
    Man {
        /// Directory to write all pages to
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Write a commented configuration to start from; never overwrites one
    #[command(after_help = "Example:\n  {program} config init --config ./{program}.toml")]
    Init,
    /// Check the configuration and name every mistake in it
    #[command(after_help = "Example:\n  {program} config validate --json")]
    Validate,
}

#[derive(Serialize)]
struct Written {
    path: PathBuf,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrote {}", self.path.display())
    }
}

#[derive(Serialize)]
struct Valid {
    path: PathBuf,
    overridden_by: Vec<String>,
}

impl fmt::Display for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is valid", self.path.display())?;
        self.overridden_by
            .iter()
            .try_for_each(|name| write!(f, "\n  overridden by {name}"))
    }
}

/// A text that is the whole result.
#[derive(Serialize)]
struct Text {
    text: String,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) fn execute<P: Program>(
    command: SharedCommand,
    context: &Context,
) -> Result<Answer, CommandError> {
    match command {
        SharedCommand::Config(ConfigCommand::Init) => {
            let path = context.paths().config()?.to_owned();
            if context
                .paths()
                .home()
                .is_ok_and(|home| path.starts_with(home))
            {
                // Else the directory above the file would be made for everybody to read.
                context.home()?;
            }
            write_template(&path, P::CONFIG_TEMPLATE)?;
            Ok(Written { path }.into())
        }
        SharedCommand::Config(ConfigCommand::Validate) => {
            context.config::<P::Config>()?;
            let overridden_by = context.environment().names().map(str::to_owned).collect();
            Ok(Valid {
                path: context.paths().config()?.to_owned(),
                overridden_by,
            }
            .into())
        }
        SharedCommand::Completions { shell } => Ok(completions::<P>(shell).into()),
        SharedCommand::Man { directory: None } => manual_page::<P>().map(Into::into),
        SharedCommand::Man {
            directory: Some(path),
        } => manual_pages::<P>(&path).map(Into::into),
    }
}

fn completions<P: Program>(shell: Shell) -> Text {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command::<P>(), P::NAME, &mut script);
    Text {
        text: String::from_utf8_lossy(&script).into_owned(),
    }
}

fn manual_page<P: Program>() -> Result<Text, CommandError> {
    let mut page = Vec::new();
    Man::new(command::<P>())
        .render(&mut page)
        .map_err(|error| not_written("the manual page", &error))?;
    Ok(Text {
        text: String::from_utf8_lossy(&page).into_owned(),
    })
}

fn manual_pages<P: Program>(directory: &Path) -> Result<Written, CommandError> {
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(command::<P>(), directory))
        .map_err(|error| not_written(&directory.display().to_string(), &error))?;
    Ok(Written {
        path: directory.to_owned(),
    })
}

fn not_written(what: &str, error: &std::io::Error) -> CommandError {
    CommandError::new(
        Exit::Failed,
        "not-written",
        format!("{what} cannot be written: {error}"),
    )
}
