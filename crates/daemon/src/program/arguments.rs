//! The command line that all programs share around their own commands.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use super::Program;
use super::shared::SharedCommand;
use crate::config::variable_prefix;
use crate::output::Exit;
use crate::telemetry;

/// A whole command line.
#[derive(Debug, Parser)]
pub(super) struct Arguments<C: Subcommand> {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) verb: Verb<C>,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Verb<C: Subcommand> {
    #[command(flatten)]
    Own(C),
    #[command(flatten)]
    Shared(SharedCommand),
}

/// The options of every command.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Options {
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Data directory
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) home: Option<PathBuf>,

    /// Print one line of JSON: {"status","result"} or {"status","error"}
    // Read by `wants_json`, which must also work where the rest of the line cannot be parsed.
    #[arg(long = "json", global = true)]
    _json: bool,

    #[command(flatten)]
    pub(super) log: telemetry::Options,
}

/// What stands for the program's name in examples of commands that several programs have.
const PROGRAM: &str = "{program}";

/// The whole command line of `P`, for parsing, completions and manual pages.
pub(super) fn command<P: Program>() -> Command {
    with_its_name(Arguments::<P::Command>::command(), P::NAME)
        .name(P::NAME)
        .about(P::ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .after_long_help(appendix(P::NAME))
}

/// Puts the program's name into the examples of all subcommands.
fn with_its_name(command: Command, program: &str) -> Command {
    let help = command
        .get_after_help()
        .map(|help| help.to_string().replace(PROGRAM, program));
    let command = match help {
        Some(help) => command.after_help(help),
        None => command,
    };
    command.mut_subcommands(|subcommand| with_its_name(subcommand, program))
}

/// Whether the envelope is asked for, whatever else the arguments are.
pub(super) fn wants_json(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--json")
}

/// What is true of all commands: variables and exit codes.
fn appendix(program: &str) -> String {
    let prefix = variable_prefix(program);
    let mut text = format!(
        "Environment:\n  \
         {prefix}_CONFIG          configuration file\n  \
         {prefix}_HOME            data directory\n  \
         {prefix}__SECTION__KEY   overrides `key` of [section] in the configuration\n\n\
         Exit codes:\n"
    );
    for (exit, meaning) in Exit::MEANINGS {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {}  {meaning}", exit.code());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_seen_before_the_end_of_options_only() {
        let seen =
            |line: &str| wants_json(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(seen("covenant --no-such-option --json"));
        assert!(!seen("covenant inspect -- --json"));
        assert!(!seen("covenant inspect json"));
    }
}
