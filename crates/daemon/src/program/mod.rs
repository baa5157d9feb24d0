//! A program: its name, commands and configuration, and the way from `main` to an exit code.

mod arguments;
mod context;
mod initialised;
mod shared;

use std::env;
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{FromArgMatches, Subcommand};
use tokio::runtime::Runtime;

use crate::config::{Environment, Settings};
use crate::metrics::Build;
use crate::output::{Answer, CommandError, Exit, Format, report};
use crate::panic::{log_panics, message};
use crate::paths::Paths;
use crate::progress::Progress;
use crate::telemetry::Telemetry;

use arguments::{Arguments, Verb, command, wants_json};
pub use context::Context;
pub use initialised::Initialised;

/// One of our programs.
///
/// Besides its own commands every program has `config init`, `config validate`, `completions` and `man`, and the
/// options `--config`, `--home`, `--json`, `--log-level`, `--log-format` and `-v`.
pub trait Program {
    /// Name of the executable, such as `btc-staker`; configuration, directories and variables are named after it.
    const NAME: &'static str;

    /// What it is for, in one line.
    const ABOUT: &'static str;

    /// What `config init` writes: every setting with a comment.
    const CONFIG_TEMPLATE: &'static str;

    /// Its own commands.
    type Command: Subcommand;

    /// Its configuration, which `config validate` checks.
    type Config: Settings;

    /// Carries out one command.
    fn execute(
        command: Self::Command,
        context: Context,
    ) -> impl Future<Output = Result<Answer, CommandError>>;
}

/// Runs the program with the arguments and environment of this process; `main` returns the result.
///
/// Usage errors end with [`Exit::Usage`] and, where `--json` is among the arguments, with the envelope. A panic ends
/// with [`Exit::Failed`] and a message that asks to report it.
pub fn run<P: Program>() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    let format = if wants_json(&arguments) {
        Format::Json
    } else {
        Format::Text
    };
    let parsed = command::<P>()
        .try_get_matches_from(arguments)
        .and_then(|matches| Arguments::<P::Command>::from_arg_matches(&matches));
    let outcome = match parsed {
        Ok(arguments) => carry_out::<P>(arguments),
        Err(error) => match usage(&error, format) {
            Ok(exit) => return exit.into(),
            Err(error) => Err(error),
        },
    };
    report(
        outcome,
        format,
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    )
    .into()
}

fn carry_out<P: Program>(arguments: Arguments<P::Command>) -> Result<Answer, CommandError> {
    let Arguments { options, verb } = arguments;
    let progress = Progress::default();
    let telemetry = Telemetry::start(options.log, &progress);
    log_panics();
    let context = Context {
        build: build::<P>(),
        paths: Paths::resolve(P::NAME, options.config, options.home, |name| {
            env::var_os(name)
        }),
        environment: Environment::of_program(P::NAME, env::vars_os()),
        telemetry,
        progress,
    };
    match verb {
        Verb::Shared(command) => shared::execute::<P>(command, &context),
        Verb::Own(command) => {
            let runtime = Runtime::new().map_err(|error| {
                CommandError::new(Exit::Failed, "no-threads", format!("cannot start: {error}"))
            })?;
            // Nothing that a panic left half done is used again: the process ends.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(P::execute(command, context))
            }));
            // A blocking call that nobody waits for any more must not keep the process from ending.
            runtime.shutdown_background();
            outcome.unwrap_or_else(|panic| Err(internal_error(message(panic.as_ref()))))
        }
    }
}

fn build<P: Program>() -> Build {
    Build {
        program: P::NAME,
        // The workspace has one version.
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("BTC_MESH_COMMIT").unwrap_or("unknown"),
    }
}

fn internal_error(message: &str) -> CommandError {
    CommandError::new(
        Exit::Failed,
        "internal-error",
        format!("internal error: {message}"),
    )
    .with_hint("this is a bug: please report it with what you did")
}

/// Prints help, version and, for people, usage errors as clap words them; turns usage errors into ours for scripts.
fn usage(error: &clap::Error, format: Format) -> Result<Exit, CommandError> {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if format == Format::Text || asked_for {
        // Whoever reads has gone away: nobody is left to tell.
        let _ = error.print();
        return Ok(if asked_for {
            Exit::Success
        } else {
            Exit::Usage
        });
    }
    let text = error.render().to_string();
    let text = text.trim().trim_start_matches("error: ");
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let error = CommandError::new(Exit::Usage, "usage", message);
    Err(if rest.is_empty() {
        error
    } else {
        error.with_hint(rest)
    })
}
