//! A small program as ours are: one service, a few commands, one configuration. The crate's tests run it.
//!
//! `lamplighter start` keeps a lamp lit: it depends on a file `oil` in its data directory.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use daemon::config::{BrokenRule, Settings};
use daemon::consent::Consent;
use daemon::metrics::{Counter, Declaration, Metric};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::{Context, Program, run};
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use daemon::service::Service;
use daemon::{http, shutdown, telemetry};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

const CHECKS: Metric<Counter> =
    Metric::counter("lamplighter_checks_total", "Looks at the lamp, by result")
        .by("result", &["lit", "dark"]);
const METRICS: &[&dyn Declaration] = &[&CHECKS];
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(1),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    interval_milliseconds: u64,
    #[serde(default)]
    log: telemetry::Config,
    #[serde(default = "default_http")]
    http: http::Config,
}

fn default_http() -> http::Config {
    http::Config::loopback(0)
}

impl Settings for Config {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = self.http.broken_rules("http");
        if self.interval_milliseconds == 0 {
            broken.push(BrokenRule::new(
                "interval_milliseconds",
                "must be at least 1, is 0",
            ));
        }
        broken
    }
}

#[derive(Subcommand)]
enum Command {
    /// Keep the lamp lit until told to stop
    Start,
    /// Count lamps
    Count {
        /// How many there are
        lamps: u32,
    },
    /// Put the lamp out, after asking
    Douse {
        #[command(flatten)]
        consent: Consent,
    },
    /// Go on lighting whatever one is told
    Insist,
    /// Fail as a safety rule does
    Refuse,
    /// Fail as a bug does
    Panic,
}

#[derive(Serialize)]
struct Lamps {
    lamps: u32,
}

impl fmt::Display for Lamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.lamps).try_for_each(|number| writeln!(f, "lamp {number}"))
    }
}

struct Lamplighter;

impl Program for Lamplighter {
    const NAME: &'static str = "lamplighter";
    const ABOUT: &'static str = "Keeps a lamp lit";
    const CONFIG_TEMPLATE: &'static str =
        "# How often to look at the lamp.\ninterval_milliseconds = 20\n";
    type Command = Command;
    type Config = Config;

    async fn execute(command: Command, context: Context) -> Result<Answer, CommandError> {
        match command {
            Command::Start => start(&context).await,
            Command::Count { lamps } => Ok(Lamps { lamps }.into()),
            Command::Douse { consent } => {
                consent.ask("Put the lamp out?")?;
                Ok(Lamps { lamps: 0 }.into())
            }
            Command::Insist => insist().await,
            Command::Refuse => {
                Err(
                    CommandError::new(Exit::Refused, "storm", "no lamp is lit in a storm")
                        .with_hint("wait"),
                )
            }
            Command::Panic => panic!("the lamp fell over"),
        }
    }
}

async fn start(context: &Context) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let oil = service.dependency("oil");
    let can = context.home()?.join("oil");
    let interval = Duration::from_millis(config.interval_milliseconds);
    service.spawn_restarting("lamp", BACKOFF, move |stop| {
        keep_lit(can.clone(), oil.clone(), interval, stop)
    });
    service.show_status(move || Lamps { lamps: 1 });
    service.run().await
}

async fn keep_lit(
    can: PathBuf,
    oil: Dependency,
    interval: Duration,
    stop: CancellationToken,
) -> Result<(), std::io::Error> {
    while !stop.is_cancelled() {
        if can.try_exists()? {
            oil.ok();
            CHECKS.increment_for("lit");
        } else {
            oil.degraded("the can is empty");
            CHECKS.increment_for("dark");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(interval) => {}
        }
    }
    Ok(())
}

async fn insist() -> Result<Answer, CommandError> {
    let stop = shutdown::on_signal()
        .map_err(|error| CommandError::caused_by(Exit::Failed, "no-signals", &error))?;
    tracing::warn!("insisting");
    stop.cancelled().await;
    tracing::warn!("insisting still");
    std::future::pending().await
}

fn main() -> ExitCode {
    run::<Lamplighter>()
}
