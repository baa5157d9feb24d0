//! `cargo localnet`: the whole product on one machine, with real nodes, telling what it does.
//!
//! It starts a [`Network`], plays a story of [`testenv::network`] on it and prints each fact as the nodes confirm
//! it; then it stays up for people to try things, until Ctrl-C. What happened goes to standard output, what is being
//! waited for to standard error. Files of a network that failed are kept, all others are removed.

mod console;
mod guide;

use std::io::Write as _;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use testenv::Scratch;
use testenv::network::{
    Network, Settings, Stake, equivocation, life_of_a_stake, one_stake_three_chains,
};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use self::console::Console;

/// A Bitcoin node, a Babylon node and all programs of btc-mesh at work, as a story and to try things on
#[derive(Debug, Parser)]
#[command(
    name = "cargo localnet",
    after_help = "Examples:\n  cargo localnet --story\n  cargo localnet --mesh --story"
)]
struct Options {
    /// With two partner chains beside Babylon, which the same stakes secure, and a story about them
    #[arg(long)]
    mesh: bool,

    /// End after the story: exit code 0 if all of it came true, 1 with the reason otherwise
    #[arg(long)]
    story: bool,

    /// Seconds between two Bitcoin blocks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    block_interval: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(run_until_stopped(&options));
        // A build that is still going on is nothing to wait for.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "\nlocalnet failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run_until_stopped(options: &Options) -> anyhow::Result<()> {
    // In force when the network is dropped after a failure.
    Scratch::keep_all();
    let mut work = pin!(run(options));
    let outcome = tokio::select! {
        outcome = &mut work => outcome,
        stopped = stop_asked_for() => stopped.map(|()| None),
    };
    if outcome.is_ok() {
        Scratch::keep_after_panics();
    }
    outcome.map(drop)
}

/// Plays the story; returns the network when it is over and stopped.
async fn run(options: &Options) -> anyhow::Result<Option<Network>> {
    let mut console = Console::new();
    let chains = if options.mesh {
        Settings::mesh()
    } else {
        Settings::default()
    };
    let settings = Settings {
        bitcoin_block_interval: Duration::from_secs(options.block_interval),
        ..chains
    };
    let mut network = Network::launch(settings, &mut console).await?;
    let stake = play(&network, &mut console).await?;
    if options.story {
        console.end("The story is over: every line of it was confirmed by the nodes.");
        network.stop().await?;
        return Ok(Some(network));
    }
    guide::print(&network, &stake)?;
    std::future::pending().await
}

/// Plays what there is to show on the network; returns a stake that is active at the end.
async fn play(network: &Network, console: &mut Console) -> anyhow::Result<Stake> {
    if network.partners.is_empty() {
        life_of_a_stake(network, console).await?;
        return Ok(equivocation(network, console).await?.honest);
    }
    let story = one_stake_three_chains(network, console).await?;
    story.stakes.into_iter().next().context("no stake is left")
}

/// Waits for Ctrl-C or for a request to end.
async fn stop_asked_for() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
