//! What the programs share: command line, configuration, logs, metrics, health, shutdown.
//!
//! A program is a [`program::Program`]; [`program::run`] takes it from `main` to an exit code. Offline commands return
//! an [`output::Answer`]; long-running ones start a [`service::Service`] and give it their tasks.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use daemon::config::Settings;
//! use daemon::output::{Answer, CommandError};
//! use daemon::program::{Context, Program, run};
//!
//! /// The configuration, `greeter.toml`.
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     name: String,
//! }
//!
//! impl Settings for Config {}
//!
//! #[derive(clap::Subcommand)]
//! enum Command {
//!     /// Greet whom the configuration names
//!     Greet,
//! }
//!
//! /// The result of `greet`: JSON for scripts, text for people.
//! #[derive(serde::Serialize)]
//! struct Greeting {
//!     name: String,
//! }
//!
//! impl std::fmt::Display for Greeting {
//!     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         write!(f, "Hello, {}!", self.name)
//!     }
//! }
//!
//! struct Greeter;
//!
//! impl Program for Greeter {
//!     const NAME: &'static str = "greeter";
//!     const ABOUT: &'static str = "Greets people";
//!     const CONFIG_TEMPLATE: &'static str = "# Whom to greet.\nname = \"world\"\n";
//!     type Command = Command;
//!     type Config = Config;
//!
//!     async fn execute(command: Command, context: Context) -> Result<Answer, CommandError> {
//!         match command {
//!             Command::Greet => {
//!                 let Config { name } = context.config()?;
//!                 Ok(Greeting { name }.into())
//!             }
//!         }
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     run::<Greeter>()
//! }
//! ```
//!
//! | module | guards |
//! |---|---|
//! | [`program`] | the command line and the way to the exit code |
//! | [`output`] | the envelope, the exit codes, stdout and stderr |
//! | [`config`], [`paths`] | what is read from files and the environment, and where they are |
//! | [`consent`], [`progress`] | what a person is asked and shown |
//! | [`service`], [`supervisor`], [`shutdown`] | starting, restarting and stopping |
//! | [`lock`] | one process per data directory |
//! | [`retry`], [`parked`], [`attempts`] | when to try again, when to give up, and the list of what was given up on |
//! | [`telemetry`], [`metrics`], [`readiness`], [`status`], [`http`] | what can be seen from outside |

pub mod attempts;
pub mod config;
pub mod consent;
pub mod http;
pub mod lock;
pub mod metrics;
pub mod output;
mod panic;
pub mod parked;
pub mod paths;
pub mod program;
pub mod progress;
pub mod readiness;
pub mod retry;
pub mod service;
pub mod shutdown;
pub mod status;
pub mod supervisor;
mod systemd;
pub mod telemetry;
