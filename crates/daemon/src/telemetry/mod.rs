//! Logs: to stderr, as text for people or JSON for machines.
//!
//! Logging starts before the configuration is read, with what the command line says, and takes over the `[log]`
//! section when a service starts ([`Telemetry::configure`]). The command line wins over the configuration. Secrets
//! cannot get here: their types do not print.

mod filter;

use std::env;
use std::io::{self, IsTerminal};

use clap::{ArgAction, Args, ValueEnum};
use serde::Deserialize;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::progress::Progress;

pub use filter::{Filter, FilterError};

/// The `[log]` section of a service's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which lines are written; `info` by default.
    pub level: Filter,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: Filter::of(LevelFilter::INFO),
            format: LogFormat::Text,
        }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// What the command line says about logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,covenant=debug`
    #[arg(long, global = true, value_name = "FILTER")]
    log_level: Option<Filter>,

    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// Log more: -v for debug, -vv for trace
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "log_level")]
    verbose: u8,
}

impl Options {
    fn level(&self) -> Option<Filter> {
        match (&self.log_level, self.verbose) {
            (Some(level), _) => Some(level.clone()),
            (None, 0) => None,
            (None, 1) => Some(Filter::of(LevelFilter::DEBUG)),
            (None, _) => Some(Filter::of(LevelFilter::TRACE)),
        }
    }
}

type LogLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The logs of this process.
#[derive(Clone)]
pub struct Telemetry {
    options: Options,
    progress: Progress,
    layer: reload::Handle<LogLayer, Registry>,
}

impl Telemetry {
    /// Starts logging with what the command line says: warnings only, for a command's answer says the rest.
    ///
    /// Where the process logs already, as in a test that runs several commands, the first one's logs stay.
    pub(crate) fn start(options: Options, progress: &Progress) -> Self {
        let level = options.level().unwrap_or(Filter::of(LevelFilter::WARN));
        let format = options.log_format.unwrap_or_default();
        let (layer, handle) = reload::Layer::new(log_layer(&level, format, progress));
        // An error says that there is a subscriber already.
        let _ = tracing_subscriber::registry().with(layer).try_init();
        Self {
            options,
            progress: progress.clone(),
            layer: handle,
        }
    }

    /// Goes on with the configuration of a service, except for what the command line says.
    pub fn configure(&self, config: &Config) {
        let level = self.options.level().unwrap_or_else(|| config.level.clone());
        let format = self.options.log_format.unwrap_or(config.format);
        // An error says that this process logs elsewhere.
        let _ = self.layer.reload(log_layer(&level, format, &self.progress));
    }
}

fn log_layer(level: &Filter, format: LogFormat, progress: &Progress) -> LogLayer {
    let progress = progress.clone();
    let lines = fmt::layer().with_writer(move || progress.notes());
    match format {
        LogFormat::Text => {
            let coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
            level.targets().and_then(lines.with_ansi(coloured)).boxed()
        }
        LogFormat::Json => level
            .targets()
            .and_then(lines.json().flatten_event(true))
            .boxed(),
    }
}
